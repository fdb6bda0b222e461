// SPDX-License-Identifier: Apache-2.0
/*
 * connleak list: every open database connection now. Attaches, seeds, looks once, prints, detaches.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "core/view.h"
#include "live.h"
#include "snapshot.h"
#include "sys/log.h"

static int print_json(const struct live *live, struct conn *const *conns, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = snapshot_print(snapshot_conn(live, conns[i]));
	return r;
}

static int print_text(const struct live *live, struct conn *const *conns, size_t count)
{
	struct view *view = view_connections(conns, count, live->options->databases, live->now_ns);
	char *text = view ? view_render(view) : NULL;

	view_free(view);
	if (!text)
		return -ENOMEM;
	fputs(text, stdout); /* the stream's error flag is looked at in the end */
	free(text);
	return 0;
}

int cmd_list(const struct options *options)
{
	struct conn **conns = NULL;
	struct live live;
	size_t count = 0;
	int r, status;

	status = live_open(&live, options, false, false, NULL, NULL);
	if (status)
		goto out;
	status = EXIT_RUNTIME;
	r = live_look(&live);
	if (r == 0)
		r = view_collect_conns(pipeline_table(live.pipeline), &conns, &count);
	if (r == 0)
		r = (options->json ? print_json : print_text)(&live, conns, count);
	if (r == 0 || r == -EPIPE)
		status = EXIT_DONE;
	else
		log_error("cannot list the connections: %s", strerror(-r));
out:
	free(conns);
	live_close(&live);
	return status;
}
