// SPDX-License-Identifier: Apache-2.0
/*
 * What counts as caught, in time, mistaken: one function each, so that the goals' words have one
 * meaning in all tables.
 *
 * Invariant: a run with an error counts nowhere but as an error, and no run is left out of its
 * group for being hard. Does not print.
 */
#include "score.h"

#include <stdlib.h>
#include <string.h>

#define SURPLUS_MIN 5
#define ENDING_ODDS_MIN 99

/* --- rows ------------------------------------------------------------------------------------- */

const struct family *result_family(const struct result *result)
{
	uint32_t count;

	return &families_all(&count)[result->family];
}

bool result_is_healthy(const struct result *result)
{
	enum family_class class = result_family(result)->class;

	return class == CLASS_ORDINARY || class == CLASS_HOSTILE;
}

enum leak_group result_group(const struct result *result)
{
	if (result_family(result)->build == build_leak_beside)
		return GROUP_BESIDE;
	if (result_family(result)->build != build_leak)
		return GROUP_OTHER;
	if (result->is_fixed || result->capacity < 20)
		return GROUP_SMALL;
	return result->capacity < 50 ? GROUP_TWENTY : GROUP_BIG;
}

bool result_is_void(const struct result *result)
{
	enum family_class class = result_family(result)->class;

	return (class == CLASS_LEAK || class == CLASS_EXHAUSTED) && result->leaked_count == 0;
}

bool result_was_caught(const struct result *result)
{
	return !isnan(result->detected_s) &&
	       (isnan(result->exhausted_s) || result->detected_s <= result->exhausted_s);
}

bool result_could_be_caught(const struct result *result)
{
	return !isnan(result->bound_s) &&
	       (isnan(result->exhausted_s) || result->bound_s <= result->exhausted_s);
}

bool family_expects(const struct family *family, enum verdict_kind *ret_kind)
{
	static const enum verdict_kind kinds[CLASS_COUNT] = {
		[CLASS_LEAK] = VERDICT_LEAK,	       [CLASS_EXHAUSTED] = VERDICT_EXHAUSTED,
		[CLASS_SATURATED] = VERDICT_SATURATED, [CLASS_STORM] = VERDICT_STORM,
		[CLASS_OVERSIZED] = VERDICT_OVERSIZED,
	};

	*ret_kind = kinds[family->class];
	return family->class != CLASS_ORDINARY && family->class != CLASS_HOSTILE &&
	       family->class != CLASS_TROUBLE;
}

static double deadline_s(enum verdict_kind kind)
{
	static const double deadlines[VERDICT_KIND_COUNT] = {
		[VERDICT_EXHAUSTED] = 60,
		[VERDICT_STORM] = 20,
		[VERDICT_SATURATED] = 300,
		[VERDICT_OVERSIZED] = 900,
	};

	return deadlines[kind];
}

/* The run went on until the verdict was due. */
bool result_was_due(const struct result *result, enum verdict_kind kind)
{
	return result->onset_s + deadline_s(kind) <= result->end_s;
}

/* Exhausted may come before the last connection is gone: it is said from half of them on. */
bool result_was_in_time(const struct result *result, enum verdict_kind kind)
{
	double raised_s = result->first_raised_s[kind];
	double from_s = result->onset_s - 60;

	if (kind == VERDICT_EXHAUSTED && !isnan(result->half_s))
		from_s = fmin(result->half_s, from_s);
	if (kind == VERDICT_STORM)
		from_s = result->onset_s;
	if (kind == VERDICT_SATURATED && result->was_saturated)
		from_s = 0;
	return raised_s >= from_s && raised_s <= result->onset_s + deadline_s(kind);
}

bool result_was_told(const struct result *result)
{
	return result->detected_s <= result->exhausted_s + deadline_s(VERDICT_EXHAUSTED) ||
	       result_was_in_time(result, VERDICT_EXHAUSTED);
}

static uint32_t allowed_kinds(const struct result *result)
{
	switch (result_family(result)->class) {
	case CLASS_LEAK:
	case CLASS_EXHAUSTED:
		return 1u << VERDICT_LEAK | 1u << VERDICT_EXHAUSTED;
	case CLASS_SATURATED:
		return 1u << VERDICT_SATURATED;
	case CLASS_STORM:
		return 1u << VERDICT_STORM;
	case CLASS_OVERSIZED:
		return 1u << VERDICT_OVERSIZED;
	case CLASS_TROUBLE:
		return 1u << VERDICT_SATURATED | 1u << VERDICT_STORM;
	default:
		return 0;
	}
}

uint32_t result_mistakes(const struct result *result)
{
	uint32_t raised = 0;

	for (unsigned int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
		if (result->raised_count[kind])
			raised |= 1u << kind;
	if (result->false_leaks)
		return (raised & ~allowed_kinds(result)) | 1u << VERDICT_LEAK;
	return raised & ~allowed_kinds(result);
}

/* --- sums ------------------------------------------------------------------------------------- */

static void count_share(struct share *share, bool is_hit)
{
	share->n++;
	share->k += is_hit;
}

static void add_sample(struct samples *samples, double value)
{
	samples->values[samples->count++] = value;
}

static void score_names(struct score *score, const struct result *result)
{
	if (!result->has_named)
		return;
	score->precision.k += result->named_rightly;
	score->precision.n += result->named;
	score->recall.k += result->found;
	score->recall.n += result->due;
}

static void score_forecasts(struct score *score, const struct result *result)
{
	static const double goals[TTE_POINTS] = {0.40, 0.25};

	for (unsigned int i = 0; i < TTE_POINTS; i++) {
		if (isnan(result->tte_error[i]))
			continue;
		count_share(&score->tte[i], fabs(result->tte_error[i]) <= goals[i]);
		count_share(&score->tte_oracle[i], fabs(result->tte_oracle[i]) <= goals[i]);
		add_sample(&score->tte_error[i], fabs(result->tte_error[i]));
	}
}

static void score_early(struct score *score, const struct result *result, double leaked,
			double rate, double goal)
{
	if (leaked < INFINITY)
		add_sample(&score->at_detection, leaked);
	add_sample(&score->over_rate[result->was_cold], leaked - rate * 10);
	count_share(&score->timely[result->was_cold], leaked <= goal);
	count_share(&score->timely_bound[result->was_cold],
		    result->bound_leaked > 0 && result->bound_leaked <= goal);
	count_share(&score->timely_held[result->was_cold],
		    result->held_leaked > 0 && result->held_leaked <= goal);
	count_share(&score->timely_odds[result->was_cold],
		    result->odds_leaked > 0 && result->odds_leaked <= goal);
}

static void score_moment(struct score *score, const struct result *result)
{
	char params[PARAMS_SIZE];
	double rate = params_number(result_params(result, params), "rate", 60) / 3600;
	double goal = rate * 10 + (result->was_cold ? 12 : 8);
	double leaked;

	/* One that is never detected is later than any. */
	leaked = isnan(result->detected_s) ? INFINITY : result->leaked_at_detection;
	if (!isnan(result->detected_s))
		count_share(&score->timely_less_surplus, leaked - result->surplus <= goal);
	if (result->surplus < SURPLUS_MIN)
		score_early(score, result, leaked, rate, goal);
	else if (!isnan(result->detected_s))
		add_sample(&score->beyond_surplus, leaked - result->surplus);
	if (result->surplus >= SURPLUS_MIN && result->bound_leaked > 0)
		add_sample(&score->beyond_surplus_bound,
			   (double)result->bound_leaked - result->surplus);
}

static void score_baselines(struct score *score, const struct result *result)
{
	for (unsigned int i = 0; i < BASELINE_COUNT; i++) {
		double at_s = result->baseline_s[i];
		bool caught =
			!isnan(at_s) && (isnan(result->exhausted_s) || at_s <= result->exhausted_s);

		count_share(&score->baseline_caught[i], caught);
		if (caught)
			add_sample(&score->baseline_leaked[i], result->baseline_leaked[i]);
	}
	count_share(&score->detector_caught, result_was_caught(result));
}

static void score_leak(struct score *score, const struct result *result)
{
	enum leak_group group = result_group(result);
	bool caught = result_was_caught(result);

	count_share(&score->caught[group], caught);
	score_names(score, result);
	score_forecasts(score, result);
	if (group != GROUP_BIG && group != GROUP_TWENTY)
		return;
	score_moment(score, result);
	score_baselines(score, result);
	count_share(&score->caught_bound[group], result_could_be_caught(result));
	if (result->surplus < SURPLUS_MIN)
		return;
	count_share(&score->caught_of_surplus, caught);
	count_share(&score->caught_of_surplus_bound, result_could_be_caught(result));
}

static void score_health(struct score *score, const struct result *result)
{
	bool is_hostile = result_family(result)->class == CLASS_HOSTILE;
	struct rate *rate = is_hostile ? &score->hostile : &score->ordinary;

	rate->count += result->raised_count[VERDICT_LEAK];
	rate->days += result->process_days;
	score->suspects.count += result->suspect_count;
	score->suspects.days += result->process_days;
	for (unsigned int kind = VERDICT_LEAK + 1; kind < VERDICT_KIND_COUNT; kind++)
		score->other_kinds.count += result->raised_count[kind];
	score->other_kinds.days += result->process_days;
	for (unsigned int i = 0; i < BASELINE_COUNT; i++)
		count_share(&score->baseline_alarmed[i], result->baseline_alarmed[i]);
	count_share(&score->detector_alarmed, result->raised_count[VERDICT_LEAK] > 0);
}

static void score_row(struct score *score, const struct result *result)
{
	const struct family *family = result_family(result);
	enum verdict_kind kind;

	score->run_count++;
	score->days += result->process_days;
	score->event_count += result->event_count;
	score->wall_s += result->wall_s;
	if (result->error || !result->is_done) {
		score->error_count++;
		return;
	}
	if (result_is_void(result)) {
		score->void_count++;
		return;
	}
	if (result_is_healthy(result)) {
		score_health(score, result);
		return;
	}
	count_share(&score->mistaken, result_mistakes(result) != 0);
	if (family->build == build_leak_fast) {
		count_share(&score->told[result->was_cold], result_was_told(result));
		count_share(&score->told_bound[result->was_cold], result_could_be_caught(result));
		score_names(score, result);
		return;
	}
	if (family->class == CLASS_LEAK)
		score_leak(score, result);
	else if (family_expects(family, &kind) && result_was_due(result, kind))
		count_share(&score->in_time[kind], result_was_in_time(result, kind));
	if (family->build == build_exhausted && result_was_due(result, VERDICT_EXHAUSTED)) {
		count_share(&score->stopped_bound,
			    result->stopped_s <= result->onset_s + deadline_s(VERDICT_EXHAUSTED));
		count_share(&score->ending_bound, result->ending_odds >= ENDING_ODDS_MIN);
	}
	if (family->class == CLASS_EXHAUSTED) {
		score_names(score, result);
		count_share(&score->caught[GROUP_SMALL],
			    result_was_caught(result) || result->suspect_s <= result->exhausted_s);
	}
}

static void samples_init(struct samples *samples, uint32_t size)
{
	samples->values = calloc(size + 1, sizeof(*samples->values));
	samples->count = 0;
	if (!samples->values)
		abort();
}

void score_rows(struct score *score, const struct results *results, enum family_split split)
{
	memset(score, 0, sizeof(*score));
	samples_init(&score->at_detection, results->count);
	samples_init(&score->beyond_surplus, results->count);
	samples_init(&score->beyond_surplus_bound, results->count);
	samples_init(&score->over_rate[0], results->count);
	samples_init(&score->over_rate[1], results->count);
	for (unsigned int i = 0; i < TTE_POINTS; i++)
		samples_init(&score->tte_error[i], results->count);
	for (unsigned int i = 0; i < BASELINE_COUNT; i++)
		samples_init(&score->baseline_leaked[i], results->count);
	for (uint32_t i = 0; i < results->count; i++)
		if (result_family(&results->rows[i])->split == split)
			score_row(score, &results->rows[i]);
}

void score_destroy(struct score *score)
{
	free(score->at_detection.values);
	free(score->beyond_surplus.values);
	free(score->beyond_surplus_bound.values);
	free(score->over_rate[0].values);
	free(score->over_rate[1].values);
	for (unsigned int i = 0; i < TTE_POINTS; i++)
		free(score->tte_error[i].values);
	for (unsigned int i = 0; i < BASELINE_COUNT; i++)
		free(score->baseline_leaked[i].values);
}
