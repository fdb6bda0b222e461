// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that is refused: a scenario that reaches every part of the core runs again and again, and
 * each time one allocation later fails, alone or with all that follow. Nothing may crash, nothing
 * may leak, and whoever cannot go on says -ENOMEM. The allocations of libraries are not refused.
 * What the scenario does not come to is in test_no_memory_parts.c.
 */
#include "refused.h"

#include "cli/option.h"
#include "cli/pipeline.h"
#include "core/ledger.h"
#include "core/trace.h"
#include "core/view.h"
#include "screen/sample_follow.h"
#include "screen/sample_take.h"
#include "sinks/metrics.h"

#define LEAKS 23
#define POOLS 3
#define LINE_SIZE 2048

/* --- a scenario ------------------------------------------------------------------------------- */

struct run {
	struct options *options;
	struct pipeline *pipeline;
	struct trace_reader *reader;
	struct ledger *ledger;
	struct sample *before;
	uint64_t leak_count;
	int error; /* the first one; nothing is fed any more */
};

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	struct run *run = userdata;
	struct ledger_line line;

	run->leak_count += verdict->kind == VERDICT_LEAK && verdict->state == VERDICT_RAISED;
	return ledger_take(run->ledger, pipeline_table(run->pipeline), verdict, &line);
}

/* Through the recorded form and back, as a replay would have it. */
static void feed(struct run *run, const struct event *event)
{
	char line[LINE_SIZE], error[256];
	struct event read;
	int length;

	if (run->error)
		return;
	if (event->type == EVENT_CHURN) { /* live only */
		run->error = pipeline_feed(run->pipeline, event);
		return;
	}
	length = trace_format_event(event, line, sizeof(line));
	assert_true(length > 0);
	run->error = trace_parse_event(run->reader, line, (size_t)length - 1, &read, error,
				       sizeof(error));
	if (!run->error)
		run->error = pipeline_feed(run->pipeline, &read);
	assert_true(run->error <= 0); /* nothing that the table refuses */
}

static void fill(struct event *event, enum event_type type, uint32_t pool, uint64_t conn,
		 uint64_t s)
{
	memset(event, 0, sizeof(*event));
	event->type = type;
	event->t_ns = s * NS_PER_SEC;
	event->conn = conn;
	event->client = (struct client_id){.pid = 1000 + pool, .start_ns = NS_PER_SEC};
	event->tid = 1000 + pool;
	memcpy(event->comm, "orders-api", 11);
	event->remote.ip[10] = event->remote.ip[11] = 0xff;
	event->remote.ip[12] = 10;
	event->remote.ip[15] = 7;
	event->remote.port = 5432;
}

static void open_one(struct run *run, uint32_t pool, uint64_t conn, uint64_t s)
{
	struct event event;

	fill(&event, EVENT_OPEN, pool, conn, s);
	event.cgroup = "/kubepods.slice/kubepods-pod0a1b2c3d.slice/x.scope";
	event.exe = s < 100 ? "/usr/bin/orders-api" : "/usr/bin/orders-api-2";
	event.site = "OrderRepo.save";
	event.local = event.remote;
	event.namespace = "shop";
	event.pod = "orders-5d8f7c9b4-x2x7z";
	event.container = "api";
	feed(run, &event);
	fill(&event, EVENT_ESTABLISHED, pool, conn, s);
	feed(run, &event);
}

static void use_one(struct run *run, uint32_t pool, uint64_t conn, uint64_t s)
{
	struct event event;

	fill(&event, EVENT_IO, pool, conn, s);
	event.sent_bytes = event.received_bytes = s * 100;
	if (conn == 7)
		event.received_bytes += 1ULL << 32;
	event.last_send_ns = event.t_ns - 2 * NS_PER_MS;
	event.last_recv_ns = event.t_ns - NS_PER_MS;
	event.last_site = "OrderRepo.find";
	feed(run, &event);
}

/* What a scraper, a terminal and a user who asks would get. */
static void look(struct run *run, uint64_t s)
{
	struct metrics_figures figures = {.rollup = pipeline_rollup(run->pipeline)};
	struct sample_scene scene = {
		.table = pipeline_table(run->pipeline),
		.detector = pipeline_detector(run->pipeline),
		.databases = run->options->databases,
		.now_ns = s * NS_PER_SEC,
		.with_sites = true,
	};
	struct histogram ticks = {0};
	struct sample *sample = NULL;
	size_t size;
	char *text;

	if (run->error)
		return;
	run->error = sample_take(&scene, &sample);
	if (!run->error && run->before)
		run->error = sample_follow(sample, run->before);
	sample_free(run->before);
	run->before = sample;
	if (run->error)
		return;
	rollup_survey(pipeline_rollup(run->pipeline), scene.table, scene.detector, scene.now_ns);
	figures.ticks = &ticks;
	run->error = metrics_render(&figures, EXPOSITION_OPENMETRICS, &text, &size);
	if (!run->error)
		free(text);
}

static void play(struct run *run)
{
	uint64_t next_conn = 1, leaked = 0, s;
	struct event event;

	for (uint32_t pool = 0; pool < POOLS; pool++)
		for (int i = 0; i < 4; i++)
			open_one(run, pool, next_conn++, 1);
	for (s = 2; s < 240 && !run->error; s++) {
		for (uint64_t conn = 1; conn <= 4 * POOLS; conn++)
			if (conn < 4 * POOLS || s % 12 == 0) /* one is silent for longer */
				use_one(run, (uint32_t)(conn - 1) / 4, conn, s);
		if (s % 8 == 0 && leaked++ < LEAKS)
			open_one(run, 0, next_conn++, s);
		if (s % 60 == 30)
			look(run, s);
	}
	fill(&event, EVENT_PEER_CLOSED, 1, 6, s);
	feed(run, &event);
	fill(&event, EVENT_OPEN, 1, next_conn, s);
	feed(run, &event);
	fill(&event, EVENT_FAILED, 1, next_conn, s);
	memcpy(event.error, "ECONNREFUSED", 13);
	feed(run, &event);
	fill(&event, EVENT_CHURN, 2, 0, s);
	event.churn.opened_count = event.churn.established_count = 100;
	event.churn.closed_count[CLOSE_LOCAL] = 100;
	feed(run, &event);
	fill(&event, EVENT_CLOSE, 1, 5, s);
	feed(run, &event);
	fill(&event, EVENT_EXIT, 0, 0, s + 1);
	feed(run, &event);
	look(run, s + 1);
	fill(&event, EVENT_EXIT, 2, 0, s + 700); /* old enough to be remembered */
	feed(run, &event);
	fill(&event, EVENT_END, 0, 0, s + 1000);
	feed(run, &event);
}

/* 0, or -ENOMEM where it could not be done. */
static int run_once(struct options *options, uint64_t *ret_leak_count)
{
	struct run run = {.options = options, .error = -ENOMEM};

	run.reader = trace_reader_new();
	run.ledger = ledger_new();
	if (run.reader && run.ledger)
		run.pipeline = pipeline_new(options, true, on_verdict, &run);
	if (run.pipeline)
		run.error = pipeline_add_rollup(run.pipeline, options);
	if (!run.error)
		play(&run);
	*ret_leak_count = run.leak_count;
	sample_free(run.before);
	pipeline_free(run.pipeline);
	ledger_free(run.ledger);
	trace_reader_free(run.reader);
	return run.error;
}

struct attempt {
	struct options options;
	uint64_t leak_count;
};

static int run_scenario(void *userdata)
{
	struct attempt *attempt = userdata;

	return run_once(&attempt->options, &attempt->leak_count);
}

static void refuse_each(bool for_ever)
{
	struct attempt attempt = {0};

	assert_int_equal(options_init(&attempt.options), 0);
	assert_non_null(attempt.options.databases);
	assert_true(refused_each(run_scenario, &attempt, for_ever) > 100);
	assert_true(attempt.leak_count > 0); /* the scenario comes to a verdict */
	options_free(&attempt.options);
}

static void core_with_one_allocation_refused_neither_leaks_nor_crashes(void **state)
{
	(void)state;
	refuse_each(false);
}

static void core_with_no_memory_left_neither_leaks_nor_crashes(void **state)
{
	(void)state;
	refuse_each(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(core_with_one_allocation_refused_neither_leaks_nor_crashes),
		cmocka_unit_test(core_with_no_memory_left_neither_leaks_nor_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
