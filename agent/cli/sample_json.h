/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sample as JSON and back: what `top --json` prints, the agent serves and `top` reads from it.
 *
 *	{"t":12.5,"observed_s":10.5,"lost":0,"lost_by_reason":{},"pools":[{"pid":4711,...},...]}
 */
#ifndef CONNLEAK_CLI_SAMPLE_JSON_H
#define CONNLEAK_CLI_SAMPLE_JSON_H

#include <jansson.h>

#include "screen/sample.h"

/* A new reference; NULL when out of memory. */
json_t *sample_json_encode(const struct sample *sample);

/* The same as one line without LF, to be freed by the caller; NULL when out of memory. */
char *sample_json_print(const struct sample *sample);

/*
 * Reads what sample_json_print() has written, or somebody else has made up. Keys that are not known
 * are passed over, what is missing is unknown or 0. Returns 0; -EINVAL with a sentence in
 * ret_error that names the place; or -ENOMEM. Free with sample_free().
 */
int sample_json_decode(const char *text, size_t length, struct sample **ret_sample, char *ret_error,
		       size_t error_size);

#endif
