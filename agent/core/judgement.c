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
	evictions_free(judgement->evictions);
	closewait_free(judgement->closewait);
	inherited_free(judgement->inherited);
	free(judgement->deserted);
	for (unsigned int i = 0; i < COVERAGE_SCALES; i++)
		eprocess_clear(&judgement->coverage.scales[i]);
	weights_clear(&judgement->coverage.gaps);
	keepalive_free(judgement->keepalive);
	passed_free(judgement->passed);
	eprocess_clear(&judgement->heartbeat.process);
	silence_clear(&judgement->heartbeat.benign);
	retirement_free(judgement->retirement);
	meter_clear(&judgement->meter);
	plateau_clear(&judgement->plateau);
}
