/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentences of a leak verdict.
 */
#ifndef CONNLEAK_CORE_REPORT_H
#define CONNLEAK_CORE_REPORT_H

#include "judgement.h"

enum report_reason {
	REPORT_RELEASED, /* every suspect was closed */
	REPORT_CAME_BACK, /* the last suspect was used again */
	REPORT_NO_GROWTH, /* the evidence has been low for CLEAR */
	REPORT_EXITED, /* the client has exited */
};

/* Who the verdict is about: client, workload, remote, endpoint, database. */
void report_subject(const struct bench *bench, const struct pool *pool, struct verdict *verdict);

/* Evidence and summary of a verdict that has its figures. */
void report_write(const struct bench *bench, const struct judgement *judgement,
		  const struct finding *finding, struct verdict *verdict);

/* Summary of a verdict that is over; its figures stay those of the line before. */
void report_write_cleared(const struct bench *bench, const struct judgement *judgement,
			  enum report_reason reason, struct verdict *verdict);

#endif
