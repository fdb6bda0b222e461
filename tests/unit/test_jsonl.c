/* SPDX-License-Identifier: Apache-2.0 */
/* Verdict and trace lines for machines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "sinks/jsonl.h"

static struct verdict sample(void)
{
	static uint64_t suspects[] = {8812, 8813};
	static uint16_t ports[] = {53466, 0};
	static char site[] = "OrderRepo.save";
	struct verdict verdict = {
		.t_ns = 830 * NS_PER_SEC,
		.id = 1,
		.kind = VERDICT_LEAK,
		.state = VERDICT_RAISED,
		.severity = SEVERITY_WARNING,
		.client = {.pid = 4711, .start_ns = 3500 * NS_PER_MS},
		.comm = "orders-api",
		.workload = "orders.service",
		.namespace = "shop",
		.pod = "orders-0",
		.container = "api",
		.ns_pid = 7,
		.rivals = {{.rival = RIVAL_TRAFFIC_SPIKE,
			    .ruling = RULING_RULED_OUT,
			    .text = "queries/s +2%"}},
		.rival_count = 1,
		.endpoint = "orders-db",
		.database = "postgresql",
		.open_count = 61,
		.stale_count = 12,
		.limit = 100,
		.growth_per_hour = 60,
		.exhausts_in_s = 2340.4,
		.exhausts_in_low_s = 1500,
		.exhausts_in_high_s = 5400,
		.since_ns = 110 * NS_PER_SEC,
		.suspects = suspects,
		.suspect_ports = ports,
		.suspect_count = 2,
		.sites = {{.site = site, .open_count = 12, .role = "last_send"}},
		.site_count = 1,
		.evidence = {{.name = "silent_stock_at_opens", .text = "because"}},
		.evidence_count = 1,
		.summary = "LEAK orders-api[4711] -> 10.0.3.7:5432",
	};

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &verdict.remote), 0);
	return verdict;
}

/* The line of a verdict; to be freed. */
static char *written(const struct verdict *verdict)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	assert_int_equal(jsonl_write_verdict(stream, verdict), 0);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void jsonl_write_verdict_line_is_the_contract(void **state)
{
	struct verdict verdict = sample();
	char *text = written(&verdict);

	(void)state;
	assert_string_equal(
		text,
		"{\"t\":830.0,\"ev\":\"verdict\",\"id\":1,\"kind\":\"leak\",\"state\":\"raised\","
		"\"severity\":\"warning\",\"pid\":4711,\"pstart\":3.5,\"comm\":\"orders-api\","
		"\"remote\":\"10.0.3.7:5432\",\"database\":\"postgresql\",\"open\":61,\"stale\":12,"
		"\"limit\":100,\"growth_per_hour\":60.0,\"exhausts_in_s\":2340,"
		"\"exhausts_in_low_s\":1500,\"exhausts_in_high_s\":5400,\"since_t\":110.0,"
		"\"suspects\":[8812,8813],"
		"\"sites\":[{\"site\":\"OrderRepo.save\",\"open\":12,\"role\":\"last_send\"}],"
		"\"evidence\":[{\"name\":\"silent_stock_at_opens\",\"text\":\"because\"}],"
		"\"summary\":\"LEAK orders-api[4711] -> 10.0.3.7:5432\","
		"\"workload\":\"orders.service\",\"namespace\":\"shop\",\"pod\":\"orders-0\","
		"\"container\":\"api\",\"ns_pid\":7,\"endpoint\":\"orders-db\","
		"\"rivals\":[{\"name\":\"traffic_spike\",\"ruling\":\"ruled_out\","
		"\"text\":\"queries/s +2%\"}],\"suspect_ports\":[53466,null]}\n");
	free(text);
}

static void jsonl_write_verdict_unknown_is_null(void **state)
{
	static const char *const keys[] = {"pstart",
					   "comm",
					   "database",
					   "limit",
					   "growth_per_hour",
					   "exhausts_in_s",
					   "exhausts_in_low_s",
					   "exhausts_in_high_s",
					   "workload",
					   "namespace",
					   "pod",
					   "container",
					   "ns_pid",
					   "endpoint"};
	struct verdict verdict = {.growth_per_hour = NAN,
				  .exhausts_in_s = NAN,
				  .exhausts_in_low_s = NAN,
				  .exhausts_in_high_s = INFINITY};
	char *text = written(&verdict);
	json_t *line = json_loads(text, 0, NULL);

	(void)state;
	assert_non_null(line);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_is_null(json_object_get(line, keys[i])))
			fail_msg("%s is not null: %s", keys[i], text);
	assert_int_equal(json_array_size(json_object_get(line, "suspects")), 0);
	assert_true(json_is_array(json_object_get(line, "suspects")));
	assert_int_equal(json_integer_value(json_object_get(line, "open")), 0);
	json_decref(line);
	free(text);
}

static void jsonl_write_verdict_foreign_bytes_stay_valid_json(void **state)
{
	struct verdict verdict = sample();
	char site[] = "a\xff\"\n", *text;
	json_t *line;

	(void)state;
	memset(verdict.comm, 0xff, sizeof(verdict.comm));
	verdict.sites[0].site = site;
	(void)strcpy(verdict.summary, "LEAK \x1b[2J\n\xc3");
	text = written(&verdict);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	line = json_loads(text, 0, NULL);
	assert_non_null(line);
	assert_int_equal(json_string_length(json_object_get(line, "comm")), 16 * 3);
	assert_string_equal(json_string_value(json_object_get(line, "summary")),
			    "LEAK \x1b[2J\n\xef\xbf\xbd");
	json_decref(line);
	free(text);
}

static void jsonl_write_verdict_long_site_is_whole(void **state)
{
	struct verdict verdict = sample();
	static char site[20001];
	char *text;
	json_t *line;

	(void)state;
	memset(site, 's', sizeof(site) - 1);
	verdict.sites[0].site = site;
	text = written(&verdict);
	line = json_loads(text, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(line, "sites"), 0), "site")),
			    site);
	json_decref(line);
	free(text);
}

static void jsonl_write_verdict_full_disk_is_an_error(void **state)
{
	struct verdict verdict = sample();
	FILE *stream = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(stream);
	assert_int_equal(jsonl_write_verdict(stream, &verdict), -ENOSPC);
	/* And not only the first time. */
	assert_true(jsonl_write_verdict(stream, &verdict) < 0);
	(void)fclose(stream); /* fails as it should */
}

static void jsonl_write_event_line_is_that_of_the_trace(void **state)
{
	struct trace_header header = {.version = 1};
	struct event event = {.type = EVENT_END, .t_ns = 600 * NS_PER_SEC};
	struct event churn = {.type = EVENT_CHURN};
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	assert_non_null(stream);
	assert_int_equal(jsonl_write_header(stream, &header), 0);
	assert_int_equal(jsonl_write_event(stream, &churn), 0);
	assert_int_equal(jsonl_write_event(stream, &event), 0);
	assert_int_equal(jsonl_flush(stream), 0);
	assert_string_equal(text, "{\"connleak_trace\":1}\n{\"t\":600.0,\"ev\":\"end\"}\n");
	assert_int_equal(fclose(stream), 0);
	free(text);
}

static void jsonl_write_event_too_long_is_emsgsize_and_writes_nothing(void **state)
{
	static char site[TRACE_LINE_MAX + 1];
	struct event event = {.type = EVENT_OPEN, .site = site};
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	(void)state;
	assert_non_null(stream);
	memset(site, 's', sizeof(site) - 1);
	assert_int_equal(jsonl_write_event(stream, &event), -EMSGSIZE);
	assert_int_equal(fclose(stream), 0);
	assert_int_equal(size, 0);
	free(text);
}

static void jsonl_flush_full_disk_is_an_error(void **state)
{
	struct event event = {.type = EVENT_END};
	FILE *stream = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(stream);
	assert_int_equal(jsonl_write_event(stream, &event), 0);
	assert_int_equal(jsonl_flush(stream), -ENOSPC);
	assert_true(jsonl_write_event(stream, &event) < 0);
	(void)fclose(stream); /* fails as it should */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jsonl_write_verdict_line_is_the_contract),
		cmocka_unit_test(jsonl_write_verdict_unknown_is_null),
		cmocka_unit_test(jsonl_write_verdict_foreign_bytes_stay_valid_json),
		cmocka_unit_test(jsonl_write_verdict_long_site_is_whole),
		cmocka_unit_test(jsonl_write_verdict_full_disk_is_an_error),
		cmocka_unit_test(jsonl_write_event_line_is_that_of_the_trace),
		cmocka_unit_test(jsonl_write_event_too_long_is_emsgsize_and_writes_nothing),
		cmocka_unit_test(jsonl_flush_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
