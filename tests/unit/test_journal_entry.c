// SPDX-License-Identifier: Apache-2.0
/*
 * The journal's entry: the contract's fields, what is unknown, and names that want to be fields.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/journal_entry.h"

static struct verdict plain_verdict(void)
{
	return (struct verdict){
		.id = 17,
		.kind = VERDICT_LEAK,
		.state = VERDICT_RAISED,
		.severity = SEVERITY_WARNING,
		.client = {.pid = 4711},
		.comm = "orders-api",
		.remote = {.ip = {[10] = 0xff, 0xff, 10, 0, 3, 7}, .port = 5432},
		.growth_per_hour = NAN,
		.exhausts_in_s = NAN,
		.summary = "LEAK orders-api[4711]: 12 silent.",
	};
}

static void assert_entry(const struct verdict *verdict, const char *expected)
{
	char buffer[JOURNAL_ENTRY_MAX];
	size_t length = journal_entry_write(verdict, buffer);

	assert_int_equal(length, strlen(expected));
	assert_memory_equal(buffer, expected, length);
}

static void journal_entry_write_unknown_is_left_out(void **state)
{
	struct verdict verdict = plain_verdict();

	(void)state;
	assert_entry(&verdict, "MESSAGE=LEAK orders-api[4711]: 12 silent.\n"
			       "MESSAGE_ID=9799c9085e7a4ee7a70f1dac0a5a7a39\n"
			       "PRIORITY=4\n"
			       "SYSLOG_IDENTIFIER=connleak\n"
			       "CONNLEAK_KIND=leak\n"
			       "CONNLEAK_STATE=raised\n"
			       "CONNLEAK_SEVERITY=warning\n"
			       "CONNLEAK_ID=17\n"
			       "CONNLEAK_PID=4711\n"
			       "CONNLEAK_COMM=orders-api\n"
			       "CONNLEAK_REMOTE=10.0.3.7:5432\n"
			       "CONNLEAK_OPEN=0\n"
			       "CONNLEAK_STALE=0\n");
}

static void journal_entry_write_every_field_has_its_value(void **state)
{
	struct verdict verdict = plain_verdict();
	static const char *const expected[] = {
		"\nPRIORITY=2\n",
		"\nCONNLEAK_DATABASE=postgresql\n",
		"\nCONNLEAK_ENDPOINT=orders-db\n",
		"\nCONNLEAK_WORKLOAD=shop/orders-7d9f/api\n",
		"\nCONNLEAK_NAMESPACE=shop\n",
		"\nCONNLEAK_POD=orders-7d9f\n",
		"\nCONNLEAK_CONTAINER=api\n",
		"\nCONNLEAK_OPEN=61\n",
		"\nCONNLEAK_STALE=12\n",
		"\nCONNLEAK_LIMIT=100\n",
		"\nCONNLEAK_EXHAUSTS_IN_USEC=2340500000\n",
		"\nCONNLEAK_EVIDENCE=12 are silent\n",
		"\nCONNLEAK_EVIDENCE=0 at 14:02\n",
		"\nCONNLEAK_SITE=OrderRepo.save\n",
	};
	char buffer[JOURNAL_ENTRY_MAX + 1], site[] = "OrderRepo.save";

	(void)state;
	verdict.severity = SEVERITY_CRITICAL;
	strcpy(verdict.database, "postgresql");
	strcpy(verdict.endpoint, "orders-db");
	strcpy(verdict.workload, "shop/orders-7d9f/api");
	strcpy(verdict.namespace, "shop");
	strcpy(verdict.pod, "orders-7d9f");
	strcpy(verdict.container, "api");
	verdict.open_count = 61;
	verdict.stale_count = 12;
	verdict.limit = 100;
	verdict.exhausts_in_s = 2340.5;
	verdict_add_evidence(&verdict, "a", "12 are silent");
	verdict_add_evidence(&verdict, "b", "0 at 14:02");
	verdict.sites[0] = (struct verdict_site){.site = site, .open_count = 11};
	verdict.site_count = 1;
	buffer[journal_entry_write(&verdict, buffer)] = '\0';
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (!strstr(buffer, expected[i]))
			fail_msg("no%s in %s", expected[i], buffer);
}

static void journal_entry_write_cleared_calls_nobody(void **state)
{
	struct verdict verdict = plain_verdict();
	char buffer[JOURNAL_ENTRY_MAX + 1];

	(void)state;
	verdict.severity = SEVERITY_CRITICAL;
	verdict.state = VERDICT_CLEARED;
	buffer[journal_entry_write(&verdict, buffer)] = '\0';
	assert_non_null(strstr(buffer, "\nPRIORITY=5\n"));
	assert_non_null(strstr(buffer, "\nCONNLEAK_SEVERITY=critical\n"));
}

static void journal_entry_write_names_cannot_forge_fields(void **state)
{
	struct verdict verdict = plain_verdict();
	char buffer[JOURNAL_ENTRY_MAX + 1];
	char site[] = "a\nMESSAGE=forged\n\033[31m\377\\x0a";

	(void)state;
	memcpy(verdict.comm, "x\nPRIORITY=0\n\0\0", sizeof(verdict.comm));
	strcpy(verdict.workload, "w\nCONNLEAK_KIND=storm");
	verdict.sites[0].site = site;
	verdict.site_count = 1;
	buffer[journal_entry_write(&verdict, buffer)] = '\0';
	assert_null(strstr(buffer, "\nPRIORITY=0"));
	assert_null(strstr(buffer, "\nMESSAGE=forged"));
	assert_null(strstr(buffer, "\nCONNLEAK_KIND=storm"));
	assert_null(strchr(buffer, '\033'));
	assert_non_null(strstr(buffer, "\nCONNLEAK_COMM=x\\x0aPRIORITY=0\\x0a\n"));
	assert_non_null(strstr(buffer, "\\x0a\\x1b[31m\\xff\\x0a\n"));
}

static void journal_entry_write_too_much_is_cut_by_whole_fields(void **state)
{
	struct verdict verdict = plain_verdict();
	char buffer[JOURNAL_ENTRY_MAX + 1], site[8000];
	size_t length;

	(void)state;
	memset(site, 'x', sizeof(site) - 1);
	site[sizeof(site) - 1] = '\0';
	for (uint32_t i = 0; i < VERDICT_SITES_MAX; i++)
		verdict.sites[i].site = site;
	verdict.site_count = VERDICT_SITES_MAX;
	length = journal_entry_write(&verdict, buffer);
	assert_true(length > 8000 && length < JOURNAL_ENTRY_MAX);
	assert_int_equal(buffer[length - 1], '\n');
	buffer[length] = '\0';
	assert_non_null(strstr(buffer, "\nCONNLEAK_STALE="));
}

/* Every kind has an id of its own, and the catalog has a text for it. */
static void journal_message_id_is_in_the_catalog(void **state)
{
	char catalog[32768] = "", line[64];
	FILE *file = fopen("packaging/systemd/connleak.catalog", "r");

	(void)state;
	assert_non_null(file);
	assert_true(fread(catalog, 1, sizeof(catalog) - 1, file) > 0);
	fclose(file);
	for (int kind = 0; kind < VERDICT_KIND_COUNT; kind++) {
		const char *id = journal_message_id((enum verdict_kind)kind);

		snprintf(line, sizeof(line), "\n-- %s\nSubject: ", id);
		assert_non_null(strstr(catalog, line));
		for (int other = 0; other < kind; other++)
			assert_string_not_equal(id, journal_message_id((enum verdict_kind)other));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_entry_write_unknown_is_left_out),
		cmocka_unit_test(journal_entry_write_every_field_has_its_value),
		cmocka_unit_test(journal_entry_write_cleared_calls_nobody),
		cmocka_unit_test(journal_entry_write_names_cannot_forge_fields),
		cmocka_unit_test(journal_entry_write_too_much_is_cut_by_whole_fields),
		cmocka_unit_test(journal_message_id_is_in_the_catalog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
