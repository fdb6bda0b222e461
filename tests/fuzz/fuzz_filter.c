/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a filter of the screen, and as a moment of a recording. What is taken has to match
 * or not without a fault; what is refused is said in one printable line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "screen/filter.h"
#include "screen/seek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_seek(const char *text)
{
	struct seek_place place = {
		.begin_ns = 100 * NS_PER_SEC,
		.end_ns = 900 * NS_PER_SEC,
		.now_ns = 500 * NS_PER_SEC,
		.realtime_at_zero_ns = 1700000000LL * 1000000000,
	};
	char error[200];
	uint64_t t_ns;

	if (seek_parse(text, &place, &t_ns, error, sizeof(error)))
		require(format_is_safe(error), "a fault is one printable line");
	else
		require(t_ns >= place.begin_ns && t_ns <= place.end_ns, "it is in the recording");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct sample_site site = {"OrderRepo.save", 3, 1};
	struct sample_row row = {
		.client = {.pid = 4711},
		.remote = {.port = 5432},
		.comm = "orders-api",
		.workload = "shop/orders/api",
		.pod = "orders",
		.database = "postgresql",
		.open_count = 7,
		.limit = 10,
		.sites = &site,
		.site_count = 1,
	};
	char *text = malloc(size + 1), error[400];
	struct filter *filter = NULL;

	require(text != NULL, "memory");
	memcpy(text, data, size);
	text[size] = '\0';
	if (filter_parse(text, &filter, error, sizeof(error)))
		require(format_is_safe(error), "a fault is one printable line");
	(void)filter_matches(filter, &row);
	filter_free(filter);
	check_seek(text);
	free(text);
	return 0;
}
