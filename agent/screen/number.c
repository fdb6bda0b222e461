// SPDX-License-Identifier: Apache-2.0
/*
 * One way to read a number for everything that is typed on the screen. strtod() alone would take
 * "inf", "nan", "0x10" and leading blanks.
 *
 * Invariant: *ret_number is finite and not negative; a text is read whole or refused.
 */
#include "number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool number_parse(const char *text, bool may_be_percent, double *ret_number)
{
	static const struct {
		const char *unit;
		double factor;
	} units[] = {{"", 1},	  {"s", 1},	{"m", 60}, {"min", 60},
		     {"h", 3600}, {"d", 86400}, {"%", 1}};
	size_t unit_count = sizeof(units) / sizeof(units[0]) - !may_be_percent;
	char *end;
	double number;

	if (!((text[0] >= '0' && text[0] <= '9') || text[0] == '.'))
		return false;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return false;
	number = strtod(text, &end);
	if (end == text)
		return false;
	for (size_t i = 0; i < unit_count; i++) {
		if (strcmp(end, units[i].unit) != 0 || !isfinite(number * units[i].factor))
			continue;
		*ret_number = number * units[i].factor;
		return true;
	}
	return false;
}
