/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads one pool in detail out of what `explain PID --json` prints and the agent serves.
 */
#ifndef CONNLEAK_CLI_DETAIL_JSON_H
#define CONNLEAK_CLI_DETAIL_JSON_H

#include "screen/detail.h"

/*
 * Of the pool that row identifies. What is missing is unknown. Returns 0; -ENOENT where the answer
 * does not have that pool; -EINVAL with a sentence in ret_error; or -ENOMEM.
 */
int detail_json_decode(const char *text, size_t length, const struct sample_row *row,
		       struct detail **ret_detail, char *ret_error, size_t error_size);

#endif
