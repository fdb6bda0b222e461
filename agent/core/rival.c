// SPDX-License-Identifier: Apache-2.0
/*
 * Most of an outage goes into the wrong explanation, so a verdict says which ones its figures
 * exclude. A rule that is too eager does more harm than none: where the figures do not decide, the
 * ruling is "cannot tell", and says what is missing. Here are the rules on what comes from the
 * process itself (traffic, storms, leaks); rival_path.c has those on what lies behind the socket,
 * rival_size.c those on the size of the pool.
 *
 * Invariant: a ruling other than "cannot tell" states the figures it rests on; a ratio decides only
 * when its statistical error (two standard errors of the counts) does not reach the threshold.
 * Does not measure (differential.c).
 */
#include "rival_rule.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "format.h"

/* Half as much again: a step in load that a pool which was large enough would not notice. */
#define TRAFFIC_FACTOR 1.5
/* From here on new connections make the operations, not the other way round. */
#define HANDSHAKE_SHARE 0.3
/* As for the verdict "storm", beside its settings. */
#define STORM_COUNT_FACTOR 3.0

/* --- words and shares ------------------------------------------------------------------------- */

void rival_say(struct rival_ruling *out, enum ruling ruling, const char *format, ...)
{
	va_list args;

	out->ruling = ruling;
	va_start(args, format);
	(void)vsnprintf(out->text, sizeof(out->text), format, args);
	va_end(args);
}

void rival_brief(struct rival_ruling *out, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(out->brief, sizeof(out->brief), format, args);
	va_end(args);
}

/* In whole percent, and never "-0%". */
static double percent(double now, double before)
{
	double change = round((now / before - 1) * 100);

	return change == 0 ? 0 : change;
}

const char *rival_change(double ratio, char *buffer)
{
	if (ratio < 10)
		(void)snprintf(buffer, RIVAL_CHANGE_SIZE, "%+.0f%%", percent(ratio, 1));
	else
		(void)snprintf(buffer, RIVAL_CHANGE_SIZE, "x%.0f", ratio);
	return buffer;
}

bool rival_has_clock(const struct rival_figures *figures, struct rival_ruling *out)
{
	if (!figures->clock_is_coarse)
		return true;
	rival_say(out, RULING_CANNOT_TELL,
		  "sends and receives are known to a tenth of a second or worse: who waits for an "
		  "answer, and for how long, does not show");
	return false;
}

bool rival_has_history(const struct rival_figures *figures, struct rival_ruling *out)
{
	char before[RIVAL_DURATION_SIZE];

	if (figures->before.observed_ns >= RIVAL_BEFORE_MIN_NS && figures->since.observed_ns > 0)
		return true;
	(void)format_duration(figures->history_ns, before, sizeof(before));
	rival_say(
		out, RULING_CANNOT_TELL,
		figures->since.observed_ns == 0
			? "too little time has passed since the evidence began, after %s of history"
			: "only %s of history before the evidence began, 60 s are needed to "
			  "compare",
		before);
	return false;
}

/* "in 10 min before", "in the first half of the observation" or "in the process before" */
static const char *base_words(const struct rival_figures *figures, char *buffer, size_t size)
{
	char span[RIVAL_DURATION_SIZE];

	if (figures->is_former)
		(void)snprintf(buffer, size, "in the process before");
	else if (figures->is_halves)
		(void)snprintf(buffer, size, "in the first half of the observation");
	else
		(void)snprintf(buffer, size, "in %s before",
			       format_duration(figures->before.observed_ns, span, sizeof(span)));
	return buffer;
}

double rival_stale_share(const struct rival_figures *figures)
{
	return figures->open_count ? (double)figures->stale_count / figures->open_count : 0;
}

double rival_live_busy(const struct rival_figures *figures)
{
	double share = 1 - rival_stale_share(figures);

	if (isnan(figures->busy))
		return NAN;
	return share > 0 ? fmin(figures->busy / share, 1) : 0;
}

/* --- traffic ---------------------------------------------------------------------------------- */

/*
 * Operations merge between two looks when a pool has few connections and much to do, and part when
 * a statement outlasts a look, so payload decides; it varies with the size of requests, though.
 */
void rival_rule_traffic(const struct rival_figures *figures, struct rival_ruling *out)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;
	double ratio, error, bytes;
	char base[64], up[RIVAL_CHANGE_SIZE], more[RIVAL_CHANGE_SIZE];
	enum ruling ruling = RULING_CANNOT_TELL;
	/* The first exchange of a connection is its handshake. */
	bool is_handshakes =
		(double)since->connect_count >= HANDSHAKE_SHARE * (double)since->operation_count;
	bool has_few_stale = rival_stale_share(figures) <= RIVAL_STALE_FEW, is_up;

	if (!rival_has_history(figures, out))
		return;
	if (before->operation_count < RIVAL_COUNT_MIN || since->operation_count < RIVAL_COUNT_MIN) {
		rival_say(out, ruling,
			  "too few operations to compare: %" PRIu64 " since the evidence began, "
			  "%" PRIu64 " %s",
			  since->operation_count, before->operation_count,
			  base_words(figures, base, sizeof(base)));
		return;
	}
	ratio = since->operations_per_second / before->operations_per_second;
	error = exp(2 * sqrt(1.0 / (double)since->operation_count +
			     1.0 / (double)before->operation_count));
	bytes = before->sent_bytes_per_second > 0
			? since->sent_bytes_per_second / before->sent_bytes_per_second
			: ratio;
	is_up = bytes / error >= TRAFFIC_FACTOR;
	if (bytes < TRAFFIC_FACTOR && fmin(ratio, bytes) * error < TRAFFIC_FACTOR)
		ruling = RULING_RULED_OUT;
	else if (is_up && has_few_stale && !is_handshakes)
		ruling = RULING_RULED_IN;
	rival_say(out, ruling, "%.3g operations/s seen, %.3g %s (%s); payload sent %s%s",
		  since->operations_per_second, before->operations_per_second,
		  base_words(figures, base, sizeof(base)), rival_change(ratio, up),
		  rival_change(bytes, more),
		  ruling != RULING_CANNOT_TELL ? ""
		  : !is_up		       ? "; too few to be sure"
		  : is_handshakes	       ? "; but many of them are handshakes"
					       : "; but silent connections serve none of it");
	/* Who reads "not traffic: queries/s -60%" takes it for the opposite. */
	if (ratio * error < 1)
		rival_brief(out, "fewer queries/s (%s)", up);
	else
		rival_brief(out, "%s %s", ratio < TRAFFIC_FACTOR ? "queries/s" : "payload sent",
			    ratio < TRAFFIC_FACTOR ? up : more);
}

/* --- bursts and leaks ------------------------------------------------------------------------- */

void rival_rule_storm(const struct rival_figures *figures, struct rival_ruling *out)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;
	const struct settings *settings = figures->settings;
	uint64_t bad = since->failed_count + since->early_close_count;
	bool is_bad =
		(double)bad >= settings->storm_failed * (double)since->opened_count && bad > 0;
	bool has_base = before->observed_ns >= RIVAL_BEFORE_MIN_NS && !figures->is_halves;
	double usual = has_base ? before->opened_per_minute / 6 : 0; /* in 10 s */
	double limit = fmax(settings->storm_min, settings->storm_factor * usual + 5 * sqrt(usual));
	enum ruling ruling = RULING_CANNOT_TELL;

	if (since->observed_ns == 0) {
		(void)rival_has_history(figures, out);
		return;
	}
	if ((double)since->opened_peak >= limit) {
		if (is_bad || (has_base && before->open_max > 0 &&
			       since->open_max >= STORM_COUNT_FACTOR * before->open_max))
			ruling = RULING_RULED_IN;
	} else if (!is_bad && figures->lost_count == 0) {
		ruling = RULING_RULED_OUT;
	}
	rival_say(out, ruling,
		  "at most %" PRIu64 " open%s in 10 s, %" PRIu64 " failed, %" PRIu64
		  " closed by the server within 1 s (of %" PRIu64 ")%s",
		  since->opened_peak, since->opened_peak == 1 ? "" : "s", since->failed_count,
		  since->early_close_count, since->opened_count,
		  figures->lost_count ? "; records were lost" : "");
}

void rival_rule_leak(const struct rival_figures *figures, struct rival_ruling *out)
{
	enum ruling ruling = RULING_CANNOT_TELL;
	char limit[RIVAL_DURATION_SIZE];

	if (figures->open_count == 0) {
		rival_say(out, RULING_RULED_OUT, "no connection is open");
		return;
	}
	if (figures->is_leak) {
		rival_say(out, RULING_RULED_IN, "%u connections went silent and never came back",
			  figures->suspect_count);
		return;
	}
	(void)format_duration(figures->stale_limit_ns, limit, sizeof(limit));
	if (figures->observed_ns >= RIVAL_BEFORE_MIN_NS && figures->suspect_count == 0 &&
	    rival_stale_share(figures) <= RIVAL_STALE_FEW && figures->lost_count == 0)
		ruling = RULING_RULED_OUT;
	else if (rival_stale_share(figures) >= 0.5 &&
		 rival_live_busy(figures) >= figures->settings->busy_saturated)
		ruling = RULING_RULED_IN;
	rival_say(out, ruling, "%u of %u connections are silent for longer than %s%s",
		  figures->stale_count, figures->open_count, limit,
		  figures->suspect_count ? ", and under suspicion" : "");
}

void rival_rule(const struct rival_figures *figures, enum rival rival,
		struct rival_ruling *ret_ruling)
{
	static void (*const rules[RIVAL_COUNT])(const struct rival_figures *,
						struct rival_ruling *) = {
		[RIVAL_TRAFFIC_SPIKE] = rival_rule_traffic,
		[RIVAL_NETWORK] = rival_rule_network,
		[RIVAL_SLOW_DATABASE] = rival_rule_database,
		[RIVAL_POOL_TOO_SMALL] = rival_rule_too_small,
		[RIVAL_OVERSIZED] = rival_rule_oversized,
		[RIVAL_STORM] = rival_rule_storm,
		[RIVAL_LEAK] = rival_rule_leak,
	};
	struct rival_ruling ruling = {.rival = rival};

	rules[rival](figures, &ruling);
	*ret_ruling = ruling;
}
