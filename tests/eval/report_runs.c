// SPDX-License-Identifier: Apache-2.0
/*
 * The tables that lead to the single run: what each family gave, what was taken for what, and the
 * faults, each with the command that shows it.
 *
 * Invariant: a command that is printed replays exactly the run that was judged, with the same
 * limit and the same settings.
 */
#include <stdio.h>
#include <string.h>

#include "report.h"
#include "stats.h"

#define FAMILIES_MAX 256

struct line {
	uint32_t runs, caught, leak_alarms, other_alarms, suspects, mistakes;
	double days, leaked;
	uint32_t detected;
};

static void add_row(struct line *line, const struct result *result)
{
	enum verdict_kind kind;
	bool expects = family_expects(result_family(result), &kind);

	line->runs++;
	line->days += result->process_days;
	line->suspects += result->suspect_count;
	line->leak_alarms += result_is_healthy(result) ? result->raised_count[VERDICT_LEAK]
						       : result->false_leaks;
	for (unsigned int i = VERDICT_LEAK + 1; i < VERDICT_KIND_COUNT; i++)
		line->other_alarms += result_is_healthy(result) ? result->raised_count[i] : 0;
	line->mistakes += !result_is_healthy(result) && result_mistakes(result);
	if (expects && kind == VERDICT_LEAK)
		line->caught += result_was_caught(result);
	else if (expects && result_family(result)->build == build_leak_fast)
		line->caught += result_was_told(result);
	else if (expects)
		line->caught += result_was_in_time(result, kind);
	if (!isnan(result->detected_s)) {
		line->detected++;
		line->leaked += result->leaked_at_detection;
	}
}

static void print_line(const struct family *family, const struct line *line)
{
	static const char *const classes[CLASS_COUNT] = {
		"ordinary",  "hostile", "leak",	     "exhausted",
		"saturated", "storm",	"oversized", "trouble",
	};
	char caught[24] = "", leaked[24] = "";
	enum verdict_kind kind;

	if (line->runs == 0)
		return;
	if (family_expects(family, &kind))
		(void)snprintf(caught, sizeof(caught), "%u/%u", line->caught, line->runs);
	if (line->detected)
		(void)snprintf(leaked, sizeof(leaked), "%.1f", line->leaked / line->detected);
	(void)printf("%-20s %-10s %5u %8.1f %9s %8s %7u %7u %9u %9u\n", family->name,
		     classes[family->class], line->runs, line->days, caught, leaked,
		     line->leak_alarms, line->other_alarms, line->suspects, line->mistakes);
}

void report_families(const struct results *results)
{
	struct line lines[FAMILIES_MAX] = {0};
	uint32_t count;
	const struct family *families = families_all(&count);

	for (uint32_t i = 0; i < results->count; i++)
		add_row(&lines[results->rows[i].family], &results->rows[i]);
	(void)printf("\n%-20s %-10s %5s %8s %9s %8s %7s %7s %9s %9s\n", "family", "class", "runs",
		     "days", "in time", "leaked", "false", "other", "suspects", "mistaken");
	for (uint32_t i = 0; i < count; i++)
		print_line(&families[i], &lines[i]);
}

void report_confusion(const struct results *results, enum family_split split)
{
	static const char *const truths[CLASS_COUNT] = {
		"healthy, ordinary",	     "healthy, hostile",     "leak",
		"leak, small or fixed pool", "pool too small",	     "storm",
		"oversized deploy",	     "spike, slow, network",
	};
	uint32_t raised[CLASS_COUNT][VERDICT_KIND_COUNT] = {{0}}, runs[CLASS_COUNT] = {0};

	for (uint32_t i = 0; i < results->count; i++) {
		const struct result *result = &results->rows[i];
		enum family_class class = result_family(result)->class;

		if (result_family(result)->split != split || result->error)
			continue;
		runs[class]++;
		for (unsigned int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
			raised[class][kind] += result->raised_count[kind] > 0;
	}
	(void)printf("\n-- runs in which each kind was raised, %s --\n",
		     split == SPLIT_TUNED ? "tuned-on" : "HELD-OUT");
	(void)printf("%-28s %6s", "what was there", "runs");
	for (unsigned int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
		(void)printf(" %10s", verdict_kind_name((enum verdict_kind)kind));
	(void)printf("\n");
	for (unsigned int class = 0; class < CLASS_COUNT; class ++) {
		(void)printf("%-28s %6u", truths[class], runs[class]);
		for (unsigned int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
			(void)printf(" %10u", raised[class][kind]);
		(void)printf("\n");
	}
}

/* --- faults ----------------------------------------------------------------------------------- */

/* What is wrong with a run, in words; false when nothing is. */
static bool describe_fault(const struct result *result, char *buffer, size_t size)
{
	const struct family *family = result_family(result);
	uint32_t mistakes = result_mistakes(result);
	enum verdict_kind kind;

	if (result->error || !result->is_done) {
		(void)snprintf(buffer, size, "RUN FAILED: %s",
			       result->error ? strerror(-result->error) : "not done");
		return true;
	}
	for (unsigned int i = 0; i < VERDICT_KIND_COUNT; i++) {
		if (!(mistakes & 1u << i))
			continue;
		(void)snprintf(buffer, size, "FALSE %s at %.0f s%s%s",
			       verdict_kind_name((enum verdict_kind)i),
			       i == VERDICT_LEAK ? result->first_false_s
						 : result->first_raised_s[i],
			       i == VERDICT_LEAK ? ", " : "",
			       i == VERDICT_LEAK ? result->false_evidence : "");
		return true;
	}
	if (!family_expects(family, &kind) || result_is_void(result))
		return false;
	if (kind == VERDICT_LEAK && !result_was_caught(result)) {
		(void)snprintf(buffer, size,
			       "MISS: leak from %.0f s, %u leaked, surplus %u, exhausted %.0f s, "
			       "raised %.0f s, suspect %.0f s",
			       result->first_leak_s, result->leaked_count, result->surplus,
			       result->exhausted_s, result->detected_s, result->suspect_s);
		return true;
	}
	if (family->build == build_leak_fast && result_was_told(result))
		return false;
	if (kind != VERDICT_LEAK && result_was_due(result, kind) &&
	    !result_was_in_time(result, kind)) {
		(void)snprintf(buffer, size, "MISS: %s due from %.0f s, raised %.0f s",
			       verdict_kind_name(kind), result->onset_s,
			       result->first_raised_s[kind]);
		return true;
	}
	return false;
}

static void print_command(const struct result *result, const char *const *sets, uint32_t set_count)
{
	char params[PARAMS_SIZE];

	(void)printf("  build/eval/eval --emit '%s:%s:%llu' | build/connleak replay -",
		     result_family(result)->name, result_params(result, params),
		     (unsigned long long)result->seed);
	if (result->capacity)
		(void)printf(" --endpoint db=10.0.3.7:5432,limit=%u", result->capacity);
	for (uint32_t i = 0; i < set_count; i++)
		(void)printf(" --set %s", sets[i]);
	(void)printf("\n");
}

void report_faults(const struct results *results, uint32_t most, const char *const *sets,
		   uint32_t set_count)
{
	uint32_t family = UINT32_MAX, told = 0, count = 0;
	char text[200];

	if (most == UINT32_MAX)
		(void)printf("\n-- false alarms and misses --\n");
	else
		(void)printf("\n-- false alarms and misses, at most %u a family --\n", most);
	for (uint32_t i = 0; i < results->count; i++) {
		const struct result *result = &results->rows[i];

		if (!describe_fault(result, text, sizeof(text)))
			continue;
		if (result->family != family) {
			if (count > told)
				(void)printf("  ... and %u more of this family\n", count - told);
			family = result->family;
			told = count = 0;
		}
		if (count++ >= most)
			continue;
		told++;
		(void)printf("%s: %s\n", result_family(result)->name, text);
		print_command(result, sets, set_count);
	}
	if (count > told)
		(void)printf("  ... and %u more of this family\n", count - told);
}

/* One line a run, tabs between, for whoever wants to look for patterns. */
void report_rows(const struct results *results)
{
	char params[PARAMS_SIZE];

	(void)printf("family\tparams\tseed\tfirst_leak\tleaks\tsurplus\tcapacity\texhausted\t"
		     "suspect\tdetected\tleaked\tbound\theld\todds\tnamed\trightly\tdue\tfound\t"
		     "false\tsuspects\tleak\t"
		     "exhausted_at\tsaturated_at\tstorm_at\toversized_at\tevents\twall\n");
	for (uint32_t i = 0; i < results->count; i++) {
		const struct result *result = &results->rows[i];

		(void)printf("%s\t%s\t%llu\t%.0f\t%u\t%u\t%u\t%.0f\t%.0f\t%.0f\t%u\t%u\t%u\t%u\t"
			     "%u\t%u\t%u\t%u\t%u\t%u",
			     result_family(result)->name, result_params(result, params),
			     (unsigned long long)result->seed, result->first_leak_s,
			     result->leaked_count, result->surplus, result->capacity,
			     result->exhausted_s, result->suspect_s, result->detected_s,
			     result->leaked_at_detection, result->bound_leaked, result->held_leaked,
			     result->odds_leaked, result->named, result->named_rightly, result->due,
			     result->found, result->false_leaks, result->suspect_count);
		for (unsigned int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
			(void)printf("\t%.0f", result->first_raised_s[kind]);
		(void)printf("\t%llu\t%.2f\n", (unsigned long long)result->event_count,
			     result->wall_s);
	}
}
