// SPDX-License-Identifier: Apache-2.0
/* Which question a request is; what is asked wrongly is an error and not another question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "cli/api_route.h"

static void route_parse_paths_are_known_whole(void **state)
{
	static const struct {
		const char *path;
		enum api_what what;
		bool is_public;
		uint32_t pid;
	} cases[] = {
		{"/metrics", API_METRICS, true, 0},
		{"/healthz", API_HEALTH, true, 0},
		{"/readyz", API_READY, true, 0},
		{"/v1/pools", API_POOLS, false, 0},
		{"/v1/connections", API_CONNECTIONS, false, 0},
		{"/v1/verdicts", API_VERDICTS, false, 0},
		{"/v1/explain/1", API_EXPLAIN, false, 1},
		{"/v1/explain/4194304", API_EXPLAIN, false, 4194304},
		{"/v1/explain/4194305", API_NOTHING, false, 0},
		{"/v1/explain/99999999999999999999", API_NOTHING, false, 0},
		{"/v1/explain/0", API_NOTHING, false, 0},
		{"/v1/explain/01", API_NOTHING, false, 0},
		{"/v1/explain/", API_NOTHING, false, 0},
		{"/v1/explain/1/", API_NOTHING, false, 0},
		{"/v1/explain/-1", API_NOTHING, false, 0},
		{"/v1/explain/1 ", API_NOTHING, false, 0},
		{"/v1/explain", API_NOTHING, false, 0},
		{"/metrics/", API_NOTHING, false, 0},
		{"//metrics", API_NOTHING, false, 0},
		{"/../metrics", API_NOTHING, false, 0},
		{"", API_NOTHING, false, 0},
		{"/", API_NOTHING, false, 0},
		{"*", API_NOTHING, false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct api_route route;

		api_route_parse(cases[i].path, &route);
		assert_int_equal(route.what, cases[i].what);
		assert_int_equal(route.is_public, cases[i].is_public);
		assert_int_equal(route.pid, cases[i].pid);
	}
}

static void parse_format_only_what_is_served(void **state)
{
	bool is_text = true;

	(void)state;
	assert_int_equal(api_parse_format(NULL, &is_text), 0);
	assert_false(is_text);
	assert_int_equal(api_parse_format("text", &is_text), 0);
	assert_true(is_text);
	assert_int_equal(api_parse_format("json", &is_text), 0);
	assert_false(is_text);
	assert_int_equal(api_parse_format("", &is_text), -EINVAL);
	assert_int_equal(api_parse_format("JSON", &is_text), -EINVAL);
}

static void parse_pids_a_list_or_an_error(void **state)
{
	static const char *const wrong[] = {"",	  ",", "1,", ",1",	 "1,,2",
					    "1 ", "0", "x",  "1,4194305"};
	uint32_t pids[API_PIDS_MAX];
	char many[4 * (API_PIDS_MAX + 1)] = "";

	(void)state;
	assert_int_equal(api_parse_pids(NULL, pids), 0);
	assert_int_equal(api_parse_pids("7", pids), 1);
	assert_int_equal(pids[0], 7);
	assert_int_equal(api_parse_pids("7,4194304,9", pids), 3);
	assert_int_equal(pids[1], 4194304);
	assert_int_equal(pids[2], 9);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(api_parse_pids(wrong[i], pids), -EINVAL);
	for (int i = 0; i < API_PIDS_MAX; i++)
		strcat(many, i ? ",11" : "11");
	assert_int_equal(api_parse_pids(many, pids), API_PIDS_MAX);
	strcat(many, ",11");
	assert_int_equal(api_parse_pids(many, pids), -EINVAL);
}

static void wants_openmetrics_as_the_header_says(void **state)
{
	static const struct {
		const char *accept;
		bool wants;
	} cases[] = {
		{NULL, false},
		{"", false},
		{"*/*", false},
		{"text/plain", false},
		{"application/openmetrics-text", true},
		/* Prometheus 2.42, then one of 2023, then one of 2017. */
		{"application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
		 "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		 true},
		{"application/openmetrics-text; version=0.0.1; charset=utf-8", false},
		{"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		 "encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3",
		 false},
		{"text/plain, application/openmetrics-text;q=0.5", false},
		{"text/plain;q=0.5, application/openmetrics-text;q=0.5", true},
		{"Application/OpenMetrics-Text ; Version=1.0.0 ; q=0.2", true},
		{"application/openmetrics-text;q=0", false},
		{"application/openmetrics-text;q=7", false},
		{"application/openmetrics-text;q=", false},
		{"application/openmetrics-text;q=0.0000001", false},
		{"application/openmetrics-textual", false},
		{",,;;=,", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(api_wants_openmetrics(cases[i].accept), cases[i].wants);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_parse_paths_are_known_whole),
		cmocka_unit_test(parse_format_only_what_is_served),
		cmocka_unit_test(parse_pids_a_list_or_an_error),
		cmocka_unit_test(wants_openmetrics_as_the_header_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
