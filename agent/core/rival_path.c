// SPDX-License-Identifier: Apache-2.0
/*
 * The rules on what lies behind the socket: the network, which makes connects and round trips slow
 * and loses segments, on several endpoints; and the database, which makes answers slow and nothing
 * else. Both are seen through the same exchanges, so each asks what the other would explain.
 *
 * Invariant: as in rival.c. Does not measure.
 */
#include "rival_rule.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "format.h"

/* Twenty exchanges know a geometric mean to a third either way, so twice is a difference ... */
#define EXCHANGE_MIN 20
#define SLOW_FACTOR 2.0
/* ... and up to half as much again is none. */
#define SAME_FACTOR 1.5
/* Connects and round trips below 5 ms vary with the load of the host, not of the network. */
#define PATH_FLOOR_US 5000.0
#define PATH_FACTOR 4.0

/* Nothing takes no time; a trace may have its times in milliseconds. */
static const char *duration_us(double us, char *buffer)
{
	if (us <= 0)
		return "under 1 ms";
	return format_duration(isfinite(us) ? (uint64_t)(us * 1000) : 0, buffer,
			       RIVAL_DURATION_SIZE);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* --- network ---------------------------------------------------------------------------------- */

static double retransmit_share(const struct meter_figures *figures)
{
	return figures->operation_count
		       ? (double)figures->retransmit_count / (double)figures->operation_count
		       : 0;
}

bool rival_path_is_bad(const struct meter_figures *since)
{
	uint64_t asked = since->connect_count + since->failed_count;
	uint64_t lost = since->unreached_count + since->slow_connect_count;

	if (lost >= RIVAL_EVENTS_MIN && lost * 10 >= asked)
		return true;
	/* One segment in twenty: TCP's throughput falls apart from there. */
	return since->retransmit_count >= RIVAL_COUNT_MIN &&
	       (since->operation_count == 0 || retransmit_share(since) >= 0.05);
}

/* Of times in us; unknown ones are not risen. */
static bool has_risen(double now, double before, double factor)
{
	return isfinite(now) && isfinite(before) && now >= PATH_FLOOR_US && now >= factor * before;
}

/*
 * A server that has an answer at hand within 40 ms sends its acknowledgement along with it, so what
 * TCP takes for the round trip is as long as the server works, and a bound on the path's own. A
 * handshake is answered by the kernel: where connects are quicker, it is not the path.
 */
static bool round_trip_has_risen(const struct rival_figures *figures, double factor)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;

	return has_risen(since->rtt_us, before->rtt_us, factor) &&
	       !(since->connect_count >= RIVAL_EVENTS_MIN &&
		 since->connect_us * SLOW_FACTOR <= since->rtt_us);
}

bool rival_network_is_bad(const struct rival_figures *figures)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;

	return rival_path_is_bad(since) || round_trip_has_risen(figures, PATH_FACTOR) ||
	       has_risen(since->connect_us, before->connect_us, PATH_FACTOR);
}

/*
 * How much longer the server takes for the same work, where no exchange can be seen because the
 * next statement is sent as soon as the answer has come: connections that are owed an answer, by
 * the payload sent, are the time that each byte of it costs (Little's law). NAN = too few samples.
 */
static double service_ratio(const struct rival_figures *figures)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;
	double owed_before = before->busy * before->open_max;
	double owed_since = since->busy * since->open_max;

	/* A sum of samples in which so many were owed an answer. */
	if (!(owed_before * (double)before->sample_count >= EXCHANGE_MIN) ||
	    !(owed_since * (double)since->sample_count >= EXCHANGE_MIN) ||
	    !(before->sent_bytes_per_second > 0) || !(since->sent_bytes_per_second > 0))
		return NAN;
	return owed_since / owed_before * before->sent_bytes_per_second /
	       since->sent_bytes_per_second;
}

/* Whether enough went over the path to call it sound. */
static bool path_was_used(const struct rival_figures *figures)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;

	/* A refusal has come all the way and back. */
	if (since->connect_count + since->refused_count >= RIVAL_EVENTS_MIN ||
	    since->rtt_count >= EXCHANGE_MIN)
		return true;
	if (service_ratio(figures) < SAME_FACTOR)
		return true;
	return since->exchange_count >= EXCHANGE_MIN && before->exchange_count >= EXCHANGE_MIN &&
	       since->exchange_us < SAME_FACTOR * before->exchange_us;
}

static bool path_is_sound(const struct rival_figures *figures)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;

	return since->unreached_count * 100 <= since->connect_count + since->failed_count &&
	       !isinf(since->connect_p99_us) &&
	       (since->retransmit_count < RIVAL_EVENTS_MIN || retransmit_share(since) < 0.01) &&
	       !has_risen(since->connect_us, before->connect_us, SLOW_FACTOR) &&
	       !round_trip_has_risen(figures, SLOW_FACTOR);
}

static bool all_are_refused(const struct meter_figures *since)
{
	return since->connect_count == 0 && since->failed_count > 0 &&
	       since->refused_count == since->failed_count;
}

/* The figure that says most about the path, of those that there are. */
static const char *connect_words(const struct rival_figures *figures, char *buffer, size_t size)
{
	const struct meter_figures *since = &figures->since;
	char time[RIVAL_DURATION_SIZE], change[RIVAL_CHANGE_SIZE];

	if (all_are_refused(since))
		(void)snprintf(buffer, size, "every connect was refused");
	else if (since->connect_count == 0 && since->rtt_count > 0)
		(void)snprintf(buffer, size, "round trip at most %s",
			       duration_us(since->rtt_us, time));
	else if (since->connect_count == 0 && since->failed_count > 0)
		(void)snprintf(buffer, size, "no connect succeeded");
	else if (since->connect_count == 0 && !isnan(service_ratio(figures)))
		(void)snprintf(buffer, size, "time for the same payload %s",
			       rival_change(service_ratio(figures), change));
	else if (since->connect_count == 0 && since->exchange_count > 0)
		(void)snprintf(buffer, size, "exchange time %s",
			       duration_us(since->exchange_us, time));
	else if (since->connect_count == 0)
		(void)snprintf(buffer, size, "no connect");
	else if (isinf(since->connect_p99_us))
		(void)snprintf(buffer, size, "connect p99 over 0.9 s");
	else /* the slowest of up to 100 is their p99, of more it is a bound */
		(void)snprintf(buffer, size, "connect p99 %s%s",
			       since->connect_count > 100 ? "<= " : "",
			       duration_us(since->connect_p99_us, time));
	return buffer;
}

/* "19 refused" says what to look at; "19 failures" does not. */
static const char *failed_words(const struct meter_figures *since, char *buffer, size_t size)
{
	if (since->failed_count > 0 && since->refused_count == since->failed_count)
		(void)snprintf(buffer, size, "%" PRIu64 " refused", since->failed_count);
	else
		(void)snprintf(buffer, size, "%" PRIu64 " failure%s", since->failed_count,
			       plural(since->failed_count));
	return buffer;
}

static const char *path_words(const struct rival_figures *figures, char *buffer, size_t size)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;
	char connect[64], now[RIVAL_DURATION_SIZE], then[RIVAL_DURATION_SIZE], rtt[80] = "",
									       count[32] = "";
	char unreached[48] = "", failed[48];

	if (since->connect_count > 0)
		(void)snprintf(count, sizeof(count), " of %" PRIu64, since->connect_count);
	if (since->unreached_count > 0)
		(void)snprintf(unreached, sizeof(unreached), " (%" PRIu64 " unanswered)",
			       since->unreached_count);
	if (since->rtt_count > 0 && before->rtt_count > 0)
		(void)snprintf(rtt, sizeof(rtt), ", round trip at most %s (%s before)",
			       duration_us(since->rtt_us, now), duration_us(before->rtt_us, then));
	(void)snprintf(buffer, size, "%s%s, %s%s, %" PRIu64 " retransmit%s%s",
		       connect_words(figures, connect, sizeof(connect)), count,
		       failed_words(since, failed, sizeof(failed)), unreached,
		       since->retransmit_count, plural(since->retransmit_count), rtt);
	return buffer;
}

void rival_rule_network(const struct rival_figures *figures, struct rival_ruling *out)
{
	const struct meter_figures *since = &figures->since;
	char words[sizeof(out->text)], connect[64], failed[48];
	bool is_bad = rival_network_is_bad(figures);
	bool is_refusal = all_are_refused(since);

	(void)path_words(figures, words, sizeof(words));
	if (is_bad && figures->other_bad_count > 0)
		rival_say(out, RULING_RULED_IN,
			  "%.120s; %u of %u pools to other endpoints suffer too", words,
			  figures->other_bad_count, figures->other_count);
	else if (is_bad && figures->other_count > 0)
		rival_say(
			out, RULING_CANNOT_TELL,
			"%.110s; none of %u pools to other endpoints suffers: this path or server",
			words, figures->other_count);
	else if (is_bad)
		rival_say(out, RULING_CANNOT_TELL, "%.120s; no other endpoint to compare with",
			  words);
	else if (!path_was_used(figures))
		rival_say(out, RULING_CANNOT_TELL, "%.120s: too little to judge the path by",
			  words);
	else if (figures->lost_count > 0)
		rival_say(out, RULING_CANNOT_TELL,
			  "%.110s; %" PRIu64 " lost records can hide failures", words,
			  figures->lost_count);
	else if (path_is_sound(figures)) {
		rival_say(out, RULING_RULED_OUT, "%s", words);
		rival_brief(out, "%s%s%s", connect_words(figures, connect, sizeof(connect)),
			    is_refusal ? "" : ", ",
			    is_refusal ? "" : failed_words(since, failed, sizeof(failed)));
	} else {
		rival_say(out, RULING_CANNOT_TELL, "%s", words);
	}
}

/* --- the database ----------------------------------------------------------------------------- */

/*
 * What speaks against an exchange time that is as it was; "" = nothing. Of an exchange only the
 * last before a look is seen, and a pool that ends each use with a rollback shows the time of that.
 */
static const char *doubt_words(const struct rival_figures *figures, char *buffer, size_t size)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;
	char now[RIVAL_DURATION_SIZE], then[RIVAL_DURATION_SIZE], change[RIVAL_CHANGE_SIZE];

	buffer[0] = '\0';
	if (round_trip_has_risen(figures, SLOW_FACTOR))
		(void)snprintf(buffer, size, "; but the round trip has risen too");
	else if (has_risen(since->rtt_us, before->rtt_us, SLOW_FACTOR))
		(void)snprintf(buffer, size, "; but the server acknowledges after %s, %s before",
			       duration_us(since->rtt_us, now), duration_us(before->rtt_us, then));
	else if (service_ratio(figures) >= SLOW_FACTOR)
		(void)snprintf(buffer, size, "; but time for the same payload %s",
			       rival_change(service_ratio(figures), change));
	return buffer;
}

static void rule_exchange(const struct rival_figures *figures, struct rival_ruling *out)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;
	char now[RIVAL_DURATION_SIZE], then[RIVAL_DURATION_SIZE], change[RIVAL_CHANGE_SIZE];
	enum ruling ruling = RULING_CANNOT_TELL;
	double ratio = since->exchange_us / before->exchange_us;
	char doubt[96] = "";

	if (ratio < SLOW_FACTOR || round_trip_has_risen(figures, SLOW_FACTOR))
		(void)doubt_words(figures, doubt, sizeof(doubt));
	if (ratio >= SLOW_FACTOR && doubt[0] == '\0')
		ruling = RULING_RULED_IN;
	else if (ratio < SAME_FACTOR && figures->owed_count < RIVAL_EVENTS_MIN && doubt[0] == '\0')
		ruling = RULING_RULED_OUT;
	rival_say(out, ruling,
		  "exchange time %s, %s before (%s; %" PRIu64 " and %" PRIu64
		  " exchanges); %u answers owed for long%s",
		  duration_us(since->exchange_us, now), duration_us(before->exchange_us, then),
		  rival_change(ratio, change), since->exchange_count, before->exchange_count,
		  figures->owed_count, doubt);
	rival_brief(out, "exchange time %s", change);
}

static void rule_service(const struct rival_figures *figures, struct rival_ruling *out)
{
	const struct meter_figures *before = &figures->before, *since = &figures->since;
	double ratio = service_ratio(figures);
	enum ruling ruling = RULING_CANNOT_TELL;
	char change[RIVAL_CHANGE_SIZE], sent[RIVAL_CHANGE_SIZE];

	if (ratio >= SLOW_FACTOR && !round_trip_has_risen(figures, SLOW_FACTOR))
		ruling = RULING_RULED_IN;
	else if (ratio < SAME_FACTOR)
		ruling = RULING_RULED_OUT;
	(void)rival_change(ratio, change);
	(void)rival_change(since->sent_bytes_per_second / before->sent_bytes_per_second, sent);
	rival_say(out, ruling,
		  "time for the same payload %s: %.1f connections owed an answer on average, %.1f "
		  "before, at payload sent %s",
		  change, since->busy * since->open_max, before->busy * before->open_max, sent);
	rival_brief(out, "time for the same payload %s", change);
}

void rival_rule_database(const struct rival_figures *figures, struct rival_ruling *out)
{
	uint32_t live_count = figures->open_count - figures->stale_count;

	if (figures->owed_count >= RIVAL_EVENTS_MIN && 2 * figures->owed_count >= live_count &&
	    !rival_path_is_bad(&figures->since)) {
		rival_say(
			out, RULING_RULED_IN,
			"%u of the %u connections that are not silent have been owed an answer for "
			"long",
			figures->owed_count, live_count);
		return;
	}
	if (!rival_has_history(figures, out) || !rival_has_clock(figures, out))
		return;
	if (figures->before.exchange_count >= EXCHANGE_MIN &&
	    figures->since.exchange_count >= EXCHANGE_MIN)
		rule_exchange(figures, out);
	else if (!isnan(service_ratio(figures)))
		rule_service(figures, out);
	else
		rival_say(out, RULING_CANNOT_TELL,
			  "too few exchanges to compare: %" PRIu64 " since the evidence began, "
			  "%" PRIu64 " before",
			  figures->since.exchange_count, figures->before.exchange_count);
}
