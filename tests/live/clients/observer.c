// SPDX-License-Identifier: Apache-2.0
/*
 * The live source and the table without the rest of the agent: looks when it is told to, and says
 * what is there. So a test decides when a look is taken and how much room the maps have, and can
 * kill it at any moment.
 *
 *	observer POOLS LISTENERS SAMPLES RING_BYTES NAMES [option of connleak agent...]
 *
 * where 0 is as the agent has it.
 *
 *	look	one look; answers with the number of events
 *	walk	the next look asks anew who holds what, as every 30 s
 *	list	the time of the look, and the open connections as `connleak list --json` has them
 *	pools	an array: each pool's counts, those of earlier sessions included
 *	lost	the counters of what was lost
 *	wake	waits until the ring asks to be emptied before the next tick; 20 s at most
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/live.h"
#include "cli/snapshot.h"
#include "core/format.h"
#include "core/view.h"
#include "core/words.h"
#include "sys/log.h"
#include "sys/pins.h"

#define WAKE_MS 50000

/* What was counted of a pool before this session; the product has the sum of a workload only. */
struct past {
	struct past *next;
	struct client_id client;
	struct netaddr remote;
	struct churn churn;
};

struct observer {
	struct live live;
	struct past *pasts; /* owned */
};

static int fail(const char *what)
{
	fprintf(stderr, "observer: %s\n", what);
	return EXIT_RUNTIME;
}

static void fill_filter(const struct options *options, struct probes_filter *ret_filter)
{
	*ret_filter = (struct probes_filter){
		.pids = options->pids,
		.pid_count = options->pid_count,
		.comms = options->comms,
		.comm_count = options->comm_count,
	};
	dbkind_port_bitmap(options->databases, ret_filter->port_bitmap);
}

static int start(struct live *live, const struct options *options, char **limits)
{
	struct probes_setup setup = {
		.limits.pool_count = (uint32_t)atoi(limits[0]),
		.limits.listener_count = (uint32_t)atoi(limits[1]),
		.limits.sample_count = (uint32_t)atoi(limits[2]),
		.limits.ring_bytes = (uint32_t)atoi(limits[3]),
		.limits.name_count = (uint32_t)atoi(limits[4]),
	};
	char error[512];

	log_capture_libbpf();
	live->options = options;
	live->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fill_filter(options, &setup.filter);
	if (options->pin && strcmp(options->pin, OPTION_NONE) != 0 &&
	    pins_open(options->pin, &live->pins, error, sizeof(error)) < 0)
		return fail(error);
	setup.pins = live->pins;
	live->pipeline = pipeline_new(options, false, NULL, NULL);
	if (!live->pipeline || live->proc_fd < 0)
		return fail("cannot start");
	if (source_bpf_open(&setup, live->proc_fd, NULL, &live->source, error, sizeof(error)) < 0)
		return fail(error);
	return EXIT_DONE;
}

static struct past *find_past(struct observer *observer, struct client_id client,
			      const struct netaddr *remote)
{
	struct past *past = observer->pasts;

	while (past && (!client_id_equal(past->client, client) ||
			memcmp(&past->remote, remote, sizeof(*remote)) != 0))
		past = past->next;
	return past;
}

static struct past *take_past(struct observer *observer, const struct event *event)
{
	struct past *past = find_past(observer, event->client, &event->remote);

	if (past)
		return past;
	past = calloc(1, sizeof(*past));
	if (!past)
		abort();
	past->client = event->client;
	past->remote = event->remote;
	past->next = observer->pasts;
	observer->pasts = past;
	return past;
}

/* To be called before the table knows of it. */
static void note_past(struct observer *observer, const struct event *event)
{
	struct table *table = pipeline_table(observer->live.pipeline);
	struct past *past;

	if (event->type == EVENT_PAST) {
		past = take_past(observer, event);
		past->churn.opened_count += event->churn.opened_count;
		past->churn.established_count += event->churn.established_count;
		past->churn.early_peer_close_count += event->churn.early_peer_close_count;
		for (int i = 0; i < FAIL_REASON_COUNT; i++)
			past->churn.failed_count[i] += event->churn.failed_count[i];
		for (int i = 0; i < CLOSE_BY_COUNT; i++)
			past->churn.closed_count[i] += event->churn.closed_count[i];
	} else if (event->type == EVENT_SEEN && event->age_is_exact &&
		   !table_find_conn(table, event->conn)) {
		past = take_past(observer, event);
		past->churn.opened_count++;
		past->churn.established_count += event->seen_state != SEEN_CONNECTING;
	}
}

static int look(struct observer *observer)
{
	struct live *live = &observer->live;
	struct event event;
	int count = 0, r = source_bpf_collect(live->source);

	while (r >= 0 && source_bpf_next(live->source, &event)) {
		note_past(observer, &event);
		r = pipeline_feed(live->pipeline, &event);
		live->now_ns = event.t_ns;
		count++;
	}
	return r < 0 ? r : count;
}

/* Another filter asks for it; this one is the same. */
static int walk(struct live *live)
{
	struct probes_filter filter;

	fill_filter(live->options, &filter);
	return source_bpf_set_filter(live->source, &filter);
}

static json_t *list(const struct live *live)
{
	struct conn **conns = NULL;
	size_t count = 0;
	struct snapshot_process process = {0};
	json_t *array = json_array();

	if (view_collect_conns(pipeline_table(live->pipeline), &conns, &count) < 0)
		abort();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, snapshot_conn(live, conns[i], &process));
	free(conns);
	return json_pack("{s:f, s:o}", "t", (double)live->now_ns / NS_PER_SEC, "conns", array);
}

static json_int_t sum(uint64_t now, uint64_t past)
{
	return (json_int_t)now + (json_int_t)past;
}

static json_t *counts_of(struct observer *observer, const struct pool *pool)
{
	struct pool_totals now = totals_now(pool);
	const struct past *found = find_past(observer, pool->client->id, &pool->remote);
	const struct churn past = found ? found->churn : (struct churn){0};
	char remote[ADDR_TEXT_SIZE];
	json_t *counts = json_pack(
		"{s:i, s:s, s:i, s:I, s:I, s:I}", "pid", (int)pool->client->id.pid, "remote",
		format_netaddr(&pool->remote, remote, sizeof(remote)), "open",
		(int)pool->conn_count, "opened", sum(now.counts.opened_count, past.opened_count),
		"established", sum(now.counts.established_count, past.established_count), "early",
		sum(now.counts.early_peer_close_count, past.early_peer_close_count));

	for (int i = 0; i < FAIL_REASON_COUNT; i++)
		json_object_set_new(counts, fail_reason_name((enum fail_reason)i),
				    json_integer(sum(now.failed_count[i], past.failed_count[i])));
	for (int i = 0; i < CLOSE_BY_COUNT; i++)
		json_object_set_new(
			counts, close_by_name((enum close_by)i),
			json_integer(sum(now.counts.closed_count[i], past.closed_count[i])));
	return counts;
}

static json_t *pools(struct observer *observer)
{
	json_t *array = json_array();
	struct pool *pool = table_first_pool(pipeline_table(observer->live.pipeline));

	for (; pool; pool = pool->next)
		json_array_append_new(array, counts_of(observer, pool));
	return array;
}

static json_t *lost(const struct live *live)
{
	uint64_t counts[SOURCE_LOST_COUNT];
	json_t *object = json_object();

	source_bpf_lost(live->source, counts);
	for (unsigned int i = 0; i < SOURCE_LOST_COUNT; i++)
		json_object_set_new(object, source_bpf_lost_name(i),
				    json_integer((json_int_t)counts[i]));
	return object;
}

static void answer(json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

	printf("ok %s\n", text);
	free(text);
	json_decref(value);
}

static json_t *wake(const struct live *live)
{
	struct pollfd wanted = {.fd = source_bpf_fd(live->source), .events = POLLIN};

	return json_boolean(poll(&wanted, 1, WAKE_MS) == 1);
}

static void obey(struct observer *observer, const char *command)
{
	struct live *live = &observer->live;

	if (!strcmp(command, "look\n"))
		answer(json_integer(look(observer)));
	else if (!strcmp(command, "walk\n"))
		answer(json_integer(walk(live)));
	else if (!strcmp(command, "list\n"))
		answer(list(live));
	else if (!strcmp(command, "pools\n"))
		answer(pools(observer));
	else if (!strcmp(command, "lost\n"))
		answer(lost(live));
	else if (!strcmp(command, "wake\n"))
		answer(wake(live));
	else
		printf("error unknown command\n");
	fflush(stdout);
}

static void free_pasts(struct observer *observer)
{
	while (observer->pasts) {
		struct past *past = observer->pasts;

		observer->pasts = past->next;
		free(past);
	}
}

int main(int argc, char **argv)
{
	struct options options;
	struct observer observer = {.live.proc_fd = -1};
	char command[64], *arguments[64] = {"observer", "agent"};
	int status;

	if (argc < 6 || argc > 60)
		return fail("POOLS LISTENERS SAMPLES RING_BYTES NAMES [OPTION...]");
	memcpy(&arguments[2], &argv[6], (size_t)(argc - 6) * sizeof(argv[0]));
	if (options_parse(argc - 4, arguments, &options) != OPTION_RUN)
		return EXIT_USAGE;
	status = start(&observer.live, &options, &argv[1]);
	if (status == EXIT_DONE) {
		printf("ready %d\n", (int)getpid());
		fflush(stdout);
		while (fgets(command, sizeof(command), stdin))
			obey(&observer, command);
	}
	live_close(&observer.live);
	free_pasts(&observer);
	options_free(&options);
	return status;
}
