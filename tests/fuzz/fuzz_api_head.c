/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the beginning of an answer on the agent's socket, and as the body of a refusal. What
 * is taken as a head must be bounded and must not change when more bytes come; a prefix must never
 * be taken for another head; the sentence must be safe.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/api_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_head(const char *bytes, size_t length)
{
	struct api_head whole, part;
	int r = api_parse_head(bytes, length, &whole);

	require(r == 1 || r == 0 || r == -EBADMSG || r == -EMSGSIZE, "a result of the contract");
	require(r != 0 || length < API_HEAD_MAX_BYTES, "more is asked for only up to the bound");
	if (r != 1)
		return;
	require(whole.status >= 100 && whole.status <= 599, "a status");
	require(whole.head_bytes <= length && whole.head_bytes <= API_HEAD_MAX_BYTES, "a head");
	require(whole.body_bytes <= API_BODY_MAX_BYTES, "a bounded body");
	require(api_parse_head(bytes, whole.head_bytes, &part) == 1 &&
			part.head_bytes == whole.head_bytes && part.status == whole.status &&
			part.body_bytes == whole.body_bytes,
		"the head alone is the same head");
	require(api_parse_head(bytes, whole.head_bytes - 1, &part) == 0, "a part asks for more");
}

static void check_refusal(const char *bytes, size_t length)
{
	char sentence[300];

	(void)api_parse_refusal(404, bytes, length, sentence, sizeof(sentence));
	require(sentence[0] != '\0', "a refusal has a sentence");
	for (const char *c = sentence; *c; c++)
		require((uint8_t)*c >= 0x20 && *c != 0x7f, "the sentence is safe");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_head((const char *)data, size);
	check_refusal((const char *)data, size);
	return 0;
}
