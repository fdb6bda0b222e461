// SPDX-License-Identifier: Apache-2.0
/*
 * What a judgement is made of has memory of its own where most pools need little or none of it:
 * histograms, bets, spans that are over. This is the one place that knows all of it.
 *
 * Invariant: zeroed memory is a valid judgement of nothing. Verdicts and the fleet are let go
 * before by those who know them (leak.c, states.c, fleet.c).
 */
#include "judgement.h"

#include <stdlib.h>

#include "deserted.h"
#include "inherited.h"

void judgement_clear(struct judgement *judgement)
{
	credit_clear(&judgement->credit);
	opens_clear(&judgement->opens);
	eprocess_clear(&judgement->evictions.process);
	eprocess_clear(&judgement->closewait.process);
	inherited_free(judgement->inherited);
	free(judgement->deserted);
	for (unsigned int i = 0; i < COVERAGE_SCALES; i++)
		eprocess_clear(&judgement->coverage.scales[i]);
	eprocess_clear(&judgement->keepalive.process);
	for (unsigned int i = 0; i < PASSED_SCALES; i++)
		eprocess_clear(&judgement->passed.scales[i]);
	eprocess_clear(&judgement->heartbeat.process);
	eprocess_clear(&judgement->retirement.process);
	meter_clear(&judgement->meter);
	plateau_clear(&judgement->plateau);
}
