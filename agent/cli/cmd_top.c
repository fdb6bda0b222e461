// SPDX-License-Identifier: Apache-2.0
/*
 * connleak top: who holds connections to which database. Here as plain tables, one an interval, for
 * scripts and tickets; rates are those of the time since the probes were attached.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "core/format.h"
#include "core/sample_follow.h"
#include "core/view.h"
#include "live.h"
#include "sample_json.h"
#include "snapshot.h"
#include "sys/log.h"

struct top {
	struct sample *before; /* owned; NULL = none yet */
	uint64_t shown_count;
	uint64_t due_ns; /* of the next table */
};

static void print_header(const struct live *live, uint64_t observed_ns)
{
	const struct table *table = pipeline_table(live->pipeline);
	char clock[32], observed[32];

	printf("%s  %u connections in %u pools, watching for %s, %llu records lost\n",
	       format_clock(live->now_ns, live->realtime_at_zero_ns, clock, sizeof(clock)),
	       table_conn_count(table), table_pool_count(table),
	       format_duration(observed_ns, observed, sizeof(observed)),
	       (unsigned long long)source_bpf_lost_sum(live->source));
}

/* One line; the rates are those since the one before. */
static int print_json(struct live *live)
{
	struct top *top = live->userdata;
	struct sample *sample;
	int r = snapshot_sample(live, true, &sample);

	if (r < 0)
		return r;
	r = sample_follow(sample, top->before);
	if (r == 0)
		r = snapshot_print(sample_json_encode(sample));
	sample_free(top->before);
	top->before = sample;
	return r;
}

static int print_tables(struct live *live)
{
	const struct options *options = live->options;
	uint64_t observed_ns = live->now_ns - source_bpf_attached_ns(live->source);
	struct pool **pools;
	struct view *view;
	char *text = NULL;
	size_t count;
	int r;

	if (options->json)
		return print_json(live);
	r = view_collect_pools(pipeline_table(live->pipeline), &pools, &count);
	if (r < 0)
		return r;
	view = view_pools(pools, count, options->databases, pipeline_detector(live->pipeline),
			  live->now_ns, observed_ns);
	text = view ? view_render(view) : NULL;
	view_free(view);
	if (!text) {
		r = -ENOMEM;
		goto out;
	}
	print_header(live, observed_ns);
	fputs(text, stdout);
	if (fflush(stdout) == EOF)
		r = -errno;
out:
	free(text);
	free(pools);
	return r;
}

static int on_look(struct live *live)
{
	const struct options *options = live->options;
	struct top *top = live->userdata;
	uint64_t limit = options->once ? 1 : options->iterations;
	int r;

	if (live->now_ns < top->due_ns)
		return 0;
	top->due_ns += options->interval_ns;
	if (top->due_ns <= live->now_ns)
		top->due_ns = live->now_ns + options->interval_ns;
	if (top->shown_count && !options->json)
		putchar('\n');
	r = print_tables(live);
	if (r < 0)
		return r;
	top->shown_count++;
	return limit && top->shown_count >= limit;
}

int cmd_top(const struct options *options)
{
	uint64_t look_ns = options->interval_ns < NS_PER_SEC ? options->interval_ns : NS_PER_SEC;
	struct top top = {0};
	struct live live;
	int r, status;

	status = live_open(&live, options, false, true, NULL, &top);
	if (status)
		goto out;
	r = live_look(&live);
	status = live_status(&live, r);
	if (r < 0)
		goto out;
	live_announce(&live);
	r = snapshot_sample(&live, false, &top.before);
	status = live_status(&live, r);
	if (r < 0)
		goto out;
	top.due_ns = live.now_ns + options->interval_ns;
	live.on_look = on_look;
	status = live_run(&live, look_ns, 0);
out:
	sample_free(top.before);
	live_close(&live);
	return status;
}
