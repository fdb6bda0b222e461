/* SPDX-License-Identifier: Apache-2.0 */
/* Moments of the wall clock as text: "2026-11-20T08:00:00.5Z". Pure: no zone, no clock. */
#ifndef CONNLEAK_CORE_RFC3339_H
#define CONNLEAK_CORE_RFC3339_H

#include "types.h"

#define RFC3339_SIZE 40 /* with nine digits of fraction, and room */

/*
 * To Unix time in ns, and the zone it was written in: seconds east of Greenwich, a multiple of 60.
 * False where the text is no such moment or is not in 1970-2250.
 */
bool rfc3339_parse(const char *text, int64_t *ret_unix_ns, int32_t *ret_offset_s);

/*
 * In the zone offset_s (seconds east of Greenwich; only whole minutes can be written), with as many
 * digits of fraction as it takes. Returns buffer.
 */
const char *rfc3339_format(uint64_t unix_ns, int32_t offset_s, char *buffer, size_t size);

#endif
