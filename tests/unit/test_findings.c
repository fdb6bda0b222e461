/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several tests a verdict follows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <string.h>

#include "core/findings.h"

struct row {
	const char *name;
	double opens, evictions, closewait, heartbeat; /* wealth of each bet; 0 = no test made */
	const char *best;
	double value;
};

/* There are no connections, so nothing is conclusive and the highest wins. */
static const struct row rows[] = {
	{"nothing", 0, 0, 0, 0, "opens", 1},
	{"one", 0, 300, 0, 0, "evictions", 300},
	{"the highest", 200, 300, 400, 0, "close_wait", 400},
	{"a hint alone", 0, 0, 0, 1e6, "heartbeats", 1e6},
	{"a hint beside others", 200, 0, 0, 1e6, "heartbeats", 1e6},
	{"equal ones", 300, 300, 300, 300, "opens", 300},
};

static void set_wealth(struct eprocess *process, double wealth)
{
	process->test_count = wealth > 0;
	if (wealth <= 1)
		return;
	process->bets = calloc(1, sizeof(*process->bets));
	assert_non_null(process->bets);
	process->has_bets = true;
	for (unsigned int i = 0; i < EPROCESS_BETS; i++)
		process->bets->wealth[i] = wealth;
}

static void findings_best_is_the_highest_where_none_is_conclusive(void **state)
{
	struct settings settings;
	const struct moment moment = {.settings = &settings, .losses = {.last_ns = INT64_MIN}};
	const struct dossier dossier = {.pool = NULL};

	(void)state;
	settings_init(&settings);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct judgement *judgement = calloc(1, sizeof(*judgement));
		struct pool pool = {0};
		struct finding finding;

		judgement->pool = &pool;
		judgement->dossier = &dossier;
		for (unsigned int k = 0; k < OPENS_SCALES; k++)
			set_wealth(&judgement->opens.scales[k], rows[i].opens);
		set_wealth(&judgement->evictions.process, rows[i].evictions);
		set_wealth(&judgement->closewait.process, rows[i].closewait);
		set_wealth(&judgement->heartbeat.process, rows[i].heartbeat);
		findings_best(judgement, &moment, &finding);
		if (strcmp(finding.test, rows[i].best) != 0)
			fail_msg("%s: %s", rows[i].name, finding.test);
		assert_true(findings_value(judgement, &moment) == rows[i].value);
		assert_int_equal(finding.excess, 0);
		judgement_clear(judgement);
		free(judgement);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_best_is_the_highest_where_none_is_conclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
