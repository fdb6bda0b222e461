/* SPDX-License-Identifier: Apache-2.0 */
/* Which judgements are open and which are packed, and that none can tell the difference. */
#include "pool_sim.h"

#include "core/dossier.h"
#include "core/judgement.h"

#define POOLS (2 * DOSSIERS_OPEN + 3)
#define CONNS 2

/* --- dossiers by themselves ------------------------------------------------------------------- */

struct fixture {
	struct dossiers dossiers;
	struct pool pools[POOLS];
};

/* All of them, the first one opened first; each has its number where it can be asked for. */
static struct fixture *fixture_new(void)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	for (uint32_t i = 0; i < POOLS; i++) {
		struct dossier *dossier = dossier_new(&fixture->dossiers, &fixture->pools[i]);

		assert_non_null(dossier);
		assert_ptr_equal(fixture->pools[i].dossier, dossier);
		assert_ptr_equal(dossier_open(&fixture->dossiers, dossier), dossier->judgement);
		dossier->judgement->returned_count = i;
	}
	return fixture;
}

static void fixture_free(struct fixture *fixture)
{
	while (fixture->dossiers.first)
		dossier_free(&fixture->dossiers, fixture->dossiers.first);
	dossiers_clear(&fixture->dossiers);
	free(fixture);
}

static void assert_is(const struct fixture *fixture, const struct judgement *judgement, uint32_t i)
{
	assert_int_equal(judgement->returned_count, i);
	assert_ptr_equal(judgement->pool, &fixture->pools[i]);
	assert_ptr_equal(judgement->dossier, fixture->pools[i].dossier);
}

static void dossier_open_packs_the_one_that_was_opened_longest_ago(void **state)
{
	struct fixture *fixture = fixture_new();

	(void)state;
	for (uint32_t i = 0; i < POOLS; i++) {
		const struct dossier *dossier = fixture->pools[i].dossier;

		assert_int_equal(!!dossier->judgement, i >= POOLS - DOSSIERS_OPEN);
		assert_int_equal(!dossier->judgement, !!dossier->packed);
	}
	for (uint32_t i = 0; i < POOLS; i++)
		assert_is(fixture, dossier_open(&fixture->dossiers, fixture->pools[i].dossier), i);
	fixture_free(fixture);
}

static void dossier_open_keeps_few_of_many(void **state)
{
	struct pool *pools = calloc(DOSSIERS_MANY + 1, sizeof(*pools));
	struct dossiers dossiers = {0};

	(void)state;
	assert_non_null(pools);
	for (uint32_t i = 0; i <= DOSSIERS_MANY; i++) {
		struct dossier *dossier = dossier_new(&dossiers, &pools[i]);

		assert_non_null(dossier);
		assert_non_null(dossier_open(&dossiers, dossier));
	}
	for (uint32_t i = 0; i < DOSSIERS_OPEN; i++)
		assert_non_null(dossier_open(&dossiers, pools[i].dossier));
	for (uint32_t i = 0; i <= DOSSIERS_MANY; i++)
		assert_int_equal(!!pools[i].dossier->judgement,
				 i < DOSSIERS_OPEN && i >= DOSSIERS_OPEN - DOSSIERS_OPEN_OF_MANY);
	dossier_free(&dossiers, dossiers.first); /* no longer many */
	for (uint32_t i = 0; i < DOSSIERS_OPEN; i++)
		assert_non_null(dossier_open(&dossiers, pools[i].dossier));
	for (uint32_t i = 0; i < DOSSIERS_MANY; i++)
		assert_int_equal(!!pools[i].dossier->judgement, i < DOSSIERS_OPEN);
	while (dossiers.first)
		dossier_free(&dossiers, dossiers.first);
	dossiers_clear(&dossiers);
	free(pools);
}

static void dossier_leave_packs_what_a_visit_has_changed(void **state)
{
	struct fixture *fixture = fixture_new();
	struct dossier *packed = fixture->pools[1].dossier,
		       *open = fixture->pools[POOLS - 1].dossier;
	struct judgement room;

	(void)state;
	for (uint32_t visit = 1; visit <= 2; visit++) {
		struct judgement *judgement = dossier_visit(&fixture->dossiers, packed);

		assert_non_null(judgement);
		assert_int_equal(judgement->returned_count, visit);
		assert_ptr_equal(judgement->dossier, packed);
		judgement->returned_count++;
		dossier_leave(&fixture->dossiers, packed);
		assert_null(packed->judgement);
	}
	assert_int_equal(dossier_look(packed, &room)->returned_count, 3);
	assert_ptr_equal(dossier_visit(&fixture->dossiers, open), open->judgement);
	dossier_leave(&fixture->dossiers, open);
	assert_non_null(open->judgement);
	/* With a verdict it stays open from then on, and is packed by the visit after that. */
	dossier_visit(&fixture->dossiers, packed)->leak.stage = LEAK_SUSPECT;
	dossier_leave(&fixture->dossiers, packed);
	assert_null(packed->packed);
	dossier_visit(&fixture->dossiers, packed)->leak.stage = LEAK_NONE;
	dossier_leave(&fixture->dossiers, packed);
	assert_null(packed->judgement);
	fixture_free(fixture);
}

static void dossier_look_leaves_it_packed(void **state)
{
	struct fixture *fixture = fixture_new();
	const struct dossier *dossier = fixture->pools[1].dossier;
	struct judgement room;

	(void)state;
	assert_ptr_equal(dossier_look(dossier, &room), &room);
	assert_is(fixture, &room, 1);
	room.returned_count = 77;
	assert_is(fixture, dossier_look(dossier, &room), 1);
	assert_null(dossier->judgement);
	dossier = fixture->pools[POOLS - 1].dossier;
	assert_ptr_equal(dossier_look(dossier, &room), dossier->judgement);
	fixture_free(fixture);
}

/* Evidence points into it. */
static void dossier_with_a_verdict_is_never_packed(void **state)
{
	struct fixture *fixture = fixture_new();
	struct dossier *suspected = fixture->pools[POOLS - 1].dossier;
	struct dossier *stormy = fixture->pools[POOLS - 2].dossier;
	struct verdict verdict = {0};

	(void)state;
	assert_false(dossier_is_suspected(suspected));
	suspected->judgement->leak.stage = LEAK_SUSPECT;
	stormy->judgement->storm.standing.verdict = &verdict;
	for (uint32_t i = 0; i < POOLS - 2; i++)
		assert_non_null(dossier_open(&fixture->dossiers, fixture->pools[i].dossier));
	assert_non_null(suspected->judgement);
	assert_true(dossier_is_suspected(suspected));
	assert_non_null(stormy->judgement);
	/* When it is over they are packed as others are. */
	suspected->judgement->leak.stage = LEAK_NONE;
	stormy->judgement->storm.standing.verdict = NULL;
	for (int round = 0; round < 2; round++)
		for (uint32_t i = POOLS; i-- > 0;)
			(void)dossier_open(&fixture->dossiers, fixture->pools[i].dossier);
	assert_null(suspected->judgement);
	assert_null(stormy->judgement);
	fixture_free(fixture);
}

static void dossier_free_of_any_leaves_the_others(void **state)
{
	struct fixture *fixture = fixture_new();

	(void)state;
	for (uint32_t i = 0; i < POOLS; i += 2) {
		dossier_free(&fixture->dossiers, fixture->pools[i].dossier);
		assert_null(fixture->pools[i].dossier);
	}
	for (int round = 0; round < 2; round++)
		for (uint32_t i = 1; i < POOLS; i += 2)
			assert_is(fixture,
				  dossier_open(&fixture->dossiers, fixture->pools[i].dossier), i);
	fixture_free(fixture);
}

/* --- in a detector ---------------------------------------------------------------------------- */

/* Others of the host, each used in each step. */
static void use_others(struct sim *sim, uint32_t others, uint64_t bytes)
{
	for (uint32_t i = 0; i < others * CONNS; i++) {
		struct event event = {.type = bytes ? EVENT_IO : EVENT_OPEN, .conn = 1000000 + i};

		event.t_ns = sim_ns(sim->now);
		event.client = (struct client_id){.pid = 9000 + i / CONNS, .start_ns = 3};
		event.remote.port = 3306;
		event.sent_bytes = event.received_bytes = bytes;
		event.last_send_ns = event.last_recv_ns = bytes ? event.t_ns : 0;
		sim_event(sim, &event);
	}
}

/* A pool that leaks all that it opens for a second, beside others. */
static struct sim *leak_beside(uint32_t others, bool keeps_open)
{
	struct sim *sim = sim_new(1);
	uint64_t bytes = 0;

	if (keeps_open)
		detector_keep_open(sim->detector);
	use_others(sim, others, 0);
	for (uint32_t i = 0; i < 30; i++) {
		struct sim_conn *conn = sim_open(sim);

		sim_use(sim, conn);
		conn->state = SIM_LEAKED;
		sim->leaked_count++;
		sim_advance(sim, sim->now + 10);
		use_others(sim, others, bytes += 100);
		sim_advance(sim, sim->now + 10);
	}
	sim_end(sim);
	return sim;
}

static void dossier_says_the_same_packed_and_open(void **state)
{
	struct sim *alone = leak_beside(0, false);

	(void)state;
	assert_true(alone->line_count >= 2);
	for (int keeps_open = 0; keeps_open < 2; keeps_open++) {
		struct sim *among = leak_beside(DOSSIERS_OPEN + 20, keeps_open);
		uint32_t packed_count = 0;

		assert_int_equal(among->line_count, alone->line_count);
		for (uint32_t i = 0; i < alone->line_count; i++) {
			assert_true(among->lines[i].t == alone->lines[i].t);
			assert_string_equal(among->lines[i].summary, alone->lines[i].summary);
		}
		for (const struct pool *pool = table_first_pool(among->table); pool;
		     pool = pool->next)
			packed_count += pool->dossier && !pool->dossier->judgement;
		assert_true(keeps_open ? packed_count == 0 : packed_count > 0);
		sim_free(among);
	}
	sim_free(alone);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(dossier_open_packs_the_one_that_was_opened_longest_ago),
		cmocka_unit_test(dossier_open_keeps_few_of_many),
		cmocka_unit_test(dossier_leave_packs_what_a_visit_has_changed),
		cmocka_unit_test(dossier_look_leaves_it_packed),
		cmocka_unit_test(dossier_with_a_verdict_is_never_packed),
		cmocka_unit_test(dossier_free_of_any_leaves_the_others),
		cmocka_unit_test(dossier_says_the_same_packed_and_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
