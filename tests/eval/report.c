// SPDX-License-Identifier: Apache-2.0
/*
 * Every figure stands beside its bound, its number of runs and its goal, so that a reader can see
 * whether "pass" is knowledge or luck. A figure passes by its value; the bound says how sure that
 * is.
 *
 * Invariant: prints what score.c counted and counts nothing itself.
 */
#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

static const char *split_name(enum family_split split)
{
	return split == SPLIT_TUNED ? "tuned-on families" : "HELD-OUT families";
}

static const char *grade(bool passes, uint64_t n)
{
	if (n == 0)
		return "no runs";
	return passes ? "pass" : "FALLS SHORT";
}

static double ratio(const struct share *share)
{
	return share->n ? (double)share->k / (double)share->n : 0;
}

/* goal < 0: there is none, and then a row of no trials would say nothing. */
static void print_share(const char *figure, const char *goal_text, const struct share *share,
			double goal)
{
	char value[64];

	if (goal < 0 && share->n == 0)
		return;
	(void)snprintf(value, sizeof(value), "%5.1f%%  %llu/%llu", 100 * ratio(share),
		       (unsigned long long)share->k, (unsigned long long)share->n);
	(void)printf("%-58s %-9s %-22s >= %5.1f%%       %s\n", figure, goal_text, value,
		     100 * stats_share_low(share->k, share->n),
		     goal < 0 ? "" : grade(ratio(share) >= goal, share->n));
}

/* Shares where less is better. */
static void print_low_share(const char *figure, const char *goal_text, const struct share *share,
			    double goal)
{
	char value[64];

	(void)snprintf(value, sizeof(value), "%5.1f%%  %llu/%llu", 100 * ratio(share),
		       (unsigned long long)share->k, (unsigned long long)share->n);
	(void)printf("%-58s %-9s %-22s <= %5.1f%%       %s\n", figure, goal_text, value,
		     100 * stats_share_high(share->k, share->n),
		     grade(ratio(share) <= goal, share->n));
}

static void print_rate(const char *figure, const char *goal_text, const struct rate *rate,
		       double goal)
{
	char value[64];

	(void)snprintf(value, sizeof(value), "%llu in %.0f days", (unsigned long long)rate->count,
		       rate->days);
	(void)printf("%-58s %-9s %-22s <= 1 in %-7.0f %s\n", figure, goal_text, value,
		     1 / stats_rate_high(rate->count, rate->days),
		     goal < 0 ? ""
			      : grade((double)rate->count <= goal * rate->days,
				      (uint64_t)(rate->days * 1000)));
}

static void print_median(const char *figure, struct samples *samples)
{
	char value[64];

	if (samples->count == 0)
		return;
	(void)snprintf(value, sizeof(value), "%.3g  of %zu",
		       stats_quantile(samples->values, samples->count, 0.5), samples->count);
	(void)printf("%-58s %-9s %-22s 90%%: %.3g\n", figure, "", value,
		     stats_quantile(samples->values, samples->count, 0.9));
}

/* A goal for the median of the runs; what single runs reach is to be printed beneath it. */
static void print_median_goal(const char *figure, const char *goal_text, struct samples *samples,
			      double goal)
{
	double median = stats_quantile(samples->values, samples->count, 0.5);
	char value[64];

	(void)snprintf(value, sizeof(value), "%.3g, 90%%: %.3g", median,
		       stats_quantile(samples->values, samples->count, 0.9));
	(void)printf("%-58s %-9s %-22s <= %-11.3g  %s\n", figure, goal_text, value,
		     stats_median_high(samples->values, samples->count),
		     grade(median <= goal, samples->count));
}

/*
 * The same for somebody who knows what is leaked, and can prove it by opens only. Other evidence
 * may beat that, evictions or an age that the pool never lets them reach.
 */
static void print_bound(const struct share *share)
{
	print_share("    bound of the opens: who knows what is leaked", "", share, -1);
}

/*
 * The goal is one for the median. Not all single runs reach it, and even somebody who knows would
 * not; how many do stands beneath.
 */
static void print_moment(struct score *score, bool was_cold, const char *figure,
			 const char *goal_text, double goal)
{
	print_median_goal(figure, goal_text, &score->over_rate[was_cold], goal);
	print_share("    single runs within that", "", &score->timely[was_cold], -1);
	print_share("      bound of the opens: who knows what is leaked", "",
		    &score->timely_bound[was_cold], -1);
	print_share("        and holds a suspicion for HOLD", "", &score->timely_held[was_cold],
		    -1);
	print_share("        and has the odds of the opens that there were", "",
		    &score->timely_odds[was_cold], -1);
}

static void print_forecast(struct score *score, unsigned int point, const char *figure,
			   const char *goal_text, double goal)
{
	print_median_goal(figure, goal_text, &score->tte_error[point], goal);
	print_share("    single runs within that", "", &score->tte[point], -1);
	print_share("      of somebody who knows each leak, and speaks at once", "",
		    &score->tte_oracle[point], -1);
}

static void print_caught(struct score *score)
{
	print_share("leaks caught before exhaustion, on-demand pools of 50+", "100%",
		    &score->caught[GROUP_BIG], 1);
	print_bound(&score->caught_bound[GROUP_BIG]);
	print_share("  pools of 20, up to 1/min", ">= 95%", &score->caught[GROUP_TWENTY], 0.95);
	print_bound(&score->caught_bound[GROUP_TWENTY]);
	print_share("  of these, out of a surplus of 5 and more", "", &score->caught_of_surplus,
		    -1);
	print_bound(&score->caught_of_surplus_bound);
	print_share("  other ways: orphans, clients, threads, fork, CLOSE_WAIT ...", "",
		    &score->caught[GROUP_OTHER], -1);
	print_share("  beside another pool of the process that rests", "",
		    &score->caught[GROUP_BESIDE], -1);
	print_share("  pools that are fixed or smaller: at least suspect by then", "",
		    &score->caught[GROUP_SMALL], -1);
	print_median("leaked at detection (no surplus), median", &score->at_detection);
	print_moment(score, false, "  less rate x 10 s, with history (3 records), median", "<= 8",
		     8);
	print_moment(score, true, "  less rate x 10 s, cold (7 records), median", "<= 12", 12);
	print_share("  single runs within either, without what was free before", "",
		    &score->timely_less_surplus, -1);
	print_median("  beyond the surplus, where there was one, median", &score->beyond_surplus);
	print_median("    bound of the opens: who knows what is leaked",
		     &score->beyond_surplus_bound);
}

static void print_alarms(struct score *score)
{
	print_rate("leak alarms on healthy pools, ordinary", "1/1000 d", &score->ordinary,
		   1.0 / 1000);
	print_rate("  hostile", "1/200 d", &score->hostile, 1.0 / 200);
	print_rate("  suspects, both", "1/20 d", &score->suspects, 1.0 / 20);
	print_rate("  verdicts of other kinds, both", "", &score->other_kinds, -1);
	print_share("suspects named that are leaked, at detection + 60 s", ">= 98%",
		    &score->precision, 0.98);
	print_share("  leaked by detection that are named", ">= 95%", &score->recall, 0.95);
}

static void print_kinds(struct score *score)
{
	print_share("exhausted raised within 60 s", "all", &score->in_time[VERDICT_EXHAUSTED], 1);
	print_share("    bound: who is told that requests still come", "", &score->stopped_bound,
		    -1);
	print_share("    bound: who knows the leaks, and wants odds of 99 to 1", "",
		    &score->ending_bound, -1);
	print_share("  most requests leak: this or a leak, with history", "", &score->told[0], -1);
	print_bound(&score->told_bound[0]);
	print_share("  most requests leak from the start on", "", &score->told[1], -1);
	print_bound(&score->told_bound[1]);
	print_share("storm raised within 20 s", "all", &score->in_time[VERDICT_STORM], 1);
	print_share("  saturated within 5 min", "", &score->in_time[VERDICT_SATURATED], -1);
	print_share("  oversized within 15 min", "", &score->in_time[VERDICT_OVERSIZED], -1);
	print_low_share("runs in which one kind was mistaken for another", "<= 2%",
			&score->mistaken, 0.02);
	print_forecast(score, 0, "time to exhaustion at 8 leaked, relative error, median",
		       "<= 0.40", 0.40);
	print_forecast(score, 1, "time to exhaustion at 16 leaked, relative error, median",
		       "<= 0.25", 0.25);
}

void report_goals(struct score *score, enum family_split split)
{
	(void)printf("\n== %s: %u runs, %.0f process-days, %.0f million events, %.2f M events/s a "
		     "core ==\n",
		     split_name(split), score->run_count, score->days,
		     (double)score->event_count / 1e6,
		     (double)score->event_count / 1e6 / fmax(score->wall_s, 1e-9));
	if (score->error_count)
		(void)printf("!! %u runs failed and count nowhere\n", score->error_count);
	if (score->void_count)
		(void)printf("%u runs in which the leak had no occasion count nowhere\n",
			     score->void_count);
	(void)printf("%-58s %-9s %-22s %s\n", "figure", "goal", "value", "95% bound");
	print_caught(score);
	print_alarms(score);
	print_kinds(score);
}

/* --- baselines -------------------------------------------------------------------------------- */

static void print_detector(const char *name, const struct share *caught, struct samples *leaked,
			   const struct share *alarmed)
{
	char value[64];

	(void)snprintf(value, sizeof(value), "%llu/%llu (>= %.0f%%)", (unsigned long long)caught->k,
		       (unsigned long long)caught->n, 100 * stats_share_low(caught->k, caught->n));
	(void)printf("%-28s %-24s %-20.3g %llu/%llu (<= %.1f%%)\n", name, value,
		     stats_quantile(leaked->values, leaked->count, 0.5),
		     (unsigned long long)alarmed->k, (unsigned long long)alarmed->n,
		     100 * stats_share_high(alarmed->k, alarmed->n));
}

void report_baselines(struct score *score, enum family_split split)
{
	(void)printf("\n-- on-demand pools of 20 and more, %s --\n", split_name(split));
	(void)printf("%-28s %-24s %-20s %s\n", "detector", "caught in time", "leaked at detection",
		     "healthy runs alarmed");
	print_detector("connleak", &score->detector_caught, &score->at_detection,
		       &score->detector_alarmed);
	for (unsigned int i = 0; i < BASELINE_COUNT; i++)
		print_detector(baseline_name((enum baseline)i), &score->baseline_caught[i],
			       &score->baseline_leaked[i], &score->baseline_alarmed[i]);
}

/* --- floors ----------------------------------------------------------------------------------- */

static double median(const struct samples *samples)
{
	return stats_quantile(samples->values, samples->count, 0.5);
}

static bool find_figure(const struct score *score, const char *name, size_t length,
			double *ret_value, bool *ret_low_is_good)
{
	const struct {
		const char *name;
		double value;
		bool low_is_good;
	} figures[] = {
		{"caught", ratio(&score->caught[GROUP_BIG]), false},
		{"caught-twenty", ratio(&score->caught[GROUP_TWENTY]), false},
		{"caught-beside", ratio(&score->caught[GROUP_BESIDE]), false},
		{"caught-other", ratio(&score->caught[GROUP_OTHER]), false},
		{"timely", ratio(&score->timely[0]), false},
		{"leaked", median(&score->over_rate[0]), true},
		{"leaked-cold", median(&score->over_rate[1]), true},
		{"forecast-8", median(&score->tte_error[0]), true},
		{"forecast-16", median(&score->tte_error[1]), true},
		{"alarms-ordinary", (double)score->ordinary.count, true},
		{"alarms-hostile", (double)score->hostile.count, true},
		{"suspects", (double)score->suspects.count, true},
		{"others", (double)score->other_kinds.count, true},
		{"precision", ratio(&score->precision), false},
		{"recall", ratio(&score->recall), false},
		{"exhausted", ratio(&score->in_time[VERDICT_EXHAUSTED]), false},
		{"told", ratio(&score->told[0]), false},
		{"told-cold", ratio(&score->told[1]), false},
		{"storm", ratio(&score->in_time[VERDICT_STORM]), false},
		{"saturated", ratio(&score->in_time[VERDICT_SATURATED]), false},
		{"oversized", ratio(&score->in_time[VERDICT_OVERSIZED]), false},
		{"mistaken", ratio(&score->mistaken), true},
		{"errors", score->error_count, true},
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
		if (strlen(figures[i].name) != length || strncmp(figures[i].name, name, length))
			continue;
		*ret_value = figures[i].value;
		*ret_low_is_good = figures[i].low_is_good;
		return true;
	}
	return false;
}

int report_check_floor(const struct score *score, const char *floor)
{
	size_t length = strcspn(floor, "=");
	double value, wanted;
	bool low_is_good;
	char *end;

	if (floor[length] != '=' || !find_figure(score, floor, length, &value, &low_is_good))
		return -EINVAL;
	wanted = strtod(floor + length + 1, &end);
	if (end == floor + length + 1 || *end)
		return -EINVAL;
	if (low_is_good ? value <= wanted : value >= wanted)
		return 0;
	(void)printf("floor %.*s: %g is %s %g\n", (int)length, floor, value,
		     low_is_good ? "above" : "below", wanted);
	return 1;
}
