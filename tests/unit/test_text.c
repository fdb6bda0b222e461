/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/text.h"

/* What is written about a verdict; to be freed. */
static char *written(const struct verdict *verdict, int64_t realtime_at_zero_ns)
{
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	assert_non_null(stream);
	assert_int_equal(text_write_verdict(stream, verdict, realtime_at_zero_ns), 0);
	assert_int_equal(fclose(stream), 0);
	return text;
}

static void text_write_verdict_whole_verdict_is_laid_out(void **state)
{
	static uint64_t suspects[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	static uint16_t ports[] = {40001, 0,	 40003, 40004, 40005,
				   40006, 40007, 40008, 40009, 40010};
	static char site[] = "OrderRepo.save";
	struct verdict verdict = {
		.t_ns = 120 * NS_PER_SEC,
		.id = 7,
		.kind = VERDICT_LEAK,
		.state = VERDICT_RAISED,
		.severity = SEVERITY_WARNING,
		.suspects = suspects,
		.suspect_ports = ports,
		.suspect_count = 10,
		.sites = {{.site = site, .open_count = 11, .role = "last_send"},
			  {.site = NULL, .open_count = 1, .role = "open"}},
		.site_count = 2,
		.evidence = {{.name = "a", .text = "12 are silent"},
			     {.name = "b", .text = "0 failed"}},
		.evidence_count = 2,
		.rivals = {{.rival = RIVAL_TRAFFIC_SPIKE,
			    .ruling = RULING_RULED_OUT,
			    .text = "12 operations/s seen, 12 before"},
			   {.rival = RIVAL_NETWORK, .text = "no connect"}},
		.rival_count = 2,
		.summary = "LEAK orders-api[4121]",
	};
	char *text = written(&verdict, (int64_t)(14 * 3600 * NS_PER_SEC));

	(void)state;
	assert_string_equal(text,
			    "14:02 [warning, raised #7] LEAK orders-api[4121]\n"
			    "  because 12 are silent\n"
			    "  because 0 failed\n"
			    "  ruled out  traffic spike: 12 operations/s seen, 12 before\n"
			    "  cannot tell  network: no connect\n"
			    "  last send in OrderRepo.save (11 open)\n"
			    "  opened in an unknown place (1 open)\n"
			    "  suspects (10), local ports: 40001, ?, 40003, 40004, 40005, 40006, "
			    "40007, 40008 and 2 more\n");
	free(text);
}

static void text_write_verdict_where_no_port_is_known_writes_the_connections_numbers(void **state)
{
	uint16_t ports[2] = {0};
	uint64_t suspects[2] = {8812, 8813};
	struct verdict verdict = {
		.suspects = suspects,
		.suspect_ports = ports,
		.suspect_count = 2,
		.summary = "x",
	};
	char *text = written(&verdict, 0);

	(void)state;
	assert_non_null(strstr(text, "\n  suspects (2): 8812, 8813\n"));
	free(text);
}

static void text_write_verdict_cleared_one_is_one_line(void **state)
{
	struct verdict verdict = {
		.t_ns = 830 * NS_PER_SEC,
		.id = 1,
		.state = VERDICT_CLEARED,
		.evidence = {{.name = "a", .text = "12 are silent"}},
		.evidence_count = 1,
		.summary = "gone",
	};
	char *text = written(&verdict, 0);

	(void)state;
	assert_string_equal(text, "t=830 s [was info, cleared #1] gone\n");
	free(text);
}

static void text_write_verdict_control_characters_are_escaped_once(void **state)
{
	static char site[] = "a\x1b[2J\nb";
	struct verdict verdict = {
		.sites = {{.site = site, .role = "open"}},
		.site_count = 1,
		.summary = "x\\x1by\x1b\xe2\x80\xae",
	};
	char *text = written(&verdict, 0);

	(void)state;
	assert_non_null(strstr(text, "] x\\x1by\\x1b\\xe2\\x80\\xae\n"));
	assert_non_null(strstr(text, "opened in a\\x1b[2J\\x0ab (0 open)\n"));
	assert_null(strchr(text, '\x1b'));
	free(text);
}

static void text_write_verdict_long_text_keeps_its_characters(void **state)
{
	struct verdict verdict = {.id = 1};
	char *text;

	(void)state;
	verdict.summary[0] = 'x';
	for (size_t i = 1; i + 2 < sizeof(verdict.summary); i += 2)
		memcpy(verdict.summary + i, "\xc3\xa9", 2);
	text = written(&verdict, 0);
	assert_non_null(strstr(text, verdict.summary));
	free(text);
}

static void text_write_verdict_long_text_of_escapes_is_whole(void **state)
{
	struct verdict verdict = {.id = 1};
	size_t escapes = 0;
	char *text;

	(void)state;
	memset(verdict.summary, 0x1b, sizeof(verdict.summary) - 1);
	text = written(&verdict, 0);
	for (const char *at = text; (at = strstr(at, "\\x1b")); at++)
		escapes++;
	assert_int_equal(escapes, sizeof(verdict.summary) - 1);
	free(text);
}

static void text_write_verdict_full_disk_is_an_error(void **state)
{
	struct verdict verdict = {.id = 1};
	FILE *stream = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(stream);
	assert_int_equal(text_write_verdict(stream, &verdict, 0), -ENOSPC);
	(void)fclose(stream); /* fails as it should */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_write_verdict_whole_verdict_is_laid_out),
		cmocka_unit_test(
			text_write_verdict_where_no_port_is_known_writes_the_connections_numbers),
		cmocka_unit_test(text_write_verdict_cleared_one_is_one_line),
		cmocka_unit_test(text_write_verdict_control_characters_are_escaped_once),
		cmocka_unit_test(text_write_verdict_long_text_keeps_its_characters),
		cmocka_unit_test(text_write_verdict_long_text_of_escapes_is_whole),
		cmocka_unit_test(text_write_verdict_full_disk_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
