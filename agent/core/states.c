// SPDX-License-Identifier: Apache-2.0
/*
 * Exhausted, saturated, storm and oversized are decided on ticks and rest on the same plateau; this
 * is their order among each other, so that the detector need not know it.
 *
 * Invariant: the plateau is sampled before anybody asks for it; exhausted is reviewed before
 * saturated, which gives way to it.
 * Does not decide anything.
 */
#include "states.h"

void states_begin(struct judgement *judgement, uint64_t t_ns)
{
	storm_begin(judgement, t_ns);
}

void states_observe(const struct bench *bench, struct judgement *judgement,
		    const struct change *change)
{
	plateau_observe(&judgement->plateau, bench->settings, change);
	exhausted_observe(judgement, change);
	storm_observe(judgement, change);
}

int states_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	int error;

	/* All that stood has been cleared; the counts of its end would raise it anew. */
	if (judgement->pool->client->exited)
		return 0;
	plateau_sample(&judgement->plateau, bench->settings, judgement->pool, t_ns);
	error = exhausted_review(bench, judgement, t_ns);
	if (error == 0)
		error = saturated_review(bench, judgement, t_ns);
	if (error == 0)
		error = storm_review(bench, judgement, t_ns);
	if (error == 0)
		error = oversized_review(bench, judgement, t_ns);
	return error;
}

static struct standing *standing_at(struct judgement *judgement, unsigned int i)
{
	switch (i) {
	case 0:
		return &judgement->exhausted.standing;
	case 1:
		return &judgement->storm.standing;
	case 2:
		return &judgement->saturated.standing;
	case 3:
		return &judgement->oversized.standing;
	default:
		return NULL;
	}
}

int states_client_exited(struct bench *bench, struct judgement *judgement, uint64_t t_ns)
{
	struct standing *standing;

	for (unsigned int i = 0; (standing = standing_at(judgement, i)); i++) {
		int error = standing_clear(bench, standing, t_ns, "the process has exited.");

		if (error < 0)
			return error;
	}
	return 0;
}

const struct verdict *states_worst(const struct judgement *judgement)
{
	const struct verdict *worst = judgement->exhausted.standing.verdict;

	worst = verdict_worse(worst, judgement->leak.verdict);
	worst = verdict_worse(worst, judgement->storm.standing.verdict);
	worst = verdict_worse(worst, judgement->saturated.standing.verdict);
	return verdict_worse(worst, judgement->oversized.standing.verdict);
}

const struct verdict *states_verdict(const struct judgement *judgement, enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_LEAK:
		return judgement->leak.verdict;
	case VERDICT_EXHAUSTED:
		return judgement->exhausted.standing.verdict;
	case VERDICT_SATURATED:
		return judgement->saturated.standing.verdict;
	case VERDICT_STORM:
		return judgement->storm.standing.verdict;
	case VERDICT_OVERSIZED:
		return judgement->oversized.standing.verdict;
	default:
		return NULL;
	}
}

bool states_stand(const struct judgement *judgement)
{
	return judgement->exhausted.standing.verdict || judgement->storm.standing.verdict ||
	       judgement->saturated.standing.verdict || judgement->oversized.standing.verdict;
}

void states_destroy(struct bench *bench, struct judgement *judgement)
{
	struct standing *standing;

	for (unsigned int i = 0; (standing = standing_at(judgement, i)); i++)
		standing_destroy(bench, standing);
}
