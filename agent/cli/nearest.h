/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which word a mistyped one was probably meant to be.
 */
#ifndef CONNLEAK_CLI_NEAREST_H
#define CONNLEAK_CLI_NEAREST_H

#include <stddef.h>

/* Keeps the best of the candidates offered so far. Start with all zero but typed. */
struct nearest {
	const char *typed;
	const char *best; /* NULL = none is near */
	unsigned best_distance;
};

/* Offers one candidate; the first of equally near ones stays. */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
