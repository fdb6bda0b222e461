// SPDX-License-Identifier: Apache-2.0
/*
 * Memory that is refused to what the scenario of test_no_memory.c does not come to: parts of the
 * core and of the screen by themselves, and verdicts that take long to come about. Together the two
 * refuse every allocation that there is; `make coverage` counts.
 */
#include "refused.h"

#include <jansson.h>

#include "cli/sample_json.h"
#include "cli/state_json.h"
#include "core/conns.h"
#include "core/detector.h"
#include "core/format.h"
#include "core/ledger.h"
#include "core/plot.h"
#include "core/trace.h"
#include "core/trace_line.h"
#include "core/view.h"
#include "screen/detail.h"
#include "screen/sample_follow.h"
#include "screen/sample_take.h"
#include "screen/screen.h"

/* --- a small world ---------------------------------------------------------------------------- */

struct world {
	struct settings settings;
	struct dbkind *databases;
	struct table *table;
	struct detector *detector;
	uint32_t raised[VERDICT_KIND_COUNT];
	int error; /* the first one; nothing is fed any more */
};

static struct netaddr server_address(void)
{
	struct netaddr address;

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &address), 0);
	return address;
}

static void world_init(struct world *world)
{
	*world = (struct world){.error = -ENOMEM};
	settings_init(&world->settings);
	world->databases = dbkind_new();
	if (world->databases)
		world->error = dbkind_add_endpoint(world->databases, "orders=10.0.3.7:5432,limit=6",
						   (char[256]){""}, 256);
	world->table = table_new(NULL);
	if (world->table && world->databases)
		world->detector = detector_new(&world->settings, world->databases, world->table);
	if (!world->detector)
		world->error = -ENOMEM;
}

static void world_clear(struct world *world)
{
	detector_free(world->detector);
	table_free(world->table);
	dbkind_free(world->databases);
}

static void drain(struct world *world)
{
	const struct verdict *verdict;

	while ((verdict = detector_next(world->detector)))
		world->raised[verdict->kind] += verdict->state == VERDICT_RAISED;
}

static void feed(struct world *world, struct event *event, double t_s)
{
	struct change change;
	uint64_t due_ns;

	event->t_ns = (uint64_t)(t_s * 1e6) * 1000;
	while (!world->error && (due_ns = detector_due_ns(world->detector)) <= event->t_ns) {
		world->error = detector_tick(world->detector, due_ns);
		drain(world);
	}
	if (world->error)
		return;
	world->error = table_apply(world->table, event, &change);
	if (!world->error)
		world->error = detector_observe(world->detector, &change);
	drain(world);
	table_settle(world->table);
}

static struct event open_event(enum event_type type, uint32_t pid, uint64_t conn)
{
	struct event event = {.type = type,
			      .conn = conn,
			      .client = {.pid = pid, .start_ns = 1},
			      .tid = pid,
			      .comm = "orders-api",
			      .remote = server_address()};

	return event;
}

static void open_one(struct world *world, uint32_t pid, uint64_t conn, double t_s)
{
	struct event event = open_event(EVENT_OPEN, pid, conn);

	event.site = conn % 2 ? "OrderRepo.save" : "OrderRepo.find";
	feed(world, &event, t_s);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = conn};
	feed(world, &event, t_s);
}

static void use_one(struct world *world, uint64_t conn, double t_s)
{
	struct event event = {.type = EVENT_IO, .conn = conn};

	event.last_send_ns = (uint64_t)(t_s * 1e9) - 2 * NS_PER_MS;
	event.last_recv_ns = (uint64_t)(t_s * 1e9) - NS_PER_MS;
	event.sent_bytes = event.received_bytes = (uint64_t)(t_s * 100);
	feed(world, &event, t_s);
}

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
	struct ledger *ledger = ledger_new();
	struct fleets *fleets = fleets_new();
	char *text;

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
		text = state_encode(ledger, fleets, &clock_now);
		r = text ? 0 : -ENOMEM;
	}
	__real_free(text); /* the library's */
	ledger_free(ledger);
	fleets_free(fleets);
	return r;
}

static void parts_with_memory_refused_neither_leak_nor_crash(void **state)
{
	struct table *table = table_new(NULL);
	char *text = state_text();

	(void)state;
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
	}
	free(text);
	table_free(table);
}

/* --- tables and the screen -------------------------------------------------------------------- */

static int render(struct world *world)
{
	struct conn **conns = NULL;
	struct view *view = view_connections(true);
	size_t count = 0;
	char *text = NULL;
	int r = view ? view_collect_conns(world->table, &conns, &count) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = view_add_connection(view, world->table, conns[i], world->databases,
					100 * NS_PER_SEC);
	if (r == 0)
		text = view_render(view);
	r = text ? 0 : -ENOMEM;
	free(text);
	free(conns);
	view_free(view);
	return r;
}

static int run_view(void *userdata)
{
	return render(userdata);
}

static int press(struct browse *browse, uint32_t key)
{
	int r = browse_press(browse, key, 0);

	return r < 0 ? r : 0;
}

static int type(struct browse *browse, const char *keys)
{
	int r = 0;

	for (; *keys && r == 0; keys++)
		r = press(browse, (uint8_t)*keys);
	return r;
}

/* As a list, as a page, and as batch mode prints it. */
static int draw(struct browse *browse, const struct screen_facts *facts)
{
	struct grid grid;
	char *text;

	if (grid_init(&grid, 120, 40, true) < 0)
		return -ENOMEM;
	screen_draw(browse, facts, &grid);
	text = grid_render(&grid);
	grid_clear(&grid);
	if (!text)
		return -ENOMEM;
	free(text);
	text = screen_print(browse, facts, true);
	free(text);
	return text ? 0 : -ENOMEM;
}

static int draw_detail(struct browse *browse, const struct sample_scene *scene)
{
	struct screen_facts facts = {.source = "own probes"};
	struct detail *detail = NULL;
	int r = type(browse, "1");

	if (r == 0)
		r = press(browse, BROWSE_KEY_ENTER);
	if (r == 0)
		r = detail_take(scene, &browse->sample->rows[0], &detail);
	facts.detail = detail;
	if (r == 0)
		r = draw(browse, &facts);
	detail_free(detail);
	return r ? r : press(browse, BROWSE_KEY_ESCAPE);
}

/* Every grouping with a filter, and each twice: the second one holds the order of the first. */
static int walk(struct browse *browse, struct sample *samples[2])
{
	struct screen_facts facts = {.source = "own probes"};
	int r = 0;

	for (int group = 0; r == 0 && group <= ROWS_GROUP_COUNT; group++) {
		r = browse_show(browse, samples[0], 1);
		r = r ? r : press(browse, BROWSE_KEY_DOWN);
		r = r ? r : browse_show(browse, samples[1], 1);
		r = r ? r : draw(browse, &facts);
		r = r ? r : press(browse, BROWSE_KEY_TAB);
	}
	r = r ? r : type(browse, "/comm:orders open>0");
	r = r ? r : press(browse, BROWSE_KEY_ENTER);
	return r ? r : draw(browse, &facts);
}

static int run_screen(void *userdata)
{
	struct world *world = userdata;
	struct sample_scene scene = {
		.table = world->table,
		.detector = world->detector,
		.databases = world->databases,
		.now_ns = 395 * NS_PER_SEC,
		.with_sites = true,
	};
	struct sample *samples[2] = {NULL, NULL};
	struct browse browse;
	int r = sample_take(&scene, &samples[0]);

	browse_init(&browse, NS_PER_SEC, false);
	r = r ? r : sample_take(&scene, &samples[1]);
	r = r ? r : sample_follow(samples[1], samples[0]);
	r = r ? r : sample_add_loss(samples[1], "ring_full", 3);
	r = r ? r : walk(&browse, samples);
	r = r ? r : draw_detail(&browse, &scene);
	browse_clear(&browse);
	sample_free(samples[0]);
	sample_free(samples[1]);
	return r;
}

static char *sample_text(const struct world *world)
{
	struct sample_scene scene = {.table = world->table, .with_sites = true};
	struct sample *sample;
	char *text;

	assert_int_equal(sample_take(&scene, &sample), 0);
	text = sample_json_print(sample);
	assert_non_null(text);
	sample_free(sample);
	return text;
}

/* What top is told by the agent. */
static int run_answer(void *userdata)
{
	struct sample *sample;
	char error[256];
	int r = sample_json_decode(userdata, strlen(userdata), &sample, error, sizeof(error));

	if (r == 0)
		sample_free(sample);
	return r;
}

static void screen_with_memory_refused_neither_leaks_nor_crashes(void **state)
{
	struct world world;
	char *text;

	(void)state;
	world_init(&world);
	for (uint64_t conn = 1; conn <= 40; conn++)
		open_one(&world, (uint32_t)(7 + conn % 3), conn, (double)conn);
	assert_int_equal(world.error, 0);
	text = sample_text(&world);
	for (int for_ever = 0; for_ever <= 1; for_ever++) {
		assert_true(refused_each(run_view, &world, for_ever) > 5);
		assert_true(refused_each(run_screen, &world, for_ever) > 30);
		assert_true(refused_each(run_answer, text, for_ever) >= 3);
	}
	__real_free(text); /* the library's */
	world_clear(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_with_memory_refused_come_later_or_not_at_all),
		cmocka_unit_test(parts_with_memory_refused_neither_leak_nor_crash),
		cmocka_unit_test(screen_with_memory_refused_neither_leaks_nor_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
