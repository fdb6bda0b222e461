/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The test on order: a pool that hands out what came back last does not reach below a free
 * connection, so what it passes over is not free.
 */
#ifndef CONNLEAK_CORE_PASSED_H
#define CONNLEAK_CORE_PASSED_H

#include "eprocess.h"
#include "finding.h"
#include "moment.h"
#include "silence.h"

#define PASSED_SCALES 2

/* Zeroed memory is a pool that has used nothing again after a silence. */
struct passed {
	bool has_begun; /* with the first silence that ended in use */
	struct eprocess scales[PASSED_SCALES];
	struct silences benign; /* of those that were passed over and used or closed afterwards */
	/* What was active for the last time in between is passed over, once the look is over. */
	int64_t from_ns, until_ns;
	int64_t reached_ns; /* when a connection was reached; 0 = none waits for the look's end */
	int64_t younger_ns; /* the last that one of those was used before */
	int64_t known_ns; /* as of the last test */
	int64_t youngest_ns; /* the same of all that were reached at earlier looks */
	uint32_t waited_count; /* were reached after others that had come back later */
	uint32_t back_count; /* were used although they had been passed over */
};

/* Returns true when a test was made. */
bool passed_observe(struct passed *passed, const struct moment *moment,
		    const struct change *change);

/* Whether the pool has shown to hand out what came back last. */
bool passed_is_stack(const struct passed *passed);

/* How a stack stood when nothing was done any more. */
struct passed_end {
	uint32_t count; /* had been passed over, and did not come back */
	uint32_t waited_count, back_count; /* what says that it is a stack */
	int64_t first_ns; /* when the first of them was used for the last time */
	double odds; /* that the others are leaked, too, against a load that has stopped */
};

/*
 * Where at least two had been passed over and below them none is free. expected is how many
 * operations a second there were; end_ns is of the last one. False where that is not so, or the
 * pool is no stack.
 */
bool passed_find_end(const struct passed *passed, const struct settings *settings,
		     const struct pool *pool, int64_t end_ns, double expected,
		     struct passed_end *ret_end);

/* The evidence so far, an e-value; 1 = none. */
double passed_value(const struct passed *passed);

/* What the test holds against the pool now; passed stays as long as the finding. */
void passed_find(const struct passed *passed, const struct moment *moment, const struct pool *pool,
		 struct finding *ret_finding);

#endif
