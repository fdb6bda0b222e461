// SPDX-License-Identifier: Apache-2.0
/*
 * Why: "did you mean 'list'?" saves a look into --help.
 *
 * Invariant: only a near word is offered: one slip of the finger in a short word, two in a longer
 * one, or a beginning of at least two letters. A guess that is far off is worse than none.
 */
#include "nearest.h"

#include <string.h>

#define WORD_MAX 32 /* longer ones are not compared */
#define PREFIX_MIN 2

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours that turn a into b. */
static unsigned edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned rows[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= a_length; i++)
		rows[i][0] = (unsigned)i;
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_length; i++) {
		for (size_t j = 1; j <= b_length; j++) {
			unsigned change = a[i - 1] != b[j - 1];
			unsigned best = least(rows[i - 1][j], rows[i][j - 1]) + 1;

			best = least(best, rows[i - 1][j - 1] + change);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = least(best, rows[i - 2][j - 2] + 1);
			rows[i][j] = best;
		}
	}
	return rows[a_length][b_length];
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t typed_length = strnlen(nearest->typed, WORD_MAX + 1);
	size_t length = strnlen(candidate, WORD_MAX + 1);
	unsigned distance, limit = length <= 4 ? 1 : 2;

	if (typed_length > WORD_MAX || length > WORD_MAX || typed_length < PREFIX_MIN)
		return;
	distance = edit_distance(nearest->typed, typed_length, candidate, length);
	if (distance > limit && strncmp(candidate, nearest->typed, typed_length) == 0)
		distance = limit;
	if (distance > limit || (nearest->best && distance >= nearest->best_distance))
		return;
	nearest->best = candidate;
	nearest->best_distance = distance;
}
