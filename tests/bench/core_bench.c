// SPDX-License-Identifier: Apache-2.0
/*
 * What the core costs on one processor, without kernel and without files: events through table and
 * detector, lines of a trace through the parser, a tick over many live connections, and the memory
 * that a connection takes. It reports; it fails on nothing but a failure to run.
 *
 * usage: core-bench [--json]
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/dbkind.h"
#include "core/detector.h"
#include "core/judgement.h"
#include "core/settings.h"
#include "core/table.h"
#include "core/trace.h"
#include "screen/browse.h"
#include "screen/sample_follow.h"
#include "screen/sample_take.h"
#include "screen/screen.h"

#define RUNS 5
#define LINE_SIZE 1024

struct core {
	struct settings settings;
	struct dbkind *databases;
	struct table *table;
	struct detector *detector;
	uint64_t event_count;
};

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* cannot fail for this clock */
	return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_SEC;
}

static void die(const char *what)
{
	fprintf(stderr, "core-bench: %s\n", what);
	exit(1);
}

static void core_open(struct core *core)
{
	memset(core, 0, sizeof(*core));
	settings_init(&core->settings);
	core->databases = dbkind_new();
	core->table = table_new(NULL);
	if (!core->databases || !core->table)
		die("out of memory");
	core->detector = detector_new(&core->settings, core->databases, core->table);
	if (!core->detector)
		die("out of memory");
}

static void core_close(struct core *core)
{
	detector_free(core->detector);
	table_free(core->table);
	dbkind_free(core->databases);
}

static void feed(struct core *core, const struct event *event)
{
	struct change change;

	while (detector_due_ns(core->detector) <= event->t_ns)
		if (detector_tick(core->detector, detector_due_ns(core->detector)) < 0)
			die("a tick failed");
	if (table_apply(core->table, event, &change) < 0)
		die("an event was refused");
	if (detector_observe(core->detector, &change) < 0)
		die("out of memory");
	while (detector_next(core->detector))
		;
	table_settle(core->table);
	core->event_count++;
}

/* Ten processes of a container. The text is valid until the next call. */
static const char *cgroup_of(uint32_t pool)
{
	static char cgroup[256];

	snprintf(
		cgroup, sizeof(cgroup),
		"/kubepods.slice/kubepods-burstable.slice/"
		"kubepods-burstable-pod6dee49a6_02f3_4e29_9b2d_3c1a%08x.slice/"
		"cri-containerd-0f9c2e7d5b1a48c6a3e8d4f7b2c1905e6a7d8b3c4f1e2d0a9b8c7d6e%08x.scope",
		pool / 10, pool / 10);
	return cgroup;
}

static void fill_open(struct event *event, uint64_t conn, uint32_t pool)
{
	memset(event, 0, sizeof(*event));
	event->type = EVENT_OPEN;
	event->conn = conn;
	event->client.pid = 1000 + pool;
	event->client.start_ns = 1;
	memcpy(event->comm, "app", 4);
	event->remote.ip[10] = event->remote.ip[11] = 0xff;
	event->remote.ip[12] = 10;
	event->remote.ip[15] = 7;
	event->remote.port = 5432;
	event->local = event->remote;
	event->local.ip[14] = (uint8_t)(pool / 10 >> 8); /* of the container */
	event->local.ip[15] = (uint8_t)(pool / 10);
	event->local.port = (uint16_t)(32768 + conn % 28000);
	event->exe = "/usr/local/lib/orders/bin/orders-api";
	event->cgroup = cgroup_of(pool);
}

static void fill_io(struct event *event, uint64_t conn, uint64_t t_ns, uint64_t bytes)
{
	memset(event, 0, sizeof(*event));
	event->type = EVENT_IO;
	event->conn = conn;
	event->t_ns = t_ns;
	event->sent_bytes = event->received_bytes = bytes;
	event->last_send_ns = t_ns - 2 * NS_PER_MS;
	event->last_recv_ns = t_ns - NS_PER_MS;
	event->rtt_us = 180 + (uint32_t)(conn % 40);
}

/*
 * Pools at work: at each step half of the connections are used, and one in a hundred of these is
 * replaced.
 */
static void run_load(uint32_t pools, uint32_t per_pool, uint32_t steps, uint64_t step_ns,
		     void (*sink)(void *userdata, const struct event *event), void *userdata)
{
	uint64_t total = (uint64_t)pools * per_pool, next_id = total;
	uint64_t *ids = calloc(total, sizeof(*ids));
	struct event event;

	if (!ids)
		die("out of memory");
	for (uint64_t i = 0; i < total; i++) {
		ids[i] = i + 1;
		fill_open(&event, ids[i], (uint32_t)(i % pools));
		event.t_ns = NS_PER_SEC;
		sink(userdata, &event);
	}
	for (uint32_t s = 2; s < 2 + steps; s++) {
		uint64_t t_ns = NS_PER_SEC + (s - 1) * step_ns;

		for (uint64_t i = s % 2; i < total; i += 2) {
			if (i % 200 == s % 200) {
				memset(&event, 0, sizeof(event));
				event.type = EVENT_CLOSE;
				event.conn = ids[i];
				event.t_ns = t_ns;
				sink(userdata, &event);
				ids[i] = ++next_id;
				fill_open(&event, ids[i], (uint32_t)(i % pools));
				event.t_ns = t_ns;
				sink(userdata, &event);
			}
			fill_io(&event, ids[i], t_ns, s * 100);
			sink(userdata, &event);
		}
	}
	free(ids);
}

static void sink_core(void *userdata, const struct event *event)
{
	feed(userdata, event);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void print_row(bool json, const char *what, const char *unit, double figures[RUNS])
{
	qsort(figures, RUNS, sizeof(*figures), compare);
	if (json)
		printf("{\"what\":\"%s\",\"unit\":\"%s\",\"min\":%.6g,\"median\":%.6g,"
		       "\"max\":%.6g}\n",
		       what, unit, figures[0], figures[RUNS / 2], figures[RUNS - 1]);
	else
		printf("%-58s %10.4g %10.4g %10.4g  %s\n", what, figures[0], figures[RUNS / 2],
		       figures[RUNS - 1], unit);
}

static void bench_events(bool json, uint32_t pools, uint32_t per_pool, uint32_t steps)
{
	double rate[RUNS];
	char what[80];

	for (int run = 0; run < RUNS; run++) {
		struct core core;
		double start;

		core_open(&core);
		start = now_s();
		run_load(pools, per_pool, steps, NS_PER_SEC, sink_core, &core);
		rate[run] = (double)core.event_count / (now_s() - start);
		core_close(&core);
	}
	snprintf(what, sizeof(what), "table and detector, %u pools of %u", pools, per_pool);
	print_row(json, what, "events/s", rate);
}

struct lines {
	char *text;
	size_t length, capacity;
	uint64_t count;
};

static void sink_lines(void *userdata, const struct event *event)
{
	struct lines *lines = userdata;
	int n;

	if (lines->capacity - lines->length < LINE_SIZE) {
		lines->capacity = lines->capacity ? lines->capacity * 2 : 1 << 20;
		lines->text = realloc(lines->text, lines->capacity);
		if (!lines->text)
			die("out of memory");
	}
	n = trace_format_event(event, lines->text + lines->length, LINE_SIZE);
	if (n < 0)
		die("a line is too long");
	lines->length += (size_t)n;
	lines->count++;
}

/* As connleak replay does it. */
static void bench_replay(bool json, uint32_t pools, uint32_t per_pool, uint32_t steps)
{
	struct lines lines = {.text = NULL};
	double rate[RUNS];
	char error[256], what[80];

	run_load(pools, per_pool, steps, NS_PER_SEC, sink_lines, &lines);
	for (int run = 0; run < RUNS; run++) {
		struct trace_reader *reader = trace_reader_new();
		double start = now_s();
		struct event event;
		struct core core;

		core_open(&core);
		detector_keep_open(core.detector);
		for (const char *at = lines.text; at < lines.text + lines.length;) {
			const char *end =
				memchr(at, '\n', (size_t)(lines.text + lines.length - at));

			if (trace_parse_event(reader, at, (size_t)(end - at), &event, error,
					      sizeof(error)) < 0)
				die(error);
			feed(&core, &event);
			at = end + 1;
		}
		rate[run] = (double)lines.count / (now_s() - start);
		core_close(&core);
		trace_reader_free(reader);
	}
	snprintf(what, sizeof(what), "replay: parse, table and detector, %u pools of %u", pools,
		 per_pool);
	print_row(json, what, "events/s", rate);
	free(lines.text);
}

static void bench_tick(bool json, uint32_t pools, uint32_t per_pool)
{
	double ms[RUNS], bytes[RUNS];
	char what[80];

	for (int run = 0; run < RUNS; run++) {
		struct core core;
		size_t before;
		double start;

		core_open(&core);
		before = mallinfo2().uordblks;
		run_load(pools, per_pool, 20, NS_PER_SEC, sink_core, &core);
		bytes[run] = (double)(mallinfo2().uordblks - before) / (pools * per_pool);
		start = now_s();
		for (int i = 0; i < 5; i++)
			if (detector_tick(core.detector, detector_due_ns(core.detector)) < 0)
				die("a tick failed");
		ms[run] = (now_s() - start) * 1000 / 5;
		core_close(&core);
	}
	snprintf(what, sizeof(what), "tick over %u connections in %u pools", pools * per_pool,
		 pools);
	print_row(json, what, "ms", ms);
	snprintf(what, sizeof(what), "memory of %u connections in %u pools, pools included",
		 pools * per_pool, pools);
	print_row(json, what, "bytes each", bytes);
}

/* What has been learned of a pool grows for eight hours, as far back as a meter goes. */
static void bench_memory(bool json, uint32_t pools, uint32_t per_pool, uint32_t hours)
{
	double bytes[RUNS];
	struct core core;
	size_t before;
	char what[80];

	core_open(&core);
	before = mallinfo2().uordblks;
	run_load(pools, per_pool, hours * 360, 10 * NS_PER_SEC, sink_core, &core);
	for (int run = 0; run < RUNS; run++) /* it is the same each time */
		bytes[run] = (double)(mallinfo2().uordblks - before) / (pools * per_pool);
	core_close(&core);
	snprintf(what, sizeof(what), "memory of pools of %u at work for %u hours, pools included",
		 per_pool, hours);
	print_row(json, what, "bytes each", bytes);
}

/* What top does every two seconds: a sample, what follows from the last one, lines, a picture. */
static struct sample *draw_once(struct core *core, struct sample *before, struct browse *browse)
{
	struct sample_scene scene = {
		.table = core->table,
		.detector = core->detector,
		.databases = core->databases,
		.now_ns = table_now_ns(core->table),
		.with_sites = true,
	};
	struct screen_facts facts = {.source = "bench"};
	struct sample *sample;
	struct grid grid;

	if (sample_take(&scene, &sample) < 0 || sample_follow(sample, before) < 0)
		die("out of memory");
	browse_forget(browse);
	sample_free(before);
	if (browse_show(browse, sample, 0) < 0 || grid_init(&grid, 200, 60, true) < 0)
		die("out of memory");
	screen_draw(browse, &facts, &grid);
	grid_clear(&grid);
	return sample;
}

static void bench_screen(bool json, uint32_t pools, uint32_t per_pool)
{
	struct browse browse;
	double ms[RUNS];
	char what[80];

	for (int run = 0; run < RUNS; run++) {
		struct sample *sample = NULL;
		struct core core;
		double start;

		core_open(&core);
		browse_init(&browse, 2 * NS_PER_SEC, false);
		run_load(pools, per_pool, 20, NS_PER_SEC, sink_core, &core);
		sample = draw_once(&core, sample, &browse);
		start = now_s();
		for (int i = 0; i < 5; i++)
			sample = draw_once(&core, sample, &browse);
		ms[run] = (now_s() - start) * 1000 / 5;
		browse_clear(&browse);
		sample_free(sample);
		core_close(&core);
	}
	snprintf(what, sizeof(what), "screen of %u connections in %u pools", pools * per_pool,
		 pools);
	print_row(json, what, "ms", ms);
}

int main(int argc, char **argv)
{
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	double bytes[RUNS];

	if (!json)
		printf("%-58s %10s %10s %10s\n", "CPU time on one processor", "min", "median",
		       "max");
	bench_events(json, 100, 20, 600);
	bench_events(json, 1000, 10, 120); /* one after the other, and more than are open */
	bench_replay(json, 100, 20, 300);
	bench_replay(json, 1000, 10, 60);
	bench_tick(json, 1000, 10);
	bench_tick(json, 10000, 10);
	bench_tick(json, 10, 10000);
	bench_memory(json, 2000, 10, 9); /* many more than are open at a time (dossier.h) */
	bench_memory(json, 10, 100, 9);
	bench_memory(json, 1, 1000, 9);
	bench_screen(json, 500, 20);
	bench_screen(json, 5000, 20);
	for (int run = 0; run < RUNS; run++)
		bytes[run] = sizeof(struct conn);
	print_row(json, "struct conn", "bytes", bytes);
	for (int run = 0; run < RUNS; run++)
		bytes[run] = sizeof(struct judgement) + sizeof(struct pool);
	print_row(json, "struct pool and struct judgement, but for what they allocate", "bytes",
		  bytes);
	return 0;
}
