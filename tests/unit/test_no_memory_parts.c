// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that is refused to what the scenario of test_no_memory.c does not come to: parts of the
 * core by themselves, and verdicts that take long to come about. Together with those of the screen
 * (test_no_memory_screen.c) they refuse every allocation that there is; `make coverage` counts.
 */
#include "no_memory_world.h"

#include <jansson.h>

#include "cli/state_json.h"
#include "core/conns.h"
#include "core/judgement.h"
#include "core/ledger.h"
#include "core/plot.h"
#include "core/trace.h"
#include "core/trace_line.h"

/* --- verdicts that take long ------------------------------------------------------------------ */

#define POOL_SIZE 6
#define LEAK_FROM_S 60
#define LEAK_EACH_S 30

/* A pool that is full; one connection after the other is leaked, and the others do its work. */
static int run_dry(void *userdata)
{
	struct world world;

	world_init(&world);
	for (uint64_t conn = 1; conn <= POOL_SIZE; conn++)
		open_one(&world, 7, conn, 1);
	for (int op = 12; op < 400 * POOL_SIZE && !world.error; op++) {
		double t_s = (double)op / POOL_SIZE;
		int leaked = t_s < LEAK_FROM_S ? 0 : 1 + (int)(t_s - LEAK_FROM_S) / LEAK_EACH_S;
		struct event end = {.type = EVENT_END};

		if (leaked < POOL_SIZE)
			use_one(&world,
				1 + (uint64_t)leaked + (uint64_t)(op % (POOL_SIZE - leaked)), t_s);
		else
			feed(&world, &end, t_s);
	}
	*(uint32_t *)userdata = world.raised[VERDICT_EXHAUSTED];
	world_clear(&world);
	return world.error;
}

/* The server is away from the start. */
static int run_storm(void *userdata)
{
	struct world world;

	world_init(&world);
	for (uint64_t conn = 1; conn < 480 && !world.error; conn++) {
		struct event event = open_event(EVENT_OPEN, 7, conn);
		double t_s = 1 + (double)conn / 8;

		feed(&world, &event, t_s);
		event = (struct event){.type = EVENT_FAILED, .conn = conn, .error = "ECONNREFUSED"};
		feed(&world, &event, t_s);
	}
	*(uint32_t *)userdata = world.raised[VERDICT_STORM];
	world_clear(&world);
	return world.error;
}

/* What a child is left with, and what was there before anybody looked. */
static int run_handed_on(void *userdata)
{
	struct world world;
	struct event event;

	world_init(&world);
	for (uint64_t conn = 1; conn <= 20; conn++)
		open_one(&world, 7, conn, 1);
	for (uint64_t conn = 1; conn <= 20; conn++) {
		event = open_event(EVENT_SEEN, 8, conn);
		feed(&world, &event, 10 + (double)conn);
	}
	event = open_event(EVENT_SEEN, 9, 99);
	event.age_is_exact = true;
	feed(&world, &event, 40);
	event = open_event(EVENT_PAST, 10, 0);
	event.churn.opened_count = event.churn.closed_count[CLOSE_LOCAL] = 5;
	feed(&world, &event, 41);
	*(uint32_t *)userdata = world.table ? (uint32_t)table_conn_count(world.table) : 0;
	world_clear(&world);
	return world.error;
}

static void verdicts_with_memory_refused_come_later_or_not_at_all(void **state)
{
	uint32_t count;

	(void)state;
	for (int for_ever = 0; for_ever <= 1; for_ever++) {
		refused_each(run_dry, &count, for_ever);
		assert_int_equal(count, 1);
		refused_each(run_storm, &count, for_ever);
		assert_int_equal(count, 1);
		refused_each(run_handed_on, &count, for_ever);
		assert_int_equal(count, 21);
	}
}

/* --- parts of the core ------------------------------------------------------------------------ */

static int run_databases(void *userdata)
{
	struct dbkind *kinds = dbkind_new();
	char error[256] = "";
	int r = kinds ? 0 : -ENOMEM;

	(void)userdata;
	if (r == 0)
		r = dbkind_set_ports(kinds, "5432,orders=6000,7000-7010", error, sizeof(error));
	if (r == 0)
		r = dbkind_add_endpoint(kinds, "db=10.0.0.0/8:6100,limit=5", error, sizeof(error));
	if (r == 0)
		r = dbkind_add_endpoint(kinds, "other=10.0.0.1", error, sizeof(error));
	if (r == 0)
		assert_true(dbkind_is_watched(kinds, 6100) && dbkind_is_watched(kinds, 7005));
	dbkind_free(kinds);
	return r;
}

#define LINKS 1000

/* Without memory to grow its chains are longer, and everything is found. */
static int run_index(void *userdata)
{
	static struct index_link links[LINKS];
	struct index index;

	(void)userdata;
	if (index_init(&index) < 0)
		return -ENOMEM;
	for (uint64_t i = 0; i < LINKS; i++)
		index_insert(&index, &links[i], i);
	for (uint64_t i = 0; i < LINKS; i++) {
		const struct index_link *link = index_bucket(&index, i);

		while (link && link->key != i)
			link = link->next;
		assert_ptr_equal(link, &links[i]);
	}
	for (uint64_t i = 0; i < LINKS; i++)
		index_remove(&index, &links[i]);
	index_destroy(&index);
	return 0;
}

/* The same of the connections of a table, which has buckets of its own. */
static int run_conns(void *userdata)
{
	struct pool pool = {.conn_count = 0};
	struct event event = {.type = EVENT_OPEN};
	struct conns conns;
	struct conn *conn;
	uint64_t count = 0;

	(void)userdata;
	if (conns_init(&conns, LINKS) < 0)
		return -ENOMEM;
	while (count < LINKS) {
		event.conn = count + 1;
		if (conns_make(&conns, &event, &conn) < 0)
			break;
		conns_insert(&conns, conn, &pool);
		count++;
	}
	for (uint64_t id = 1; id <= count; id++)
		assert_int_equal(conns_find(&conns, id)->id, id);
	assert_null(conns_find(&conns, count + 1));
	conns_drop_pool(&conns, &pool);
	free(pool.recent);
	conns_destroy(&conns);
	return count < LINKS ? -ENOMEM : 0;
}

static int run_plot(void *userdata)
{
	static const double values[] = {1, 2, 3};
	const struct plot_row row = {.label = "open", .values = values, .note = "at most 3"};
	char *text = plot_render(&row, 1, 3, "14:02", "14:05", 2, false);

	(void)userdata;
	free(text);
	return text ? 0 : -ENOMEM;
}

/* What the parser leaves to the library: a line with escapes in its names. */
static int run_trace_line(void *userdata)
{
	static const char text[] =
		"{\"t\":1.5,\"ev\":\"open\",\"conn\":1,\"pid\":7,\"pstart\":1,"
		"\"comm\":\"caf\\u00e9\",\"remote\":\"10.0.0.7:5432\",\"x\":[{}]}";
	struct trace_reader *reader = trace_reader_new();
	struct event event;
	char error[256];
	int r = -ENOMEM;

	(void)userdata;
	if (reader)
		r = trace_parse_event(reader, text, sizeof(text) - 1, &event, error, sizeof(error));
	trace_reader_free(reader);
	return r;
}

static struct verdict verdict_of(uint64_t id, uint64_t *suspects)
{
	struct verdict verdict = {.id = id,
				  .kind = VERDICT_LEAK,
				  .state = VERDICT_RAISED,
				  .client = {.pid = 7, .start_ns = 1},
				  .remote = server_address(),
				  .suspects = suspects,
				  .suspect_count = suspects ? 3 : 0};

	return verdict;
}

/* Carries one over, and is told of more than it has room for. */
static int run_ledger(void *userdata)
{
	uint64_t suspects[3] = {1, 2, 3};
	const struct netaddr addresses[3] = {server_address(), server_address(), server_address()};
	struct verdict verdict = verdict_of(1, suspects);
	struct ledger *ledger = ledger_new();
	struct ledger_line line;
	int r = -ENOMEM;

	if (ledger)
		r = ledger_carry(ledger, &verdict, addresses, 3, 1, 1);
	refused_pause();
	for (uint64_t id = 2; r == 0 && id <= LEDGER_MAX; id++) {
		verdict = verdict_of(id, NULL);
		r = ledger_carry(ledger, &verdict, NULL, 0, 1, 1);
	}
	refused_resume();
	verdict = verdict_of(1, NULL);
	verdict.client.pid = 8;
	if (r == 0)
		r = ledger_take(ledger, userdata, &verdict, &line);
	if (r == 0)
		assert_int_equal(ledger_overflow_count(ledger), 1);
	ledger_free(ledger);
	return r;
}

static const struct state_clock clock_now = {
	.boot_id = "b", .t_ns = 1000 * NS_PER_SEC, .realtime_ns = 1795000000000000000LL};

static char *state_text(void)
{
	uint64_t suspects[3] = {1, 2, 3};
	const struct netaddr addresses[3] = {server_address(), server_address(), server_address()};
	struct verdict verdict = verdict_of(1, suspects);
	const struct baseline baseline = {
		.workload = "api", .remote = server_address(), .plateau = 5};
	struct ledger *ledger = ledger_new();
	struct fleets *fleets = fleets_new();
	char *text;

	assert_int_equal(fleets_import(fleets, &baseline), 0);
	assert_int_equal(ledger_carry(ledger, &verdict, addresses, 3, 1, 1), 0);
	text = state_encode(ledger, fleets, &clock_now);
	assert_non_null(text);
	ledger_free(ledger);
	fleets_free(fleets);
	return text;
}

/* A state file is not a damaged one because memory is out. */
static int run_state(void *userdata)
{
	struct ledger *ledger = ledger_new();
	struct fleets *fleets = fleets_new();
	char error[256], *text = NULL;
	int r = -ENOMEM;

	if (ledger && fleets)
		r = state_decode(userdata, strlen(userdata), &clock_now, ledger, fleets, error,
				 sizeof(error));
	if (r == 0) {
		assert_int_equal(ledger_standing_count(ledger), 1);
		assert_non_null(fleets_first(fleets));
		text = state_encode(ledger, fleets, &clock_now);
		r = text ? 0 : -ENOMEM;
	}
	__real_free(text); /* the library's */
	ledger_free(ledger);
	fleets_free(fleets);
	return r;
}

/* What cannot be packed stays open; what cannot be opened stays packed. Some more than are open. */
#define DOSSIERS (DOSSIERS_OPEN + 4)

static int run_dossiers(void *userdata)
{
	struct dossiers dossiers = {0};
	struct pool *pools = userdata;
	uint32_t count = 0;
	int r = 0;

	for (; count < DOSSIERS && dossier_new(&dossiers, &pools[count]); count++)
		dossier_open(&dossiers, pools[count].dossier)->returned_count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct dossier *dossier = pools[i].dossier;
		const struct judgement *judgement = dossier_open(&dossiers, dossier);
		struct judgement room;

		r = judgement ? r : -ENOMEM;
		assert_true(!judgement == !!dossier->packed);
		assert_int_equal(dossier_look(dossier, &room)->returned_count, i);
	}
	for (uint32_t i = 0; i < count; i++) {
		struct dossier *dossier = pools[i].dossier;
		struct judgement room;

		if (dossier_visit(&dossiers, dossier))
			dossier_leave(&dossiers, dossier);
		else
			r = -ENOMEM;
		assert_true(!dossier->judgement == !!dossier->packed);
		assert_int_equal(dossier_look(dossier, &room)->returned_count, i);
	}
	while (dossiers.first)
		dossier_free(&dossiers, dossiers.first);
	dossiers_clear(&dossiers);
	return count < DOSSIERS ? -ENOMEM : r;
}

static void parts_with_memory_refused_neither_leak_nor_crash(void **state)
{
	struct pool *pools = calloc(DOSSIERS, sizeof(*pools));
	struct table *table = table_new(NULL);
	char *text = state_text();

	(void)state;
	assert_non_null(pools);
	assert_non_null(table);
	for (int for_ever = 0; for_ever <= 1; for_ever++) {
		assert_true(refused_each(run_databases, NULL, for_ever) >= 4);
		assert_true(refused_each(run_index, NULL, for_ever) >= 2);
		assert_true(refused_each(run_conns, NULL, for_ever) > LINKS / CONN_CHUNK);
		assert_int_equal(refused_each(run_plot, NULL, for_ever), 1);
		/* The library's too: what it has no memory for it takes for bad JSON. */
		json_set_alloc_funcs(malloc, free);
		assert_true(refused_each(run_trace_line, NULL, for_ever) >= 10);
		json_set_alloc_funcs(__real_malloc, __real_free);
		assert_true(refused_each(run_ledger, table, for_ever) >= 4);
		assert_true(refused_each(run_state, text, for_ever) > 5);
		assert_true(refused_each(run_dossiers, pools, for_ever) > 2 * DOSSIERS);
	}
	free(text);
	free(pools);
	table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_with_memory_refused_come_later_or_not_at_all),
		cmocka_unit_test(parts_with_memory_refused_neither_leak_nor_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
