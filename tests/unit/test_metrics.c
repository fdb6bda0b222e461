// SPDX-License-Identifier: Apache-2.0
/* The page: each family under its labels, from what the rollup has counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "sinks/metrics.h"

static struct event event_of(enum event_type type, uint64_t t_ns, uint64_t conn, uint32_t pid)
{
	struct event event = {.type = type, .t_ns = t_ns, .conn = conn};

	event.client = (struct client_id){.pid = pid, .start_ns = 1};
	event.exe = "/usr/bin/orders";
	event.remote.ip[10] = event.remote.ip[11] = 0xff;
	event.remote.ip[12] = 10;
	event.remote.ip[15] = 7;
	event.remote.port = 5432;
	return event;
}

static void feed(struct table *table, struct rollup *rollup, const struct event *event)
{
	struct change change;

	assert_int_equal(table_apply(table, event, &change), 0);
	rollup_observe(rollup, &change);
	table_settle(table);
}

struct scene {
	struct dbkind *databases;
	struct table *table;
	struct rollup *rollup;
	struct histogram ticks;
};

/* Two processes of a workload, three connections, one of them closed; a leak that stands. */
static void scene_open(struct scene *scene, bool per_process)
{
	struct verdict verdict = {.state = VERDICT_RAISED, .severity = SEVERITY_CRITICAL};
	struct event event;
	char error[200];

	*scene = (struct scene){.databases = dbkind_new(), .table = table_new(NULL)};
	scene->rollup = rollup_new(scene->databases, 10, per_process);
	assert_int_equal(dbkind_add_endpoint(scene->databases, "orders-db=10.0.0.7:5432,limit=100",
					     error, sizeof(error)),
			 0);
	for (uint64_t conn = 1; conn <= 3; conn++) {
		event = event_of(EVENT_OPEN, conn * NS_PER_SEC, conn, conn == 3 ? 101 : 100);
		feed(scene->table, scene->rollup, &event);
	}
	event = event_of(EVENT_CLOSE, 5 * NS_PER_SEC, 1, 100);
	event.by = CLOSE_RESET;
	feed(scene->table, scene->rollup, &event);
	for (uint32_t pid = 100; pid <= 101; pid++) {
		event = event_of(EVENT_CHURN, 5 * NS_PER_SEC, 0, pid);
		event.namespace = "shop";
		event.pod = "orders-0";
		event.container = "api";
		feed(scene->table, scene->rollup, &event);
	}
	for (struct pool *pool = table_first_pool(scene->table); pool; pool = pool->next) {
		verdict.client = pool->client->id;
		verdict.remote = pool->remote;
	}
	rollup_survey(scene->rollup, scene->table, NULL, 6 * NS_PER_SEC);
	verdict.t_ns = 6 * NS_PER_SEC;
	verdict.exhausts_in_s = 90;
	rollup_add_verdict(scene->rollup, scene->table, &verdict, 6 * NS_PER_SEC);
	histogram_add(&scene->ticks, &histogram_tick_scale, 2 * NS_PER_MS, 7);
}

static void scene_close(struct scene *scene)
{
	rollup_free(scene->rollup);
	table_free(scene->table);
	dbkind_free(scene->databases);
}

static char *render(const struct scene *scene, bool per_process, enum exposition_format format)
{
	const struct metrics_count losses[] = {{"ring_full", 3}, {"table_full", 0}};
	const struct metrics_count requests[] = {{"200", 12}}, refusals[] = {{"size", 4}};
	struct metrics_figures figures = {
		.rollup = scene->rollup,
		.per_process = per_process,
		.losses = losses,
		.loss_count = 2,
		.requests = requests,
		.request_count = 1,
		.refusals = refusals,
		.refusal_count = 1,
		.tracked_count = 2,
		.ticks = &scene->ticks,
	};
	char *text = NULL;
	size_t size = 0;

	assert_int_equal(metrics_render(&figures, format, &text, &size), 0);
	assert_int_equal(strlen(text), size);
	return text;
}

static void assert_line(const char *text, const char *line)
{
	char whole[512];

	(void)snprintf(whole, sizeof(whole), "\n%s\n", line);
	if (!strstr(text, whole))
		fail_msg("no line '%s' in:\n%s", line, text);
}

static void page_counts_stay_under_the_names_they_were_counted_under(void **state)
{
	struct scene scene;
	char *text;

	(void)state;
	scene_open(&scene, false);
	text = render(&scene, false, EXPOSITION_OPENMETRICS);
	/* The names became known after the opens. */
	assert_non_null(strstr(text, "workload=\"orders\",namespace=\"\""));
	free(text);
	scene_close(&scene);
}

static void page_verdicts_and_limits_have_their_labels(void **state)
{
	struct scene scene;
	char *text;
	const char *workload = "workload=\"shop/orders-0/api\",namespace=\"shop\",pod=\"orders-0\","
			       "container=\"api\",endpoint=\"orders-db\",database=\"postgresql\"";
	char line[512];

	(void)state;
	scene_open(&scene, false);
	text = render(&scene, false, EXPOSITION_OPENMETRICS);
	(void)snprintf(line, sizeof(line),
		       "connleak_verdict{%s,kind=\"leak\",severity=\"critical\"} 1", workload);
	assert_line(text, line);
	(void)snprintf(line, sizeof(line), "connleak_exhaustion_seconds{%s} 90", workload);
	assert_line(text, line);
	(void)snprintf(line, sizeof(line), "connleak_connections{%s,state=\"connecting\"} 2",
		       workload);
	assert_line(text, line);
	assert_line(text,
		    "connleak_endpoint_limit{endpoint=\"orders-db\",database=\"postgresql\"} 100");
	free(text);
	scene_close(&scene);
}

static void page_the_agent_tells_of_itself(void **state)
{
	static const char *const lines[] = {
		"connleak_lost_total{reason=\"ring_full\"} 3",
		"connleak_lost_total{reason=\"table_full\"} 0",
		"connleak_tracked_connections 2",
		"connleak_tick_duration_seconds_bucket{le=\"0.0025\"} 7",
		"connleak_tick_duration_seconds_count 7",
		"connleak_metrics_overflow_total 0",
		"connleak_http_requests_total{code=\"200\"} 12",
		"connleak_http_refused_total{reason=\"size\"} 4",
		"connleak_build_info{version=\"" CONNLEAK_VERSION "\"} 1",
		"# TYPE connleak_lost counter",
		"# UNIT connleak_tick_duration_seconds seconds",
	};
	struct scene scene;
	char *text;

	(void)state;
	scene_open(&scene, false);
	text = render(&scene, false, EXPOSITION_OPENMETRICS);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_line(text, lines[i]);
	assert_null(strstr(text, "pid="));
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
	scene_close(&scene);
}

static void page_per_process_has_the_pid(void **state)
{
	struct scene scene;
	char *text;

	(void)state;
	scene_open(&scene, true);
	text = render(&scene, true, EXPOSITION_CLASSIC);
	assert_non_null(strstr(text, "database=\"postgresql\",pid=\"100\""));
	assert_non_null(strstr(text, "database=\"postgresql\",pid=\"101\""));
	assert_line(text, "# TYPE connleak_lost_total counter");
	assert_null(strstr(text, "# EOF"));
	/* One endpoint, whoever uses it. */
	assert_null(strstr(strstr(text, "\nconnleak_endpoint_limit{") + 1,
			   "\nconnleak_endpoint_limit{"));
	free(text);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_counts_stay_under_the_names_they_were_counted_under),
		cmocka_unit_test(page_verdicts_and_limits_have_their_labels),
		cmocka_unit_test(page_the_agent_tells_of_itself),
		cmocka_unit_test(page_per_process_has_the_pid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
