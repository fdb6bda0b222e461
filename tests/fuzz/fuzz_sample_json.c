/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a sample. What is taken must keep its promises: printable names, words that exist,
 * and a JSON form that reads back as the same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sample_json.h"
#include "core/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_row(const struct sample_row *row)
{
	require(!row->comm || format_is_safe(row->comm), "comm is printable");
	require(!row->workload || format_is_safe(row->workload), "workload is printable");
	require(!row->verdict.id || sample_verdict_word(&row->verdict) != NULL, "verdict is one");
	require(row->verdict.state != VERDICT_CLEARED, "no verdict is a cleared one");
	require(row->site_count <= SAMPLE_SITES_MAX + 1, "sites are few");
	(void)sample_failed_count(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample *sample = NULL, *again = NULL;
	char error[200], *text, *second;

	if (sample_json_decode((const char *)data, size, &sample, error, sizeof(error))) {
		require(format_is_safe(error), "a fault is one printable line");
		return 0;
	}
	for (uint32_t i = 0; i < sample->row_count; i++)
		check_row(&sample->rows[i]);
	text = sample_json_print(sample);
	require(text != NULL, "what was read can be written");
	require(!sample_json_decode(text, strlen(text), &again, error, sizeof(error)),
		"and read again");
	second = sample_json_print(again);
	require(second && again->row_count == sample->row_count, "as the same");
	free(text);
	free(second);
	sample_free(sample);
	sample_free(again);
	return 0;
}
