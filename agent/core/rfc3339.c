/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a trace says when its clock was zero; written and read here by counting days, since
 * the calendar functions of the C library go by the zone of the machine they run on.
 *
 * Invariant: rfc3339_parse() of what rfc3339_format() wrote gives the same nanosecond.
 *
 * It knows the Gregorian calendar and fixed offsets, not zones, and a leap second as the second
 * after it.
 */
#include "rfc3339.h"

#include <stdio.h>
#include <string.h>

/* From March 1st of year 0, where the count of days begins, to January 1st of 1970. */
#define DAYS_TO_1970 719468

/* Exactly count digits; moves *at. */
static bool take_digits(const char **at, int count, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < count; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		number = number * 10 + (**at - '0');
	}
	*ret_number = number;
	return true;
}

static bool take_literal(const char **at, const char *choices)
{
	if (!**at || !strchr(choices, **at))
		return false;
	(*at)++;
	return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, from March so that leap days are last.
 */
static int64_t days_of_date(int year, int month, int day)
{
	int64_t y = month > 2 ? year : year - 1;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return y * 365 + y / 4 - y / 100 + y / 400 + of_year - DAYS_TO_1970;
}

static int days_of_month(int year, int month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* "Z" or "+02:00" at the end; seconds east of Greenwich. */
static bool take_zone(const char **at, int64_t *ret_offset)
{
	int hours, minutes, sign = **at == '-' ? -1 : 1;

	*ret_offset = 0;
	if (take_literal(at, "Zz"))
		return !**at;
	if (!take_literal(at, "+-") || !take_digits(at, 2, &hours) || !take_literal(at, ":") ||
	    !take_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_offset = sign * (hours * 3600 + minutes * 60);
	return !**at;
}

bool rfc3339_parse(const char *text, int64_t *ret_unix_ns, int32_t *ret_offset_s)
{
	int year, month, day, hour, minute, second;
	int64_t seconds, offset, fraction = 0;

	if (!take_digits(&text, 4, &year) || !take_literal(&text, "-") ||
	    !take_digits(&text, 2, &month) || !take_literal(&text, "-") ||
	    !take_digits(&text, 2, &day) || !take_literal(&text, "Tt ") ||
	    !take_digits(&text, 2, &hour) || !take_literal(&text, ":") ||
	    !take_digits(&text, 2, &minute) || !take_literal(&text, ":") ||
	    !take_digits(&text, 2, &second))
		return false;
	if (take_literal(&text, ".")) {
		int64_t scale = (int64_t)NS_PER_SEC;
		int digit;

		if (*text < '0' || *text > '9')
			return false;
		while (take_digits(&text, 1, &digit))
			fraction += digit * (scale /= 10);
	}
	if (!take_zone(&text, &offset) || year < 1970 || year > 2250 || month < 1 || month > 12 ||
	    day < 1 || day > days_of_month(year, month) || hour > 23 || minute > 59 || second > 60)
		return false;
	seconds = days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
		  offset;
	if (seconds < 0)
		return false;
	*ret_unix_ns = seconds * (int64_t)NS_PER_SEC + fraction;
	*ret_offset_s = (int32_t)offset;
	return true;
}

static void format_zone(int32_t offset_s, char *buffer, size_t size)
{
	unsigned int minutes = (unsigned int)(offset_s < 0 ? -offset_s : offset_s) / 60;

	if (minutes)
		(void)snprintf(buffer, size, "%c%02u:%02u", offset_s < 0 ? '-' : '+',
			       minutes / 60 % 24, minutes % 60);
	else
		(void)snprintf(buffer, size, "Z");
}

const char *rfc3339_format(uint64_t unix_ns, int32_t offset_s, char *buffer, size_t size)
{
	int64_t local = (int64_t)(unix_ns / NS_PER_SEC) + offset_s / 60 * 60;
	uint64_t seconds = local > 0 ? (uint64_t)local : 0, days = seconds / 86400 + DAYS_TO_1970;
	uint64_t era = days / 146097, of_era = days % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153; /* 0 = March */
	uint64_t day = of_year - (153 * month + 2) / 5 + 1;
	char fraction[12] = "", zone[8];
	size_t length;

	if (unix_ns % NS_PER_SEC) {
		(void)snprintf(fraction, sizeof(fraction), ".%09u",
			       (unsigned int)(unix_ns % NS_PER_SEC));
		for (length = strlen(fraction); fraction[length - 1] == '0'; length--)
			fraction[length - 1] = '\0';
	}
	format_zone(offset_s, zone, sizeof(zone));
	year += era * 400 + (month >= 10);
	(void)snprintf(buffer, size, "%04u-%02u-%02uT%02u:%02u:%02u%s%s", (unsigned int)year,
		       (unsigned int)(month < 10 ? month + 3 : month - 9), (unsigned int)day,
		       (unsigned int)(seconds / 3600 % 24), (unsigned int)(seconds / 60 % 60),
		       (unsigned int)(seconds % 60), fraction, zone);
	return buffer;
}
