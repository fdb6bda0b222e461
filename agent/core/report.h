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

/* Begins the summary anew: "WORD orders-api[4711] -> 10.0.3.7:5432 (postgresql): ". */
void report_begin(struct verdict *verdict, const char *word);

/* Adds to the summary, printf style; the values must be safe to show. */
void report_append(struct verdict *verdict, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Holds the rivals of a verdict that is written otherwise against the figures, and ends its summary
 * with what that rules out. began_ns: when what it claims has begun.
 */
void report_differential(const struct bench *bench, const struct judgement *judgement,
			 uint64_t began_ns, struct verdict *verdict);

/* Ends the summary with who used most of the suspects last and who opened them, where known. */
void report_sites(struct verdict *verdict);

/* Evidence and summary of a verdict that has its figures. */
void report_write(const struct bench *bench, const struct judgement *judgement,
		  const struct finding *finding, struct verdict *verdict);

/* Summary of a verdict that is over; its figures stay those of the line before. */
void report_write_cleared(const struct bench *bench, const struct judgement *judgement,
			  enum report_reason reason, struct verdict *verdict);

#endif
