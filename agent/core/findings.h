/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All tests for a leak, as one: how much evidence there is, and which test says it best.
 */
#ifndef CONNLEAK_CORE_FINDINGS_H
#define CONNLEAK_CORE_FINDINGS_H

#include "judgement.h"

/* The highest e-value of all tests, hints included. */
double findings_value(const struct judgement *judgement, const struct moment *moment);

/* What the test that counts most has found; it refers to judgement. */
void findings_best(const struct judgement *judgement, const struct moment *moment,
		   struct finding *ret_finding);

#endif
