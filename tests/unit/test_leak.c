/* SPDX-License-Identifier: Apache-2.0 */
/* How bad a leak is, when it is less bad again, and when it is no longer suspected. */
#include "pool_sim.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct sim *new_with_limit(uint32_t limit)
{
	struct sim *sim = sim_new_quick();
	char rule[64], error[128];

	if (limit == 0)
		return sim;
	(void)snprintf(rule, sizeof(rule), "db=10.0.3.7:5432,limit=%u", limit);
	assert_int_equal(dbkind_add_endpoint(sim->databases, rule, error, sizeof(error)), 0);
	return sim;
}

/* --- severity --------------------------------------------------------------------------------- */

/* Critical: at its end within half an hour, or half of what the server takes is gone. */
static void leak_severity_is_of_the_time_left_and_of_the_share_lost(void **state)
{
	static const struct {
		uint32_t limit; /* 0 = none is known */
		double gap_s; /* between two leaks */
		enum severity severity;
	} rows[] = {
		{0, 2, SEVERITY_WARNING},     {1200, 2, SEVERITY_WARNING}, /* ends in 39 min */
		{700, 2, SEVERITY_CRITICAL}, /* in 23 */
		{30, 600, SEVERITY_WARNING}, /* in hours, a quarter of it lost */
		{10, 600, SEVERITY_CRITICAL}, /* in an hour, but half of it lost */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct sim *sim = new_with_limit(rows[i].limit);
		const struct sim_line *line;

		sim_leak_until_raised(sim, rows[i].gap_s);
		line = sim_first(sim, VERDICT_RAISED);
		if (line->severity != rows[i].severity)
			fail_msg("row %u: %s", (unsigned int)i, line->summary);
		sim_free(sim);
	}
}

/* A leak that goes on more slowly: it is a warning again at an hour, not at half an hour. */
static void leak_severity_falls_only_when_it_is_twice_as_good(void **state)
{
	struct sim *sim = new_with_limit(500);
	const struct sim_line *line = NULL;

	(void)state;
	sim_leak_until_raised(sim, 2);
	assert_int_equal(sim_last(sim)->severity, SEVERITY_CRITICAL);
	for (int i = 0; i < 40 && sim_last(sim)->severity == SEVERITY_CRITICAL; i++)
		sim_leak_one(sim, 60);
	for (uint32_t i = 1; !line || line->severity == SEVERITY_CRITICAL; i++) {
		assert_true(i < sim->line_count);
		line = &sim->lines[i];
	}
	assert_true(line->exhausts_in_s > 3600);
	sim_free(sim);
}

/* --- the end of a suspicion ------------------------------------------------------------------- */

/* The e-value that the verdict's first sentence gives. */
static double evidence_of(const struct sim *sim)
{
	const struct verdict *verdict =
		detector_pool_verdict(sim->detector, table_first_pool(sim->table));
	const char *at = verdict ? strstr(verdict->evidence[0].text, "(e-value ") : NULL;

	assert_non_null(at);
	return strtod(at + strlen("(e-value "), NULL);
}

/* Opens that find nothing more silent, each too late to be paid for by a close. */
static void open_in_vain(struct sim *sim)
{
	struct sim_conn *conn = sim_open(sim);

	sim_advance(sim, sim->now + 5);
	sim_close(sim, conn, CLOSE_LOCAL);
	sim_advance(sim, sim->now + 70);
	sim_end(sim);
}

static void rest(struct sim *sim, double seconds)
{
	sim_advance(sim, sim->now + seconds);
	sim_end(sim);
}

/* Half of the evidence may be gone and come back; four fifths of it is the end, in a while.
 */
static void leak_suspicion_ends_with_four_fifths_of_its_evidence(void **state)
{
	struct sim *sim = sim_new_quick();

	(void)state;
	sim->settings.alarm = 1e12; /* it stays a suspicion */
	while (!sim_first(sim, VERDICT_SUSPECT))
		sim_leak_one(sim, 20);
	while (evidence_of(sim) > 0.7 * sim->settings.suspect)
		open_in_vain(sim);
	assert_true(evidence_of(sim) > 0.25 * sim->settings.suspect);
	rest(sim, 1500);
	assert_null(sim_first(sim, VERDICT_CLEARED));
	while (evidence_of(sim) > 0.25 * sim->settings.suspect)
		open_in_vain(sim);
	rest(sim, 590);
	assert_null(sim_first(sim, VERDICT_CLEARED));
	for (int i = 0; i < 30; i++)
		open_in_vain(sim);
	rest(sim, 610);
	assert_non_null(sim_first(sim, VERDICT_CLEARED));
	assert_int_equal(sim_first(sim, VERDICT_CLEARED)->id, sim_first(sim, VERDICT_SUSPECT)->id);
	sim_free(sim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leak_severity_is_of_the_time_left_and_of_the_share_lost),
		cmocka_unit_test(leak_severity_falls_only_when_it_is_twice_as_good),
		cmocka_unit_test(leak_suspicion_ends_with_four_fifths_of_its_evidence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
