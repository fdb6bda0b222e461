// SPDX-License-Identifier: Apache-2.0
/*
 * What is kept over a restart: there and back, over a boot, and files that nobody should believe.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/state_json.h"

#define SEC NS_PER_SEC

static const struct state_clock saved = {"boot-1", 5000 * SEC, 1795000000LL * 1000000000LL};

struct kept {
	struct ledger *ledger;
	struct fleets *fleets;
};

static struct kept make_kept(void)
{
	struct kept kept = {ledger_new(), fleets_new()};

	assert_true(kept.ledger && kept.fleets);
	return kept;
}

static void drop_kept(struct kept *kept)
{
	ledger_free(kept->ledger);
	fleets_free(kept->fleets);
}

static struct netaddr address(uint16_t port)
{
	struct netaddr addr = {.ip = {[10] = 0xff, 0xff, 10, 0, 3, 7}, .port = port};

	return addr;
}

static void fill(struct kept *kept)
{
	struct verdict verdict = {
		.t_ns = 4990 * SEC,
		.id = 17,
		.kind = VERDICT_LEAK,
		.state = VERDICT_RAISED,
		.severity = SEVERITY_CRITICAL,
		.client = {.pid = 4711, .start_ns = 123456789},
		.comm = "orders\n\377",
		.workload = "shop/orders-7d9f/api",
		.pod = "orders-7d9f",
		.namespace = "shop",
		.container = "api",
		.remote = address(5432),
		.database = "postgresql",
		.endpoint = "orders-db",
		.open_count = 61,
		.stale_count = 12,
		.limit = 100,
		.growth_per_hour = 60,
		.exhausts_in_s = NAN,
		.since_ns = 4000 * SEC,
		.summary = "LEAK orders",
	};
	struct netaddr suspects[] = {address(40001), address(40002)};
	struct baseline baseline = {
		.workload = "orders-api",
		.remote = address(5432),
		.plateau = 20,
		.plateau_before = 18,
		.rate = 1234.5,
		.busy = 0.25,
		.epoch_ns = 1000 * SEC,
		.known_ns = 4500 * SEC,
	};

	assert_int_equal(ledger_carry(kept->ledger, &verdict, suspects, 2, 4995 * SEC, 4996 * SEC),
			 0);
	ledger_reserve(kept->ledger, 30);
	assert_int_equal(fleets_import(kept->fleets, &baseline), 0);
}

static char *encode_filled(void)
{
	struct kept kept = make_kept();
	char *text;

	fill(&kept);
	text = state_encode(kept.ledger, kept.fleets, &saved);
	assert_non_null(text);
	drop_kept(&kept);
	return text;
}

static int decode(const char *text, const struct state_clock *now, struct kept *kept,
		  char error[static 256])
{
	strcpy(error, "");
	return state_decode(text, strlen(text), now, kept->ledger, kept->fleets, error, 256);
}

/* Nobody has counted since; to count on from there would be a guess. */
static void state_decode_leaves_out_how_long_it_was_going_to_take(void **state)
{
	static const struct {
		enum verdict_kind kind;
		double left_s;
		bool is_kept;
	} rows[] = {
		{VERDICT_LEAK, 240, false}, {VERDICT_LEAK, 0, false}, {VERDICT_EXHAUSTED, 0, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kept from = make_kept(), kept = make_kept();
		struct verdict verdict = {.id = 17,
					  .kind = rows[i].kind,
					  .state = VERDICT_RAISED,
					  .remote = address(5432),
					  .exhausts_in_s = rows[i].left_s,
					  .exhausts_in_low_s = NAN,
					  .exhausts_in_high_s = NAN};
		char *text, error[256];

		assert_int_equal(ledger_carry(from.ledger, &verdict, NULL, 0, 1, 1), 0);
		text = state_encode(from.ledger, from.fleets, &saved);
		assert_int_equal(decode(text, &saved, &kept, error), 0);
		verdict = ledger_first(kept.ledger)->verdict;
		assert_int_equal(!isnan(verdict.exhausts_in_s), rows[i].is_kept);
		free(text);
		drop_kept(&kept);
		drop_kept(&from);
	}
}

static void state_decode_same_boot_gives_back_what_was_kept(void **state)
{
	struct state_clock now = saved;
	struct kept kept = make_kept();
	const struct ledger_entry *entry;
	const struct baseline *baseline;
	char *text = encode_filled(), error[256];

	(void)state;
	now.t_ns += 60 * SEC;
	now.realtime_ns -= 3600LL * 1000000000LL; /* somebody has set the clock back */
	assert_int_equal(decode(text, &now, &kept, error), 0);
	entry = ledger_first(kept.ledger);
	assert_non_null(entry);
	assert_int_equal(entry->verdict.id, 17);
	assert_int_equal(entry->verdict.kind, VERDICT_LEAK);
	assert_int_equal(entry->verdict.severity, SEVERITY_CRITICAL);
	assert_int_equal(entry->verdict.client.pid, 4711);
	assert_int_equal(entry->verdict.client.start_ns, 123456789);
	assert_string_equal(entry->verdict.pod, "orders-7d9f");
	assert_string_equal(entry->verdict.endpoint, "orders-db");
	assert_int_equal(entry->verdict.since_ns, 4000 * SEC);
	assert_true(isnan(entry->verdict.exhausts_in_s));
	assert_true(entry->verdict.growth_per_hour == 60);
	assert_int_equal(entry->known_ns, 4995 * SEC);
	assert_int_equal(entry->carried_ns, now.t_ns);
	assert_int_equal(entry->suspect_count, 2);
	assert_memory_equal(&entry->suspects[1], &(struct netaddr[]){address(40002)},
			    sizeof(struct netaddr));
	assert_int_equal(ledger_next_id(kept.ledger), 30);
	baseline = fleets_first(kept.fleets)->baseline;
	assert_string_equal(baseline->workload, "orders-api");
	assert_int_equal(baseline->plateau, 20);
	assert_true(baseline->rate == 1234.5 && baseline->busy == 0.25);
	assert_int_equal(baseline->known_ns, 4500 * SEC);
	free(text);
	drop_kept(&kept);
}

static void state_decode_other_boot_keeps_baselines_and_ends_verdicts(void **state)
{
	struct state_clock now = {"boot-2", 9000 * SEC, saved.realtime_ns};
	struct kept kept = make_kept();
	char *text = encode_filled(), error[256];
	struct ledger_line line;
	struct table *table = table_new(NULL);

	(void)state;
	now.realtime_ns += 600LL * 1000000000LL;
	assert_int_equal(decode(text, &now, &kept, error), 0);
	assert_int_equal(ledger_first(kept.ledger)->known_ns, 0);
	assert_true(ledger_review(kept.ledger, table, now.t_ns, &line));
	assert_non_null(strstr(line.verdict->summary, "the host was restarted"));
	/* 500 s old when it was kept, 600 s ago. */
	assert_int_equal(fleets_first(kept.fleets)->baseline->known_ns, (9000 - 1100) * SEC);
	/* Older than this boot. */
	assert_int_equal(fleets_first(kept.fleets)->baseline->epoch_ns, (9000 - 4600) * SEC);
	free(text);
	table_free(table);
	drop_kept(&kept);
}

static void state_decode_every_cut_is_refused_and_takes_nothing(void **state)
{
	char *text = encode_filled(), error[256];
	size_t length = strlen(text);

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		struct kept kept = make_kept();

		assert_int_equal(state_decode(text, cut, &saved, kept.ledger, kept.fleets, error,
					      sizeof(error)),
				 -EINVAL);
		assert_null(ledger_first(kept.ledger));
		assert_null(fleets_first(kept.fleets));
		assert_int_equal(ledger_next_id(kept.ledger), 1);
		drop_kept(&kept);
	}
	free(text);
}

static void state_decode_nonsense_is_named_and_takes_nothing(void **state)
{
	static const struct {
		const char *text, *error;
		int result;
	} cases[] = {
		{"", "no JSON", -EINVAL},
		{"[]", "no state of connleak", -EINVAL},
		{"{}", "no state of connleak", -EINVAL},
		{"{\"connleak_state\":2}", "version 2", -ENOTSUP},
		{"{\"connleak_state\":\"1\"}", "connleak_state is not a number", -EINVAL},
		{"{\"connleak_state\":1}", "verdicts is not a list", -EINVAL},
		{"{\"connleak_state\":1,\"connleak_state\":1}", "no JSON", -EINVAL},
		{"{\"connleak_state\":1,\"next_id\":-1,\"verdicts\":[],\"baselines\":[]}",
		 "next_id is not a number", -EINVAL},
		{"{\"connleak_state\":1,\"verdicts\":[1],\"baselines\":[]}", "kind is not",
		 -EINVAL},
		{"{\"connleak_state\":1,\"verdicts\":[{\"id\":1,\"kind\":\"leak\",\"remote\":"
		 "\"x\",\"suspects\":[]}],\"baselines\":[]}",
		 "ADDR:PORT", -EINVAL},
		{"{\"connleak_state\":1,\"verdicts\":[{\"id\":1,\"kind\":\"leak\",\"remote\":"
		 "\"1.2.3.4:5\",\"suspects\":[\"1.2.3.4:6\",7]}],\"baselines\":[]}",
		 "ADDR:PORT", -EINVAL},
		{"{\"connleak_state\":1,\"verdicts\":[{\"id\":1,\"kind\":\"leak\",\"remote\":"
		 "\"1.2.3.4:5\",\"suspects\":[],\"severity\":3}],\"baselines\":[]}",
		 "severity is not", -EINVAL},
		{"{\"connleak_state\":1,\"verdicts\":[{\"id\":1,\"kind\":\"leak\",\"remote\":"
		 "\"1.2.3.4:5\",\"suspects\":[],\"pod\":\"a\\u001b[31m\"}],\"baselines\":[]}",
		 "Kubernetes", -EINVAL},
		{"{\"connleak_state\":1,\"verdicts\":[{\"id\":1,\"kind\":\"leak\",\"remote\":"
		 "\"1.2.3.4:5\",\"suspects\":[]}],\"baselines\":[{\"workload\":\"w\",\"remote\":"
		 "\"1.2.3.4:5\",\"plateau\":5,\"rate\":1,\"busy\":2}]}",
		 "out of range", -EINVAL},
	};
	char error[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct kept kept = make_kept();

		assert_int_equal(decode(cases[i].text, &saved, &kept, error), cases[i].result);
		if (!strstr(error, cases[i].error))
			fail_msg("'%s' does not say '%s'", error, cases[i].error);
		assert_null(ledger_first(kept.ledger));
		assert_null(fleets_first(kept.fleets));
		drop_kept(&kept);
	}
}

/* Where an agent before this would not take them for verdicts; and not beyond a boot. */
static void state_decode_suspicions_are_kept_apart(void **state)
{
	struct kept kept = make_kept(), same = make_kept(), other = make_kept();
	struct table *table = table_new(NULL);
	struct verdict line = {.id = 1, .state = VERDICT_SUSPECT, .remote = address(5432)};
	struct state_clock now = saved;
	struct ledger_line told;
	char *text, error[256];

	(void)state;
	assert_int_equal(ledger_take(kept.ledger, table, &line, &told), 0);
	text = state_encode(kept.ledger, kept.fleets, &saved);
	assert_non_null(strstr(text, "\"next_id\":2,\"verdicts\":[],\"suspicions\":[{\"id\":1,"));
	now.t_ns += 60 * SEC;
	assert_int_equal(decode(text, &now, &same, error), 0);
	assert_non_null(ledger_first(same.ledger));
	assert_int_equal(ledger_first(same.ledger)->verdict.state, VERDICT_SUSPECT);
	assert_int_equal(ledger_standing_count(same.ledger), 0);
	strcpy(now.boot_id, "another");
	assert_int_equal(decode(text, &now, &other, error), 0);
	assert_null(ledger_first(other.ledger));
	assert_int_equal(ledger_next_id(other.ledger), 2);
	free(text);
	table_free(table);
	drop_kept(&kept);
	drop_kept(&same);
	drop_kept(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_decode_leaves_out_how_long_it_was_going_to_take),
		cmocka_unit_test(state_decode_same_boot_gives_back_what_was_kept),
		cmocka_unit_test(state_decode_other_boot_keeps_baselines_and_ends_verdicts),
		cmocka_unit_test(state_decode_every_cut_is_refused_and_takes_nothing),
		cmocka_unit_test(state_decode_nonsense_is_named_and_takes_nothing),
		cmocka_unit_test(state_decode_suspicions_are_kept_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
