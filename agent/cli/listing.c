// SPDX-License-Identifier: Apache-2.0
/*
 * One place where the table becomes the lines of `list`, so that it makes no difference who has
 * watched: the command itself or the agent. The agent has other things to do meanwhile, and a
 * hundred thousand lines take a second.
 *
 * Invariant: between two steps connections are known by their numbers only, for they may close.
 */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>

#include "core/view.h"
#include "snapshot.h"
#include "sys/clock.h"

/* Connections, and bytes of a table, between two glances at the clock: some 100 us. */
#define CONNS_A_GLANCE 16
#define BYTES_A_GLANCE 65536

struct listing_steps {
	const struct live *live;
	uint64_t *ids; /* connections, in their order */
	size_t count, done;
	struct view *view; /* of a table; NULL = objects */
	struct snapshot_process process;
};

static bool is_wanted(const struct listing *listing, uint32_t pid)
{
	for (uint32_t i = 0; i < listing->pid_count; i++)
		if (listing->pids[i] == pid)
			return true;
	return listing->pid_count == 0;
}

static int collect_ids(struct listing_steps *steps, const struct listing *listing)
{
	struct conn **conns = NULL;
	size_t count = 0;
	int r = view_collect_conns(pipeline_table(steps->live->pipeline), &conns, &count);

	if (r < 0)
		return r;
	steps->ids = calloc(count ? count : 1, sizeof(*steps->ids));
	for (size_t i = 0; steps->ids && i < count; i++)
		if (is_wanted(listing, conns[i]->pool->client->id.pid))
			steps->ids[steps->count++] = conns[i]->id;
	free(conns);
	return steps->ids ? 0 : -ENOMEM;
}

int listing_steps_new(const struct live *live, const struct listing *listing,
		      struct listing_steps **ret_steps)
{
	struct listing_steps *steps = calloc(1, sizeof(*steps));
	int r;

	if (!steps)
		return -ENOMEM;
	steps->live = live;
	r = collect_ids(steps, listing);
	if (r == 0 && !listing->json) {
		steps->view = view_connections(listing->with_sites);
		r = steps->view ? 0 : -ENOMEM;
	}
	if (r < 0) {
		listing_steps_free(steps);
		return r;
	}
	*ret_steps = steps;
	return 0;
}

void listing_steps_free(struct listing_steps *steps)
{
	if (!steps)
		return;
	view_free(steps->view);
	free(steps->ids);
	free(steps);
}

/* Lines of a table are as wide as the widest, so all of them are collected first. */
static int take_some(struct listing_steps *steps, FILE *stream)
{
	const struct live *live = steps->live;
	const struct table *table = pipeline_table(live->pipeline);
	int r = 0;

	for (int i = 0; i < CONNS_A_GLANCE && r == 0 && steps->done < steps->count; i++) {
		const struct conn *conn = table_find_conn(table, steps->ids[steps->done++]);

		if (conn && steps->view)
			r = view_add_connection(steps->view, table, conn, live->options->databases,
						live->now_ns);
		else if (conn)
			r = snapshot_put_conn(stream, live, conn, &steps->process);
	}
	return r;
}

static int write_some(struct listing_steps *steps, FILE *stream)
{
	char *text = view_render_some(steps->view, BYTES_A_GLANCE);
	int r = 0;

	if (!text)
		return -ENOMEM;
	errno = 0;
	if (fputs(text, stream) == EOF)
		r = errno ? -errno : -EIO;
	free(text);
	return r;
}

int listing_step(struct listing_steps *steps, FILE *stream, uint64_t until_ns)
{
	int r = 0;

	do {
		if (steps->done < steps->count)
			r = take_some(steps, stream);
		else if (steps->view)
			r = write_some(steps, stream);
		if (r < 0)
			return r;
		if (steps->done == steps->count && (!steps->view || view_is_rendered(steps->view)))
			return 0;
	} while (clock_monotonic_ns() < until_ns);
	return 1;
}

int listing_write(FILE *stream, const struct live *live, const struct listing *listing)
{
	struct listing_steps *steps;
	int r = listing_steps_new(live, listing, &steps);

	if (r < 0)
		return r;
	r = listing_step(steps, stream, UINT64_MAX);
	listing_steps_free(steps);
	errno = 0;
	if (r == 0 && fflush(stream) == EOF)
		r = errno ? -errno : -EIO;
	return r;
}
