/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences that a leak verdict rests on. */
#ifndef CONNLEAK_CORE_REPORT_EVIDENCE_H
#define CONNLEAK_CORE_REPORT_EVIDENCE_H

#include "judgement.h"

/* Of fewer silences the longest says what can be said; "99 of 100" is of as many. */
#define REPORT_BENIGN_MANY 100

/* Adds them to verdict, whose figures and suspects are filled. */
void report_add_evidence(const struct bench *bench, const struct judgement *judgement,
			 const struct finding *finding, struct verdict *verdict);

#endif
