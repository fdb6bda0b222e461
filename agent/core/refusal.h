/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that takes no more: it closes at once most of what a process opens, for a minute and
 * longer, where it served the process before.
 */
#ifndef CONNLEAK_CORE_REFUSAL_H
#define CONNLEAK_CORE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

struct bench;
struct judgement;
struct verdict;

/* Zeroed memory is a pool that was never turned away. */
struct refusal {
	uint64_t since_ns; /* when this one began; 0 = there is none */
	uint64_t last_ns; /* when the last connect was closed at once */
	uint64_t explained_ns; /* up to when another verdict on the process said why */
	uint32_t opened,
		early; /* connects since it began; those of them that were closed at once */
	uint32_t told_opened, told_early; /* the same of those before, of which a verdict stood */
	bool is_told; /* the verdict that stands rests on it, or on the one before */
	bool is_served; /* some connect was served since the last that was closed at once */
};

/* To be called for each five seconds, with the connects in them: all, closed at once, failed. */
void refusal_sample(struct judgement *judgement, uint32_t opened, uint32_t early, uint32_t failed,
		    uint64_t t_ns);

/* To be called on each tick: the server counts the processes that it turns away. */
void refusal_count(const struct judgement *judgement, uint64_t t_ns);

/*
 * True while there is one to be told of. One process of a host speaks for all that a server turns
 * away.
 */
bool refusal_is_met(const struct judgement *judgement, uint64_t limit, uint64_t t_ns);

/* True when neither its pool nor any other that was served before is turned away any more. */
bool refusal_is_over(const struct judgement *judgement, uint64_t t_ns);

/* Evidence and summary of a verdict that rests on it. */
void refusal_write(const struct bench *bench, const struct judgement *judgement,
		   struct verdict *draft);

#endif
