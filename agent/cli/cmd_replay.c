// SPDX-License-Identifier: Apache-2.0
/*
 * connleak replay: a recorded trace through the same core, as fast as the machine allows. Nothing
 * but the trace decides, so it gives the same verdicts every time and everywhere.
 *
 * Invariant: what the table refuses ends it, with the line of the trace that it came from.
 * Does not read lines (sys/source_replay.c).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "pipeline.h"
#include "recording.h"
#include "sinks/jsonl.h"
#include "sinks/text.h"
#include "sys/log.h"

struct replay {
	const struct options *options;
	struct source_replay *source;
	struct pipeline *pipeline;
	uint64_t event_count, verdict_count;
	uint64_t begin_ns; /* of the first event */
};

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	struct replay *replay = userdata;

	replay->verdict_count++;
	if (replay->options->json)
		return jsonl_write_verdict(stdout, verdict);
	return text_write_verdict(stdout, verdict,
				  trace_header_local_ns(source_replay_header(replay->source)));
}

/* What the table refuses is a fault of the trace: one line that names the place. */
static void report_refusal(const struct replay *replay, const struct event *event, int error)
{
	const char *name = source_replay_name(replay->source);
	unsigned long long line = source_replay_line(replay->source);
	unsigned long long conn = event->conn;

	switch (error) {
	case EEXIST:
		log_error("%s:%llu: conn %llu is open already", name, line, conn);
		break;
	case ENOENT:
		log_error("%s:%llu: conn %llu is not open", name, line, conn);
		break;
	case ERANGE:
		log_error("%s:%llu: t goes back to %.6f", name, line,
			  (double)event->t_ns / NS_PER_SEC);
		break;
	case ENOSPC:
		log_error("%s:%llu: more connections than the table takes", name, line);
		break;
	default:
		log_error("%s:%llu: %s", name, line, strerror(error));
	}
}

/* What there was to know about the trace, once all of it has been read. */
static void report_end(const struct replay *replay)
{
	const char *name = source_replay_name(replay->source);
	const struct table *table = pipeline_table(replay->pipeline);
	uint64_t span_ns = replay->event_count ? table_now_ns(table) - replay->begin_ns : 0;

	log_detail("%s: events: %llu, over %.3f s; connections open at the end: %u; verdict lines: "
		   "%llu",
		   name, (unsigned long long)replay->event_count, (double)span_ns / NS_PER_SEC,
		   table_conn_count(table), (unsigned long long)replay->verdict_count);
	if (source_replay_was_cut(replay->source))
		log_notice("%s", source_replay_error(replay->source));
	if (table_lost_count(table))
		log_notice("%s: %llu records were lost when it was recorded", name,
			   (unsigned long long)table_lost_count(table));
	if (!replay->verdict_count && !replay->options->json)
		log_notice("%s: no verdict", name);
}

static int run(struct replay *replay)
{
	struct event event;
	int r;

	while ((r = source_replay_next(replay->source, &event)) == 1) {
		if (!replay->event_count++)
			replay->begin_ns = event.t_ns;
		r = pipeline_feed(replay->pipeline, &event);
		if (r == -EPIPE) /* the reader has seen enough */
			return EXIT_DONE;
		if (r > 0)
			report_refusal(replay, &event, r);
		else if (r < 0 && !ferror(stdout)) /* that is reported when it is closed */
			log_error("%s", strerror(-r));
		if (r)
			return EXIT_RUNTIME;
	}
	if (r < 0) {
		log_error("%s", source_replay_error(replay->source));
		return EXIT_RUNTIME;
	}
	report_end(replay);
	return EXIT_DONE;
}

int cmd_replay(const struct options *options)
{
	struct replay replay = {.options = options};
	int status = EXIT_RUNTIME;

	log_set_verbosity(options->verbosity);
	if (recording_open(options, options->file, &replay.source) < 0)
		return EXIT_RUNTIME;
	replay.pipeline = pipeline_new(options, true, on_verdict, &replay);
	if (replay.pipeline) {
		pipeline_keep_open(replay.pipeline);
		pipeline_set_realtime(replay.pipeline,
				      trace_header_local_ns(source_replay_header(replay.source)));
		status = run(&replay);
	} else {
		log_error("out of memory");
	}
	if (status == EXIT_DONE && pipeline_stands(replay.pipeline, options->fail_on))
		status = EXIT_VERDICT;
	pipeline_free(replay.pipeline);
	source_replay_close(replay.source);
	return status;
}
