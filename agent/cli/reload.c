// SPDX-License-Identifier: Apache-2.0
/*
 * Why: a service that must be restarted to learn the name of a new server forgets what it knows of
 * all the others.
 *
 * Invariant: a reload changes all of what it can, or nothing. The reading is that of a start, so
 * what a start refuses a reload refuses, and the command line wins as before.
 */
#include "reload.h"

#include <stdio.h>
#include <string.h>

#include "option_table.h"
#include "sys/log.h"

#define SWAP(a, b)                                                                                 \
	do {                                                                                       \
		__typeof__(a) swap_kept;                                                           \
		memcpy(&swap_kept, &(a), sizeof(a));                                               \
		memcpy(&(a), &(b), sizeof(a));                                                     \
		memcpy(&(b), &swap_kept, sizeof(a));                                               \
	} while (0)

/* The members behind the rows with at_run_time; the others stay where somebody may hold them. */
static void swap_changeable(struct options *a, struct options *b)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	SWAP(a->databases, b->databases);
	SWAP(a->settings, b->settings);
	SWAP(a->pids, b->pids);
	SWAP(a->pid_count, b->pid_count);
	SWAP(a->comms, b->comms);
	SWAP(a->comm_count, b->comm_count);
	SWAP(a->cgroups, b->cgroups);
	SWAP(a->cgroup_count, b->cgroup_count);
	SWAP(a->interval_ns, b->interval_ns);
	SWAP(a->fail_on, b->fail_on);
	SWAP(a->verbosity, b->verbosity);
	for (size_t i = 0; i < count; i++)
		if (rows[i].at_run_time)
			SWAP(a->value_hashes[i], b->value_hashes[i]);
}

static size_t append(char *buffer, size_t size, size_t used, const char *separator,
		     const char *text)
{
	if (used < size)
		used += (size_t)snprintf(buffer + used, size - used, "%s%s", separator, text);
	return used < size ? used : size;
}

static size_t list_rows(const struct options *before, const struct options *after, bool at_run_time,
			char *buffer, size_t size)
{
	size_t count, used = 0;
	const struct option_row *rows = option_rows(&count);
	bool settings_differ =
		memcmp(&before->settings, &after->settings, sizeof(before->settings)) != 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		/* Settings come by --set and by a section of the file. */
		bool is_set = strcmp(rows[i].name, "set") == 0;
		bool differs = is_set ? settings_differ
				      : before->value_hashes[i] != after->value_hashes[i];

		if (differs && rows[i].at_run_time == at_run_time)
			used = append(buffer, size, used, used ? ", " : "",
				      is_set ? "detector settings" : rows[i].name);
	}
	return used;
}

const char *reload_describe(const struct options *before, const struct options *after, char *buffer,
			    size_t size)
{
	char applied[400], waiting[400];
	bool any_applied = list_rows(before, after, true, applied, sizeof(applied)) > 0;
	bool any_waiting = list_rows(before, after, false, waiting, sizeof(waiting)) > 0;

	snprintf(buffer, size, "%s%s%s%s%s", any_applied ? "applied: " : "",
		 any_applied ? applied : "", any_applied && any_waiting ? "; " : "",
		 any_waiting ? "waits for the next start: " : "", any_waiting ? waiting : "");
	if (!any_applied && !any_waiting)
		snprintf(buffer, size, "nothing has changed");
	return buffer;
}

bool reload(struct live *live, struct options *running)
{
	struct options fresh;
	char error[2048] = "", text[1000];
	enum option_result result = options_parse_to(running->argc, running->argv, stderr, &fresh,
						     error, sizeof(error));
	bool is_taken = result == OPTION_RUN;

	if (!is_taken) {
		log_error("reload refused, the old configuration goes on: %s", error);
	} else {
		reload_describe(running, &fresh, text, sizeof(text));
		swap_changeable(running, &fresh);
		is_taken = live_set_options(live, running) == 0;
		if (is_taken) {
			log_notice("reloaded: %s", text);
		} else {
			swap_changeable(running, &fresh);
			/* Half of a filter may be in place; that of before is known to work. */
			(void)live_set_options(live, running);
			log_error("reload refused, the old configuration goes on");
		}
	}
	options_free(&fresh);
	return is_taken;
}
