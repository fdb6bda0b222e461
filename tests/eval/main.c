// SPDX-License-Identifier: Apache-2.0
/*
 * eval: how good the detector is, on programs whose truth is known.
 *
 *	eval [--seed N|random] [--share X] [--repeat X] [--only PART] [--jobs N] [--most N]
 *	     [--set KEY=VALUE]... [--floor FIGURE=VALUE]...
 *	eval --emit FAMILY:PARAMS:SEED		the trace of one run, for connleak replay
 *	eval --run FAMILY:PARAMS:SEED		one run, judged
 *	eval --rows ...				all runs as a table with tabs
 *	eval --list				the families
 *	eval --help				this
 *
 * Invariant: the exit status is 0 whatever the figures are, unless a floor is given and missed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/trace.h"
#include "report.h"

#define FLOORS_MAX 48
#define SETS_MAX 32
#define WORKERS_MOST 64
#define LINE_SIZE 1024

struct arguments {
	struct plan plan;
	const char *emit, *run;
	const char *floors[FLOORS_MAX];
	const char *sets[SETS_MAX];
	uint32_t floor_count, set_count, most;
	bool wants_rows;
};

/* Whole and up to most. */
static int take_number(const char *text, uint64_t most, uint64_t *ret_number)
{
	unsigned long long number;
	char *end;

	if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || number > most)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int take_count(const char *text, uint32_t low, uint32_t high, uint32_t *ret_count)
{
	uint64_t number;

	if (take_number(text, high, &number) < 0 || number < low)
		return -EINVAL;
	*ret_count = (uint32_t)number;
	return 0;
}

/* Above 0 and up to most. */
static int take_factor(const char *text, double most, double *ret_factor)
{
	char *end;
	double factor = strtod(text, &end);

	if (end == text || *end || !(factor > 0 && factor <= most))
		return -EINVAL;
	*ret_factor = factor;
	return 0;
}

/* --- one run ---------------------------------------------------------------------------------- */

static int write_event(void *userdata, const struct event *event)
{
	char line[LINE_SIZE];
	int length = trace_format_event(event, line, sizeof(line));

	if (length < 0)
		return length;
	return fwrite(line, 1, (size_t)length, userdata) == (size_t)length ? 0 : -EPIPE;
}

/* Splits FAMILY:PARAMS:SEED in place. */
static const struct family *split_spec(char *spec, char **ret_params, uint64_t *ret_seed)
{
	char *params = strchr(spec, ':');
	char *seed = params ? strchr(params + 1, ':') : NULL;
	const struct family *family;

	if (!seed) {
		(void)fprintf(stderr, "eval: '%s' is not FAMILY:PARAMS:SEED\n", spec);
		return NULL;
	}
	*params = '\0';
	*seed = '\0';
	*ret_params = params + 1;
	if (take_number(seed + 1, UINT64_MAX, ret_seed) < 0) {
		(void)fprintf(stderr, "eval: seed '%s' is not a whole number\n", seed + 1);
		return NULL;
	}
	family = family_find(spec);
	if (!family)
		(void)fprintf(stderr, "eval: family '%s' does not exist; see --list\n", spec);
	return family;
}

static int emit(const char *text)
{
	struct trace_header header = {.version = TRACE_VERSION, .host = "eval"};
	char spec[2 * PARAMS_SIZE], line[LINE_SIZE], *params;
	const struct family *family;
	struct scenario *scenario;
	uint64_t seed;
	int r;

	(void)snprintf(spec, sizeof(spec), "%s", text);
	family = split_spec(spec, &params, &seed);
	if (!family)
		return 2;
	scenario = scenario_new(family, params, seed, write_event, stdout);
	if (!scenario)
		return 1;
	if (trace_format_header(&header, line, sizeof(line)) > 0)
		(void)fputs(line, stdout);
	r = world_run(scenario->world);
	scenario_free(scenario);
	return fflush(stdout) || (r < 0 && r != -EPIPE) ? 1 : 0;
}

static void print_result(const struct result *result)
{
	(void)printf(
		"leaks %u from %.0f s, surplus %u, capacity %u, exhausted %.0f s, end %.0f s\n",
		result->leaked_count, result->first_leak_s, result->surplus, result->capacity,
		result->exhausted_s, result->end_s);
	(void)printf(
		"suspect %.0f s, detected %.0f s with %u leaked; a minute after named %u, rightly "
		"%u, %u of the %u leaked by then\n",
		result->suspect_s, result->detected_s, result->leaked_at_detection, result->named,
		result->named_rightly, result->found, result->due);
	(void)printf("false leaks %u (first %.0f s, %s), other suspects %u (first %.0f s, %s)\n",
		     result->false_leaks, result->first_false_s, result->false_evidence,
		     result->suspect_count, result->first_suspect_s, result->suspect_evidence);
	for (unsigned int i = 0; i < VERDICT_KIND_COUNT; i++)
		(void)printf("%s %u (first %.0f s) ", verdict_kind_name((enum verdict_kind)i),
			     result->raised_count[i], result->first_raised_s[i]);
	(void)printf("\ntime to exhaustion: error %.2f at 8, %.2f at 16; bound %.2f, %.2f\n",
		     result->tte_error[0], result->tte_error[1], result->tte_oracle[0],
		     result->tte_oracle[1]);
	(void)printf("half leaked %.0f s, exhausted for somebody who knows the load %.0f s, and "
		     "%.2g to 1 for somebody who knows the leaks\n",
		     result->half_s, result->stopped_s, result->ending_odds);
	(void)printf("onset %.0f s; %.2f process-days, %llu events in %.2f s\n", result->onset_s,
		     result->process_days, (unsigned long long)result->event_count, result->wall_s);
}

static int run_one(const struct arguments *arguments)
{
	struct result result = {0};
	const struct family *family;
	char spec[2 * PARAMS_SIZE], *params;
	int r;

	(void)snprintf(spec, sizeof(spec), "%s", arguments->run);
	family = split_spec(spec, &params, &result.seed);
	if (!family)
		return 2;
	r = judge_run(family, params, &arguments->plan.settings, &result);
	if (r < 0) {
		(void)fprintf(stderr, "eval: %s\n", strerror(-r));
		return 1;
	}
	print_result(&result);
	return 0;
}

/* --- all runs --------------------------------------------------------------------------------- */

static int check_floors(const struct arguments *arguments, const struct score *scores)
{
	int status = 0;

	for (uint32_t i = 0; i < arguments->floor_count; i++) {
		const char *floor = arguments->floors[i];
		bool is_held = strncmp(floor, "held-", 5) == 0;
		int r = report_check_floor(&scores[is_held ? SPLIT_HELD_OUT : SPLIT_TUNED],
					   floor + (is_held ? 5 : 0));

		if (r < 0) {
			(void)fprintf(stderr, "eval: floor '%s' is not FIGURE=VALUE\n", floor);
			return 2;
		}
		status |= r;
	}
	return status;
}

static int evaluate(const struct arguments *arguments)
{
	struct score scores[SPLIT_COUNT];
	struct results results = {0};
	int r = runner_run(&arguments->plan, &results), status = 0;

	if (r == 0 && results.count == 0) {
		(void)fprintf(stderr, "eval: no family has '%s' in its name; see --list\n",
			      arguments->plan.only);
		results_destroy(&results);
		return 2;
	}
	if (arguments->wants_rows) {
		report_rows(&results);
		results_destroy(&results);
		return r < 0 ? 1 : 0;
	}
	(void)printf("seed %llu, %u runs\n", (unsigned long long)arguments->plan.seed,
		     results.count);
	if (r < 0)
		(void)printf("!! a worker failed: %s\n", strerror(-r));
	report_families(&results);
	for (unsigned int split = 0; split < SPLIT_COUNT; split++) {
		score_rows(&scores[split], &results, (enum family_split)split);
		report_confusion(&results, (enum family_split)split);
	}
	report_faults(&results, arguments->most, arguments->sets, arguments->set_count);
	for (unsigned int split = 0; split < SPLIT_COUNT; split++) {
		report_baselines(&scores[split], (enum family_split)split);
		report_goals(&scores[split], (enum family_split)split);
	}
	status = check_floors(arguments, scores);
	for (unsigned int split = 0; split < SPLIT_COUNT; split++)
		score_destroy(&scores[split]);
	results_destroy(&results);
	return r < 0 ? 1 : status;
}

static int list_families(void)
{
	uint32_t count;
	const struct family *families = families_all(&count);

	for (uint32_t i = 0; i < count; i++)
		(void)printf("%-20s %s %4u x %u  %s\n", families[i].name,
			     families[i].split == SPLIT_TUNED ? "tuned-on" : "held-out",
			     params_combinations(families[i].grid), families[i].weight,
			     families[i].grid);
	return 0;
}

static int print_usage(void)
{
	(void)printf("eval [--seed N|random] [--share X] [--repeat X] [--only PART] [--jobs N]\n"
		     "     [--most N] [--set KEY=VALUE]... [--floor FIGURE=VALUE]... [--rows]\n"
		     "               how good the detector is; --most: faults shown of a family\n"
		     "eval --emit FAMILY:PARAMS:SEED   the trace of one run, for connleak replay\n"
		     "eval --run FAMILY:PARAMS:SEED    one run, judged\n"
		     "eval --list                      the families\n");
	return 0;
}

/* --- the command line ------------------------------------------------------------------------- */

static int set_seed(struct plan *plan, const char *value)
{
	uint32_t drawn;

	if (strcmp(value, "random") != 0)
		return take_number(value, UINT64_MAX, &plan->seed);
	if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn))
		return -EIO;
	plan->seed = drawn;
	return 0;
}

static int set_setting(struct arguments *arguments, const char *value)
{
	char key[64], error[200];
	size_t length = strcspn(value, "=");

	if (value[length] != '=' || length >= sizeof(key) || arguments->set_count == SETS_MAX)
		return -EINVAL;
	(void)snprintf(key, sizeof(key), "%.*s", (int)length, value);
	arguments->sets[arguments->set_count++] = value;
	if (settings_set(&arguments->plan.settings, key, value + length + 1, error,
			 sizeof(error)) == 0)
		return 0;
	(void)fprintf(stderr, "eval: %s\n", error);
	return -EINVAL;
}

static int take_argument(struct arguments *arguments, const char *name, const char *value)
{
	struct plan *plan = &arguments->plan;

	if (strcmp(name, "--seed") == 0)
		return set_seed(plan, value);
	if (strcmp(name, "--set") == 0)
		return set_setting(arguments, value);
	if (strcmp(name, "--share") == 0)
		return take_factor(value, 1, &plan->share);
	if (strcmp(name, "--repeat") == 0)
		return take_factor(value, 1000, &plan->repeat);
	if (strcmp(name, "--jobs") == 0)
		return take_count(value, 1, WORKERS_MOST, &plan->workers);
	if (strcmp(name, "--most") == 0)
		return take_count(value, 0, UINT32_MAX, &arguments->most);
	if (strcmp(name, "--only") == 0)
		plan->only = value;
	else if (strcmp(name, "--emit") == 0)
		arguments->emit = value;
	else if (strcmp(name, "--run") == 0)
		arguments->run = value;
	else if (strcmp(name, "--floor") == 0 && arguments->floor_count < FLOORS_MAX)
		arguments->floors[arguments->floor_count++] = value;
	else
		return -EINVAL;
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments arguments = {
		.plan = {.seed = 1, .share = 1, .repeat = 1, .workers = 2, .shows_progress = true},
		.most = UINT32_MAX,
	};
	char error[256];

	settings_init(&arguments.plan.settings);
	for (int i = 1; i < argc; i += 2) {
		if (strcmp(argv[i], "--list") == 0)
			return list_families();
		if (strcmp(argv[i], "--help") == 0)
			return print_usage();
		if (strcmp(argv[i], "--rows") == 0) {
			arguments.wants_rows = true;
			i--;
			continue;
		}
		if (i + 1 == argc || take_argument(&arguments, argv[i], argv[i + 1]) < 0) {
			(void)fprintf(stderr, "eval: '%s%s%s' is not understood; see --help\n",
				      argv[i], i + 1 < argc ? " " : "",
				      i + 1 < argc ? argv[i + 1] : "");
			return 2;
		}
	}
	if (settings_check(&arguments.plan.settings, error, sizeof(error)) < 0) {
		(void)fprintf(stderr, "eval: %s\n", error);
		return 2;
	}
	if (arguments.emit)
		return emit(arguments.emit);
	if (arguments.run)
		return run_one(&arguments);
	return evaluate(&arguments);
}
