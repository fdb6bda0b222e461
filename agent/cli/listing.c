// SPDX-License-Identifier: Apache-2.0
/*
 * One place where the table becomes the lines of `list`, so that it makes no difference who has
 * watched: the command itself or the agent.
 */
#include "listing.h"

#include <errno.h>
#include <stdlib.h>

#include "core/view.h"
#include "snapshot.h"

static int write_json(FILE *stream, const struct live *live, struct conn *const *conns,
		      size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = snapshot_write(stream, snapshot_conn(live, conns[i]));
	return r;
}

static int write_table(FILE *stream, const struct live *live, struct conn *const *conns,
		       size_t count, bool with_sites)
{
	struct view *view =
		view_connections(conns, count, live->options->databases, with_sites, live->now_ns);
	char *text = view ? view_render(view) : NULL;
	int r = 0;

	view_free(view);
	if (!text)
		return -ENOMEM;
	errno = 0;
	if (fputs(text, stream) == EOF || fflush(stream) == EOF)
		r = errno ? -errno : -EIO;
	free(text);
	return r;
}

static bool is_wanted(const struct listing *listing, uint32_t pid)
{
	for (uint32_t i = 0; i < listing->pid_count; i++)
		if (listing->pids[i] == pid)
			return true;
	return listing->pid_count == 0;
}

int listing_write(FILE *stream, const struct live *live, const struct listing *listing)
{
	struct conn **conns = NULL;
	size_t count = 0, kept = 0;
	int r = view_collect_conns(pipeline_table(live->pipeline), &conns, &count);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (is_wanted(listing, conns[i]->pool->client->id.pid))
			conns[kept++] = conns[i];
	r = listing->json ? write_json(stream, live, conns, kept)
			  : write_table(stream, live, conns, kept, listing->with_sites);
	free(conns);
	return r;
}
