/* SPDX-License-Identifier: Apache-2.0 */
/* Moments of the wall clock as text: "2026-11-20T08:00:00.5Z". Pure: no zone, no clock. */
#ifndef CONNLEAK_CORE_RFC3339_H
#define CONNLEAK_CORE_RFC3339_H

#include "types.h"

#define RFC3339_SIZE 40 /* with nine digits of fraction, and room */

/* To Unix time in ns; false where the text is no such moment or is not in 1970-2250. */
bool rfc3339_parse(const char *text, int64_t *ret_unix_ns);

/* In UTC, with as many digits of fraction as it takes. Returns buffer. */
const char *rfc3339_format(uint64_t unix_ns, char *buffer, size_t size);

#endif
