/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether connections that were used once can be expected to be used again, or closed: a condition
 * on the suspects of a leak before it is raised.
 */
#ifndef CONNLEAK_CORE_HABITS_H
#define CONNLEAK_CORE_HABITS_H

#include "judgement.h"

/* A kind of connection that a process of this age has not shown before is news. */
#define HABITS_COLD_NS (1800 * NS_PER_SEC)
/* So many of which none has ended are enough, whatever time it took. */
#define HABITS_CERTAIN 35

/* What the pool's other connections did says that those of the finding should have ended. */
bool habits_vouch(const struct judgement *judgement, const struct finding *finding);

/*
 * The same for count connections that have been silent for silence_ns in sum, where ended_count
 * others of their kind have ended.
 */
bool habits_outlast(uint64_t exposure_ns, uint32_t count, uint64_t ended_count,
		    uint64_t silence_ns);

/*
 * The same for count connections of all processes of a workload, of which none has ended. Where
 * the endpoint is known to take no more than limit connections (0 = not known), fewer are enough.
 */
bool habits_outlast_together(uint64_t exposure_ns, uint32_t process_count, uint64_t limit,
			     uint32_t count, uint64_t silence_ns);

/*
 * Sessions of any usual length and number would have ended by t_ns: the suspects have been silent
 * for exposure_ns in sum, and there are many of them. An exposure_ns of 0 asks for neither. Where
 * the endpoint is known to take no more than limit connections (0 = not known), fewer are many.
 */
bool habits_are_outlasted(const struct judgement *judgement, const struct finding *finding,
			  uint64_t limit, uint64_t exposure_ns, uint64_t t_ns);

/* Of the pool's connections, those that were used again, and those that it or its peer closed. */
uint64_t habits_ended_count(const struct judgement *judgement);

#endif
