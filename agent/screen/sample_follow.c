// SPDX-License-Identifier: Apache-2.0
/*
 * What one moment cannot say: how fast it went since the moment before, and what has gone since.
 *
 * Invariant: a rate is unknown where there is no moment before, or a count has gone back.
 * Does not change the sample before.
 */
#include "sample_follow.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Where a row of the sample before is found again: an open-addressed table of row numbers. */
struct lookup {
	uint32_t *slots; /* number + 1; 0 = free */
	size_t mask;
};

static int lookup_build(struct lookup *lookup, const struct sample *sample)
{
	size_t size = 16;

	while (size < (size_t)sample->row_count * 2)
		size *= 2;
	lookup->slots = calloc(size, sizeof(*lookup->slots));
	if (!lookup->slots)
		return -ENOMEM;
	lookup->mask = size - 1;
	for (uint32_t i = 0; i < sample->row_count; i++) {
		size_t at = sample_row_hash(&sample->rows[i]) & lookup->mask;

		while (lookup->slots[at])
			at = (at + 1) & lookup->mask;
		lookup->slots[at] = i + 1;
	}
	return 0;
}

static struct sample_row *lookup_find(const struct lookup *lookup, const struct sample *sample,
				      const struct sample_row *key)
{
	size_t at = sample_row_hash(key) & lookup->mask;

	for (; lookup->slots[at]; at = (at + 1) & lookup->mask) {
		struct sample_row *row = &sample->rows[lookup->slots[at] - 1];

		if (sample_row_equal(row, key))
			return row;
	}
	return NULL;
}

/* NAN where a count has gone back: the pool was forgotten and came anew. */
static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now >= before ? (double)(now - before) / seconds : NAN;
}

static void set_rates(struct sample_row *row, const struct sample_row *before, double seconds)
{
	row->opens_per_s =
		rate(row->totals.counts.opened_count, before->totals.counts.opened_count, seconds);
	row->closes_per_s = rate(sample_closed_count(row), sample_closed_count(before), seconds);
	row->fails_per_s = rate(sample_failed_count(row), sample_failed_count(before), seconds);
}

static int keep_text(struct sample *sample, const char **text)
{
	return sample_copy_safe(sample, *text, text);
}

/* A row of the sample before, which will be freed, as one of this. */
static int keep_gone(struct sample *sample, const struct sample_row *before)
{
	struct sample_row *row = sample_add_row(sample);
	int r = 0;

	*row = *before;
	row->exited = true;
	if (!row->exited_ns)
		row->exited_ns = sample->now_ns;
	row->opens_per_s = row->closes_per_s = row->fails_per_s = NAN;
	row->sites = NULL;
	row->site_count = 0;
	r |= keep_text(sample, &row->comm);
	r |= keep_text(sample, &row->workload);
	r |= keep_text(sample, &row->namespace);
	r |= keep_text(sample, &row->pod);
	r |= keep_text(sample, &row->container);
	r |= keep_text(sample, &row->unit);
	r |= keep_text(sample, &row->exe);
	r |= keep_text(sample, &row->endpoint);
	r |= keep_text(sample, &row->database);
	r |= keep_text(sample, &row->verdict.summary);
	return r ? -ENOMEM : 0;
}

static bool is_worth_keeping(const struct sample_row *row, uint64_t now_ns)
{
	return !row->exited_ns || now_ns - row->exited_ns < SAMPLE_EXITED_NS;
}

int sample_follow(struct sample *sample, const struct sample *before)
{
	double seconds;
	struct lookup lookup;
	uint32_t own = sample->row_count, gone = 0;
	int r;

	if (!before || before->now_ns > sample->now_ns)
		return 0;
	seconds = (double)(sample->now_ns - before->now_ns) / NS_PER_SEC;
	r = lookup_build(&lookup, sample);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < before->row_count; i++) {
		const struct sample_row *old = &before->rows[i];
		struct sample_row *row = lookup_find(&lookup, sample, old);

		if (!row) {
			gone++;
			continue;
		}
		if (row->exited && old->exited_ns)
			row->exited_ns = old->exited_ns;
		if (seconds > 0 && !old->exited)
			set_rates(row, old, seconds);
	}
	r = sample_reserve(sample, own + gone);
	for (uint32_t i = 0; r == 0 && gone && i < before->row_count; i++) {
		const struct sample_row *old = &before->rows[i];

		if (is_worth_keeping(old, sample->now_ns) && !lookup_find(&lookup, sample, old))
			r = keep_gone(sample, old);
	}
	free(lookup.slots);
	return r;
}
