// SPDX-License-Identifier: Apache-2.0
/*
 * Whom to watch for sends is the detector's word: a pool under suspicion, and from there to its
 * end. Before that there is nothing on the path of data.
 *
 * Invariant: a process is watched while at least one verdict against it stands.
 */
#include "live_sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sys/hash.h"
#include "sys/log.h"
#include "sys/sites.h"

/* Of one process: a leak needs few samples, and a storm must not cost more than that. */
#define STACKS_PER_S 20
#define STACKS_PER_S_RUN 1000

struct standing {
	uint64_t verdict;
	uint32_t pid;
	UT_hash_handle hh;
};

struct live_sites {
	struct sites *sites;
	struct standing *standings;
	bool is_refused; /* the kernel has no place for the probe of sends: said once */
};

static bool wants_sites(const struct options *options)
{
	/* run follows processes with the same probes, stacks or no stacks. */
	return options->command == COMMAND_RUN ||
	       (!options->no_stacks && options->command != COMMAND_LIST);
}

struct live_sites *live_sites_new(const struct options *options, struct source_bpf *source)
{
	bool is_run = options->command == COMMAND_RUN;
	struct site_probes_setup setup = {
		.stack_bytes = options->stack_bytes,
		.stacks_per_s = options->no_stacks ? 0
				: is_run	   ? STACKS_PER_S_RUN
						   : STACKS_PER_S,
		.wake_at_once = is_run,
		.everyone_is_suspect = is_run && !options->no_stacks,
	};
	struct live_sites *live_sites;
	char error[256] = "";

	if (!wants_sites(options))
		return NULL;
	live_sites = calloc(1, sizeof(*live_sites));
	if (!live_sites)
		return NULL;
	if (sites_open(source_bpf_probes(source), &setup, &live_sites->sites, error,
		       sizeof(error)) < 0) {
		log_notice("%s; which code opens a connection is not known", error);
		free(live_sites);
		return NULL;
	}
	if (error[0] != '\0')
		log_notice("%s", error);
	source_bpf_use_sites(source, live_sites->sites, is_run);
	return live_sites;
}

void live_sites_free(struct live_sites *live_sites)
{
	struct standing *standing, *next;

	if (!live_sites)
		return;
	HASH_ITER(hh, live_sites->standings, standing, next)
	{
		HASH_DEL(live_sites->standings, standing);
		free(standing);
	}
	sites_close(live_sites->sites);
	free(live_sites);
}

int live_sites_follow_tree(struct live_sites *live_sites)
{
	if (!live_sites)
		return -ENOTSUP;
	sites_warm_up(live_sites->sites);
	return sites_follow_tree(live_sites->sites);
}

bool live_sites_was_finalized(const struct live_sites *live_sites, uint64_t id)
{
	return live_sites && sites_was_finalized(live_sites->sites, id);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct live_sites *live_sites = userdata;

	(void)source;
	(void)fd;
	(void)events;
	sites_pump(live_sites->sites);
	return 0;
}

int live_sites_add(struct live_sites *live_sites, sd_event *event)
{
	if (!live_sites)
		return 0;
	return sd_event_add_io(event, NULL, sites_fd(live_sites->sites), EPOLLIN, on_readable,
			       live_sites);
}

/* --- suspicion -------------------------------------------------------------------------------- */

static bool has_standing(const struct live_sites *live_sites, uint32_t pid)
{
	for (struct standing *at = live_sites->standings; at; at = at->hh.next)
		if (at->pid == pid)
			return true;
	return false;
}

static void suspect(struct live_sites *live_sites, const struct verdict *verdict)
{
	struct standing *standing = calloc(1, sizeof(*standing));
	char error[256];

	if (!standing)
		return;
	standing->verdict = verdict->id;
	standing->pid = verdict->client.pid;
	HASH_ADD(hh, live_sites->standings, verdict, sizeof(standing->verdict), standing);
	if (!hash_took(standing)) {
		free(standing);
		return;
	}
	if (sites_suspect(live_sites->sites, standing->pid, error, sizeof(error)) < 0) {
		if (!live_sites->is_refused)
			log_notice("%s", error);
		live_sites->is_refused = true;
		HASH_DEL(live_sites->standings, standing);
		free(standing);
	}
}

void live_sites_note(struct live_sites *live_sites, const struct verdict *verdict)
{
	bool is_about_code = verdict->kind == VERDICT_LEAK || verdict->kind == VERDICT_EXHAUSTED;
	struct standing *standing;

	if (!live_sites || !is_about_code)
		return;
	HASH_FIND(hh, live_sites->standings, &verdict->id, sizeof(verdict->id), standing);
	if (!standing && verdict->state != VERDICT_CLEARED)
		suspect(live_sites, verdict);
	if (!standing || verdict->state != VERDICT_CLEARED)
		return;
	HASH_DEL(live_sites->standings, standing);
	if (!has_standing(live_sites, standing->pid))
		sites_clear(live_sites->sites, standing->pid);
	free(standing);
}

/* --- losses ----------------------------------------------------------------------------------- */

void live_sites_lost(const struct live_sites *live_sites, uint64_t *ret_counts)
{
	memset(ret_counts, 0, SITES_LOST_COUNT * sizeof(*ret_counts));
	if (live_sites)
		sites_read_lost(live_sites->sites, ret_counts);
}

void live_sites_say_losses(const struct live_sites *live_sites)
{
	uint64_t counts[SITES_LOST_COUNT];

	live_sites_lost(live_sites, counts);
	for (unsigned int i = 0; i < SITES_LOST_COUNT; i++)
		if (counts[i])
			log_detail("%llu call stacks lost: %s", (unsigned long long)counts[i],
				   sites_lost_name((enum sites_lost)i));
}
