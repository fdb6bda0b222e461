/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON library, as a reader that tells a text that is bad from memory that is out. Up to
 * jansson 2.14 it takes a word for which it got no memory for one that is not JSON; the allocator's
 * errno tells them apart.
 */
#ifndef CONNLEAK_CORE_JSON_READ_H
#define CONNLEAK_CORE_JSON_READ_H

#include <errno.h>
#include <jansson.h>

/* Returns 0 and a reference that is the caller's, -EBADMSG with *ret_error, or -ENOMEM. */
static inline int json_read(const char *text, size_t length, json_t **ret_json,
			    json_error_t *ret_error)
{
	json_t *json;

	errno = 0;
	json = json_loadb(text, length, JSON_REJECT_DUPLICATES, ret_error);
	if (!json)
		return errno == ENOMEM ? -ENOMEM : -EBADMSG;
	*ret_json = json;
	return 0;
}

#endif
