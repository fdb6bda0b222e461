/* SPDX-License-Identifier: Apache-2.0 */
/* What the line of a verdict says, and what it has at its side. */
#include "core/judgement.h"
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static const struct verdict *standing(const struct sim *sim)
{
	return detector_pool_verdict(sim->detector, table_first_pool(sim->table));
}

static const char *evidence_of(const struct verdict *verdict, const char *name)
{
	for (uint32_t i = 0; i < verdict->evidence_count; i++)
		if (strcmp(verdict->evidence[i].name, name) == 0)
			return verdict->evidence[i].text;
	return NULL;
}

static bool has_evidence(const struct verdict *verdict, const char *name)
{
	return evidence_of(verdict, name) != NULL;
}

static void report_line_carries_figures_and_evidence(void **state)
{
	static const char *const names[] = {"silent_stock_at_opens", "longest_benign_silence",
					    "suspects", "process_opened", "observed_since"};
	struct sim *sim = sim_new_quick();
	const struct verdict *verdict;
	char opened[64];

	(void)state;
	sim_leak_until_raised(sim, 2);
	verdict = standing(sim);
	assert_int_equal(verdict->kind, VERDICT_LEAK);
	assert_int_equal(verdict->client.pid, 4121);
	assert_string_equal(verdict->comm, "orders-api");
	assert_string_equal(verdict->database, "postgresql");
	assert_int_equal(verdict->open_count, table_conn_count(sim->table));
	assert_true(verdict->stale_count >= verdict->suspect_count);
	assert_int_equal(verdict->limit, 0);
	assert_true(isnan(verdict->exhausts_in_s));
	assert_true(fabs(verdict->growth_per_hour - 1800) < 180);
	assert_int_equal(verdict->site_count, 0);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_true(has_evidence(verdict, names[i]));
	assert_false(has_evidence(verdict, "records_lost"));
	assert_non_null(strstr(verdict->summary, "LEAK orders-api[4121] -> 10.0.3.7:5432 "
						 "(postgresql): "));
	assert_non_null(strstr(verdict->summary, " went silent since t=1 s and never came back, "
						 "while the process opened "));
	(void)snprintf(opened, sizeof(opened), " of the %u that are open now. ",
		       verdict->open_count);
	assert_non_null(strstr(verdict->summary, opened));
	assert_non_null(strstr(verdict->summary, " open, +"));
	sim_free(sim);
}

static void report_line_says_the_longest_of_few_silences(void **state)
{
	struct sim *sim = sim_new_quick();
	const struct verdict *verdict;

	(void)state;
	sim_leak_until_raised(sim, 2);
	sim_use(sim, &sim->conns[0]);
	sim_leak_one(sim, 20);
	sim_end(sim);
	verdict = standing(sim);
	assert_string_equal(verdict->evidence[1].name, "longest_benign_silence");
	assert_non_null(strstr(verdict->evidence[1].text, "one silence spanned an open and "));
	assert_null(strstr(verdict->summary, "99 of 100"));
	sim_free(sim);
}

static void report_limit_gives_time_to_exhaustion_and_severity(void **state)
{
	struct sim *sim = sim_new_quick();
	char error[200];
	const struct sim_line *raised;
	double left, mid;

	(void)state;
	assert_int_equal(dbkind_add_endpoint(sim->databases, "orders-db=10.0.3.7:5432,limit=300",
					     error, sizeof(error)),
			 0);
	sim_leak_until_raised(sim, 10);
	raised = sim_first(sim, VERDICT_RAISED);
	left = 300 - (double)standing(sim)->open_count;
	mid = left * 10;
	assert_int_equal(raised->severity, SEVERITY_WARNING);
	assert_true(fabs(raised->exhausts_in_s - mid) < 0.15 * mid);
	assert_true(standing(sim)->exhausts_in_low_s < mid);
	assert_true(standing(sim)->exhausts_in_high_s > mid);
	assert_non_null(strstr(raised->summary, "-> orders-db 10.0.3.7:5432"));
	assert_non_null(strstr(raised->summary, " of 300 open, +6.0/min, exhausted in "));
	while (sim_last(sim)->severity != SEVERITY_CRITICAL && sim->leaked_count < 400)
		sim_leak_one(sim, 10);
	assert_int_equal(sim_last(sim)->state, VERDICT_UPDATED);
	assert_true(sim_last(sim)->exhausts_in_s <= 1800);
	sim_free(sim);
}

static void open_one(struct sim *sim, uint64_t id)
{
	struct event event = {.type = EVENT_OPEN, .conn = id};

	sim_fill_owner(sim, &event);
	sim_event(sim, &event);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = id};
	sim_event(sim, &event);
}

static void close_one(struct sim *sim, uint64_t id, enum close_by by)
{
	struct event event = {.type = EVENT_CLOSE, .conn = id, .by = by};

	sim_event(sim, &event);
}

/* Another process has as many open to the same server, of which 300 can be. */
static struct sim *new_with_others(uint32_t count)
{
	struct sim *sim = sim_new_quick();
	char error[256];

	assert_int_equal(dbkind_add_endpoint(sim->databases, "orders-db=10.0.3.7:5432,limit=300",
					     error, sizeof(error)),
			 0);
	sim->pid = 4122;
	for (uint32_t i = 0; i < count; i++)
		open_one(sim, 90000 + i);
	sim->pid = 4121;
	return sim;
}

/* What a server takes is used up by every process of the host, so the line counts them. */
static void report_line_counts_what_others_hold_of_a_limit(void **state)
{
	struct sim *sim = new_with_others(70);
	const struct sim_line *raised;
	char text[256];

	(void)state;
	sim_leak_until_raised(sim, 10);
	raised = sim_first(sim, VERDICT_RAISED);
	(void)snprintf(text, sizeof(text), " %u here, %u of 300 open on this host, +6.0/min, ",
		       raised->open_count, raised->open_count + 70);
	assert_non_null(strstr(raised->summary, text));
	sim_free(sim);
}

static void end_by_server(struct sim *sim, uint64_t id)
{
	struct event event = {.type = EVENT_PEER_CLOSED, .conn = id};

	sim_event(sim, &event);
}

/* What the server has ended is open in the process only. */
static void report_limit_counts_none_that_the_server_has_closed(void **state)
{
	struct sim *sim = new_with_others(70);
	const struct sim_line *raised;
	char text[256];

	(void)state;
	for (uint32_t i = 0; i < 30; i++)
		end_by_server(sim, 90000 + i);
	sim_leak_until_raised(sim, 10);
	raised = sim_first(sim, VERDICT_RAISED);
	(void)snprintf(text, sizeof(text), " %u here, %u of 300 open on this host, +6.0/min, ",
		       raised->open_count, raised->open_count + 40);
	assert_non_null(strstr(raised->summary, text));
	sim_free(sim);
}

/* Nor does such a leak fill the server up: half of it is half as fast, all of it ends nowhere. */
static void report_time_left_counts_no_leak_that_the_server_has_closed(void **state)
{
	struct sim *sim = new_with_others(0);
	uint32_t open, closed = 0;
	char text[256];

	(void)state;
	sim_leak_until_raised(sim, 10);
	for (const struct conn *conn = table_first_pool(sim->table)->oldest; conn;
	     conn = conn_newer(conn))
		if (conn->is_suspect && closed < standing(sim)->suspect_count / 2) {
			end_by_server(sim, conn->id);
			closed++;
		}
	sim_leak_one(sim, 10);
	sim_leak_one(sim, 10);
	open = standing(sim)->open_count;
	assert_true(fabs(standing(sim)->exhausts_in_s - (300.0 - open + closed) * 20) <
		    0.2 * (300.0 - open + closed) * 20);
	(void)snprintf(text, sizeof(text),
		       " %u here, %u of them closed by the server, %u of 300 open on this host, ",
		       open, closed, open - closed);
	assert_non_null(strstr(standing(sim)->summary, text));
	(void)snprintf(text, sizeof(text),
		       "%u connections of this host are open to this endpoint, "
		       "all processes together, without CLOSE_WAIT",
		       open - closed);
	assert_string_equal(evidence_of(standing(sim), "open_on_host"), text);
	while (table_conn_count(sim->table) < 40) {
		sim_leak_one(sim, 10);
		for (const struct conn *conn = table_first_pool(sim->table)->oldest; conn;
		     conn = conn_newer(conn))
			if (conn->state == CONN_OPEN)
				end_by_server(sim, conn->id);
	}
	assert_true(isnan(sim_last(sim)->exhausts_in_s));
	assert_int_equal(sim_last(sim)->severity, SEVERITY_WARNING);
	sim_free(sim);
}

/* A server that is full because of others refuses this pool as well. */
static void report_limit_that_others_have_used_up_is_exhausted_now(void **state)
{
	struct sim *sim = new_with_others(285);

	(void)state;
	sim_leak_until_raised(sim, 10);
	while (table_conn_count(sim->table) <= 300)
		sim_leak_one(sim, 10);
	assert_true(sim_last(sim)->exhausts_in_s == 0);
	assert_int_equal(sim_last(sim)->severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(sim_last(sim)->summary, ", exhausted now."));
	sim_free(sim);
}

/* A pool stops at a ceiling of its own long before the server is full. */
static void report_time_left_is_to_the_limit_that_comes_first(void **state)
{
	struct sim *sim = new_with_others(0);
	const struct judgement *judgement;

	(void)state;
	sim_leak_until_raised(sim, 10);
	assert_int_equal(standing(sim)->limit, 300);
	table_first_pool(sim->table)->dossier->judgement->plateau.ceiling = 20;
	sim_leak_one(sim, 10);
	sim_leak_one(sim, 10);
	judgement = table_first_pool(sim->table)->dossier->judgement;
	assert_int_equal(standing(sim)->limit, 20);
	assert_true(fabs(standing(sim)->exhausts_in_s -
			 (20 - (double)judgement->leak.suspect_count) * 10) < 15);
	assert_non_null(strstr(standing(sim)->summary, " of 20 open, +6.0/min, "));
	sim_free(sim);
}

/* Two leaks at the same pace take half as long as one. */
static void report_time_left_is_that_of_all_leaks_to_the_server(void **state)
{
	struct sim *sim = new_with_others(0);
	const struct pool *pool;
	uint32_t raised = 0;

	(void)state;
	for (uint32_t i = 0; i < 100 && raised < 2; i++) {
		sim->pid = 4122 - i % 2;
		open_one(sim, 90000 + i);
		sim_advance(sim, sim->now + 5);
		raised = detector_standing_count(sim->detector, VERDICT_LEAK);
	}
	open_one(sim, 100000);
	sim_advance(sim, sim->now + 5);
	open_one(sim, 100001);
	for (pool = table_first_pool(sim->table); pool; pool = pool->next) {
		const struct verdict *verdict = detector_pool_verdict(sim->detector, pool);
		double left = 300 - (double)table_conn_count(sim->table);

		assert_non_null(verdict);
		assert_true(fabs(verdict->exhausts_in_s - left * 5) < 0.2 * left * 5);
		assert_non_null(strstr(verdict->summary, "/min by other leaks, exhausted in "));
	}
	sim_free(sim);
}

/* A leak that has come to its end is one, and takes nothing from the server any more. */
static void report_time_left_leaves_out_leaks_that_have_stopped(void **state)
{
	struct sim *sim = new_with_others(0);
	const struct verdict *other;
	uint32_t raised = 0, i = 0;
	double left;

	(void)state;
	for (; i < 100 && raised < 2; i++) {
		sim->pid = 4122 - i % 2;
		open_one(sim, 90000 + i);
		sim_advance(sim, sim->now + 5);
		raised = detector_standing_count(sim->detector, VERDICT_LEAK);
	}
	assert_int_equal(raised, 2);
	sim->pid = 4121;
	for (uint32_t k = 0; k < 120; k++) {
		open_one(sim, 100000 + k);
		sim_advance(sim, sim->now + 10);
	}
	left = 300 - (double)table_conn_count(sim->table);
	other = detector_pool_verdict(sim->detector, table_first_pool(sim->table));
	if (other->client.pid != 4121)
		other = detector_pool_verdict(sim->detector, table_first_pool(sim->table)->next);
	assert_true(fabs(other->exhausts_in_s - left * 10) < 0.1 * left * 10);
	sim_free(sim);
}

/* The server takes no more, and who needs a connection finds that all of them are silent. */
static void report_process_that_holds_all_the_server_takes_is_exhausted_now(void **state)
{
	struct sim *sim = new_with_others(0);

	(void)state;
	sim_leak_until_raised(sim, 1);
	for (uint32_t i = 0; i < 400 && table_conn_count(sim->table) < 300; i++)
		sim_leak_one(sim, 1);
	assert_true(sim_last(sim)->exhausts_in_s > 0);
	for (uint32_t i = 0; i < 30; i++) {
		open_one(sim, 100000 + i);
		close_one(sim, 100000 + i, CLOSE_LOCAL);
		sim_advance(sim, sim->now + 1);
	}
	assert_true(standing(sim)->exhausts_in_s == 0);
	assert_non_null(strstr(standing(sim)->summary, "300 of 300 open"));
	assert_non_null(strstr(standing(sim)->summary, ", exhausted now."));
	sim_free(sim);
}

/* What leaks beside it and is closed by the server all the same does not fill the server up. */
static void report_time_left_leaves_out_leaks_that_the_server_ends(void **state)
{
	struct sim *sim = new_with_others(0);
	const struct sim_line *other;
	uint32_t raised = 0;

	(void)state;
	for (uint32_t i = 0; i < 100 && raised < 2; i++) {
		sim->pid = 4122 - i % 2;
		open_one(sim, 90000 + i);
		if (i >= 8 && i % 2 == 0)
			end_by_server(sim, 90000 + i - 8);
		sim_advance(sim, sim->now + 5);
		raised = detector_standing_count(sim->detector, VERDICT_LEAK);
	}
	assert_int_equal(raised, 2);
	for (uint32_t i = 0; i < 100; i += 2) {
		const struct conn *conn = table_find_conn(sim->table, 90000 + i);

		if (conn && conn->state == CONN_OPEN)
			end_by_server(sim, 90000 + i);
	}
	/* Each is told of again as it grows. */
	for (uint32_t i = 200; i < 240; i++) {
		sim->pid = 4122 - i % 2;
		open_one(sim, 90000 + i);
		if (i % 2 == 0)
			end_by_server(sim, 90000 + i);
		sim_advance(sim, sim->now + 5);
	}
	assert_non_null(strstr(sim_last(sim)->summary, "LEAK orders-api[4122]"));
	assert_non_null(strstr(sim_last(sim)->summary, " by other leaks, "));
	other = &sim->lines[sim->line_count - 2];
	assert_non_null(strstr(other->summary, "LEAK orders-api[4121]"));
	assert_null(strstr(other->summary, "by other leaks"));
	sim_free(sim);
}

static void report_site_of_suspects_is_grouped(void **state)
{
	static const char *const sites[] = {"OrderRepo.save", "OrderRepo.save", "Cart\033.load"};
	struct sim *sim = sim_new_quick();

	(void)state;
	for (uint32_t i = 0; !sim_first(sim, VERDICT_RAISED) && i < 60; i++) {
		struct event event = {.type = EVENT_OPEN, .conn = 1000 + i};

		sim_fill_owner(sim, &event);
		event.site = sites[i % 3];
		sim_event(sim, &event);
		event = (struct event){.type = EVENT_ESTABLISHED, .conn = 1000 + i};
		sim_event(sim, &event);
		sim_advance(sim, sim->now + 2);
	}
	assert_int_equal(standing(sim)->site_count, 2);
	assert_string_equal(standing(sim)->sites[0].site, "OrderRepo.save");
	assert_string_equal(standing(sim)->sites[0].role, "open");
	assert_true(standing(sim)->sites[0].open_count > standing(sim)->sites[1].open_count);
	assert_int_equal(standing(sim)->sites[0].open_count + standing(sim)->sites[1].open_count,
			 standing(sim)->suspect_count);
	assert_non_null(strstr(standing(sim)->summary, "Opened by: OrderRepo.save ("));
	sim_free(sim);
}

/* One after the other is leaked out of a pool of four. */
static void report_exhausted_says_who_has_the_held_ones(void **state)
{
	struct sim *sim = sim_new(1);
	struct sim_conn *conns[4];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		struct event event = {.type = EVENT_IO, .last_site = i ? "rows (a.c:7)" : "other"};

		conns[i] = sim_open(sim);
		event.conn = conns[i]->id;
		sim_event(sim, &event);
	}
	for (uint32_t request = 0; sim->now < 700; request++) {
		uint32_t leaked = sim->now < 360 ? 0 : (uint32_t)(sim->now - 300) / 60;

		if (leaked < 4) {
			struct sim_conn *conn = conns[leaked + request % (4 - leaked)];

			sim_use(sim, conn);
			conn->sent += (uint64_t)(100 * sim_random(sim));
		}
		sim_advance(sim, sim->now + 0.25);
	}
	sim_end(sim);
	assert_non_null(standing(sim));
	assert_int_equal(standing(sim)->kind, VERDICT_EXHAUSTED);
	assert_int_equal(standing(sim)->site_count, 2);
	assert_string_equal(standing(sim)->sites[0].site, "rows (a.c:7)");
	assert_string_equal(standing(sim)->sites[0].role, "last_send");
	assert_non_null(strstr(standing(sim)->summary, " Last sender: rows (a.c:7) (3 of 4)."));
	sim_free(sim);
}

/* The pool's own thread opens; who leaks is whoever sent last. */
static void report_last_senders_lead_the_sites(void **state)
{
	struct sim *sim = sim_new_quick();
	const struct verdict *verdict;

	(void)state;
	for (uint32_t i = 0; !sim_first(sim, VERDICT_RAISED) && i < 60; i++) {
		struct event event = {.type = EVENT_OPEN, .conn = 1000 + i};

		sim_fill_owner(sim, &event);
		event.site = "Pool.fill (pool.c:9) < main";
		sim_event(sim, &event);
		event = (struct event){.type = EVENT_ESTABLISHED, .conn = 1000 + i};
		sim_event(sim, &event);
		/* Of the first ones nobody has seen the last send. */
		if (i > 1) {
			event = (struct event){.type = EVENT_IO, .conn = 1000 + i};
			event.last_site = i % 5 ? "leak_rows (b.c:7) < main" : "other";
			sim_event(sim, &event);
		}
		sim_advance(sim, sim->now + 2);
	}
	verdict = standing(sim);
	assert_int_equal(verdict->site_count, 3);
	assert_string_equal(verdict->sites[0].role, "last_send");
	assert_string_equal(verdict->sites[0].site, "leak_rows (b.c:7) < main");
	assert_string_equal(verdict->sites[1].site, "other");
	assert_string_equal(verdict->sites[2].role, "open");
	assert_int_equal(verdict->sites[2].open_count, verdict->suspect_count);
	assert_non_null(strstr(verdict->summary, "Last sender: leak_rows (b.c:7) ("));
	/* They are not taken for those of another sender. */
	assert_non_null(
		strstr(verdict->summary, ", 2 unknown). Opened by: Pool.fill (pool.c:9) ("));
	assert_int_equal(verdict->sites[0].known_count, verdict->suspect_count - 2);
	assert_int_equal(verdict->sites[2].known_count, verdict->suspect_count);
	sim_free(sim);
}

static void report_summary_is_safe_and_knows_the_time_of_day(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	detector_set_realtime(sim->detector, 14 * 3600 * (int64_t)NS_PER_SEC);
	for (uint32_t i = 0; !sim_first(sim, VERDICT_RAISED) && i < 60; i++) {
		struct event event = {.type = EVENT_OPEN, .conn = 1000 + i};

		sim_fill_owner(sim, &event);
		memcpy(event.comm, "evil\033[2J\nLEAK\\x", COMM_SIZE);
		sim_event(sim, &event);
		event = (struct event){.type = EVENT_ESTABLISHED, .conn = 1000 + i};
		sim_event(sim, &event);
		sim_advance(sim, sim->now + 2);
	}
	assert_non_null(strstr(sim_last(sim)->summary, "LEAK evil\\x1b[2J\\x0aLEAK"));
	assert_null(strchr(sim_last(sim)->summary, '\033'));
	assert_null(strchr(sim_last(sim)->summary, '\n'));
	assert_non_null(strstr(sim_last(sim)->summary, "since 14:00"));
	sim_free(sim);
}

static void report_verdict_names_pod_and_container(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	for (uint32_t i = 0; !sim_first(sim, VERDICT_RAISED) && i < 60; i++) {
		struct event event = {.type = EVENT_OPEN,
				      .conn = 1000 + i,
				      .namespace = "shop",
				      .pod = "orders-7d9f",
				      .container = "api",
				      .ns_pid = 7};

		sim_fill_owner(sim, &event);
		sim_event(sim, &event);
		event = (struct event){.type = EVENT_ESTABLISHED, .conn = 1000 + i};
		sim_event(sim, &event);
		sim_advance(sim, sim->now + 2);
	}
	assert_non_null(
		strstr(sim_last(sim)->summary, "[4121] in shop/orders-7d9f/api -> 10.0.3.7:5432"));
	assert_string_equal(standing(sim)->workload, "shop/orders-7d9f/api");
	assert_string_equal(standing(sim)->namespace, "shop");
	assert_string_equal(standing(sim)->pod, "orders-7d9f");
	assert_string_equal(standing(sim)->container, "api");
	assert_int_equal(standing(sim)->ns_pid, 7);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_line_carries_figures_and_evidence),
		cmocka_unit_test(report_line_says_the_longest_of_few_silences),
		cmocka_unit_test(report_limit_gives_time_to_exhaustion_and_severity),
		cmocka_unit_test(report_line_counts_what_others_hold_of_a_limit),
		cmocka_unit_test(report_limit_counts_none_that_the_server_has_closed),
		cmocka_unit_test(report_time_left_counts_no_leak_that_the_server_has_closed),
		cmocka_unit_test(report_limit_that_others_have_used_up_is_exhausted_now),
		cmocka_unit_test(report_time_left_is_to_the_limit_that_comes_first),
		cmocka_unit_test(report_time_left_is_that_of_all_leaks_to_the_server),
		cmocka_unit_test(report_time_left_leaves_out_leaks_that_the_server_ends),
		cmocka_unit_test(report_time_left_leaves_out_leaks_that_have_stopped),
		cmocka_unit_test(report_process_that_holds_all_the_server_takes_is_exhausted_now),
		cmocka_unit_test(report_site_of_suspects_is_grouped),
		cmocka_unit_test(report_exhausted_says_who_has_the_held_ones),
		cmocka_unit_test(report_last_senders_lead_the_sites),
		cmocka_unit_test(report_summary_is_safe_and_knows_the_time_of_day),
		cmocka_unit_test(report_verdict_names_pod_and_container),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
