// SPDX-License-Identifier: Apache-2.0
/*
 * Where to in a recording: after an outage one knows the time of day, in front of the screen one
 * wants a bit back.
 *
 * Invariant: the moment lies within the recording.
 * Does not go there (cli/player.c).
 */
#include "seek.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "number.h"

#define DAY_S 86400

static uint64_t clamp(double t_ns, const struct seek_place *place)
{
	if (!(t_ns > (double)place->begin_ns))
		return place->begin_ns;
	if (place->end_ns && t_ns >= (double)place->end_ns)
		return place->end_ns;
	return t_ns < 9e18 ? (uint64_t)t_ns : (uint64_t)9e18;
}

/* Two digits at *text, below limit, and what stands behind them. */
static bool read_two(const char **text, unsigned int limit, unsigned int *ret_number)
{
	const char *at = *text;

	if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
		return false;
	*ret_number = (unsigned int)(at[0] - '0') * 10 + (unsigned int)(at[1] - '0');
	*text = at + 2;
	return *ret_number < limit;
}

/* Seconds since midnight; false where it is no time of day. */
static bool read_clock(const char *text, unsigned int *ret_seconds)
{
	unsigned int hours, minutes, seconds = 0;

	if (!read_two(&text, 24, &hours) || *text++ != ':' || !read_two(&text, 60, &minutes))
		return false;
	if (*text == ':') {
		text++;
		if (!read_two(&text, 60, &seconds))
			return false;
	}
	*ret_seconds = hours * 3600 + minutes * 60 + seconds;
	return *text == '\0';
}

static uint64_t at_clock(unsigned int seconds, const struct seek_place *place)
{
	uint64_t begin_s =
		(place->begin_ns + (uint64_t)place->realtime_at_zero_ns) / NS_PER_SEC % DAY_S;
	uint64_t ahead_s = (seconds + DAY_S - begin_s) % DAY_S;

	return clamp((double)place->begin_ns + (double)ahead_s * NS_PER_SEC, place);
}

static int refuse(const char *text, const char *what, char *ret_error, size_t error_size)
{
	char safe[64];

	(void)snprintf(ret_error, error_size, "'%s' %s",
		       format_safe(text, SIZE_MAX, safe, sizeof(safe)), what);
	return -EINVAL;
}

int seek_parse(const char *text, const struct seek_place *place, uint64_t *ret_t_ns,
	       char *ret_error, size_t error_size)
{
	unsigned int clock;
	double seconds, share;

	if ((text[0] == '+' || text[0] == '-') && number_parse(text + 1, false, &seconds)) {
		double step_ns = (text[0] == '-' ? -seconds : seconds) * NS_PER_SEC;

		*ret_t_ns = clamp((double)place->now_ns + step_ns, place);
		return 0;
	}
	if (!strncmp(text, "t=", 2) && number_parse(text + 2, false, &seconds)) {
		*ret_t_ns = clamp(seconds * NS_PER_SEC, place);
		return 0;
	}
	if (read_clock(text, &clock)) {
		if (!place->realtime_at_zero_ns)
			return refuse(text,
				      "cannot be found: the recording does not say what time "
				      "it was; write t=SECONDS",
				      ret_error, error_size);
		*ret_t_ns = at_clock(clock, place);
		return 0;
	}
	if (strchr(text, '%') && number_parse(text, true, &share) && share <= 100) {
		if (!place->end_ns)
			return refuse(text,
				      "cannot be found: it is not known how long the "
				      "recording is",
				      ret_error, error_size);
		*ret_t_ns = clamp((double)place->begin_ns +
					  share / 100 * (double)(place->end_ns - place->begin_ns),
				  place);
		return 0;
	}
	return refuse(text, "is no moment: write 14:02, t=830, +5m, -30s or 50%", ret_error,
		      error_size);
}
