// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a config file: no crash, entries only with key and value, errors of one line; and
 * each entry is taken, or refused with a sentence.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/option.h"
#include "cli/option_value.h"
#include "core/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(const struct config *config)
{
	for (size_t i = 0; i < config->entry_count; i++) {
		const struct config_entry *entry = &config->entries[i];

		if (!entry->key[0] || !entry->value[0] || !entry->line)
			abort();
		if (entry->row && !entry->row->in_config)
			abort();
	}
}

static void check_problem(void *userdata, const char *problem)
{
	uint32_t *problem_count = userdata;

	if (!problem[0] || strpbrk(problem, "\n\033"))
		abort();
	++*problem_count;
}

static void apply_entries(const struct config *config)
{
	struct options options;

	if (options_init(&options) < 0)
		abort();
	for (size_t i = 0; i < config->entry_count; i++) {
		const struct config_entry *entry = &config->entries[i];
		char error[2048] = "";
		int r = entry->row ? option_apply(entry->row, &options, entry->value, error,
						  sizeof(error))
				   : value_set_setting(&options, entry->key, entry->value, error,
						       sizeof(error));

		if ((r < 0) != (error[0] != '\0') || !format_is_safe(error))
			abort();
	}
	options_free(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	uint32_t problem_count = 0;
	int ret = config_parse((const char *)data, size, check_problem, &problem_count, &config);

	if ((ret == -EINVAL) != (problem_count > 0))
		abort();
	if (ret == -ENOMEM)
		return 0;
	check_entries(&config);
	apply_entries(&config);
	config_clear(&config);
	return 0;
}
