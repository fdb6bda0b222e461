// SPDX-License-Identifier: Apache-2.0
/*
 * A figure that can be seen without being read.
 *
 * Invariant: what is there is seen, be it ever so little, and full is full only when it is.
 * Does not know what is shown.
 */
#include "gauge.h"

#include <math.h>
#include <string.h>

#include "core/plot.h"

#define EIGHTHS 8

static void append(char *buffer, size_t size, size_t *used, const char *mark)
{
	size_t length = strlen(mark);

	if (size - *used <= length)
		return;
	memcpy(buffer + *used, mark, length + 1);
	*used += length;
}

/* Eighths of width columns that are filled. */
static uint32_t filled(double share, uint32_t width)
{
	double eighths = floor(share * width * EIGHTHS);

	if (!(share > 0))
		return 0;
	if (share >= 1)
		return width * EIGHTHS;
	return eighths < 1 ? 1 : (uint32_t)eighths;
}

const char *gauge_bar(double share, uint32_t width, bool utf8, char *buffer, size_t size)
{
	static const char *const parts[EIGHTHS] = {"",	     "\u258f", "\u258e", "\u258d",
						   "\u258c", "\u258b", "\u258a", "\u2589"};
	uint32_t eighths;
	size_t used = 0;

	if (!size)
		return buffer;
	buffer[0] = '\0';
	if (width > GAUGE_COLUMNS_MAX)
		width = GAUGE_COLUMNS_MAX;
	eighths = filled(share, width);
	for (uint32_t i = 0; i < width; i++, eighths -= eighths < EIGHTHS ? eighths : EIGHTHS) {
		if (eighths >= EIGHTHS)
			append(buffer, size, &used, utf8 ? "\u2588" : "#");
		else if (utf8)
			append(buffer, size, &used, eighths ? parts[eighths] : "\u2591");
		else /* half a column and more is one, and so is the first bit */
			append(buffer, size, &used,
			       eighths >= EIGHTHS / 2 || (eighths && i == 0) ? "#" : "-");
	}
	return buffer;
}

const char *gauge_spark(const uint32_t *values, uint32_t count, uint32_t width, bool utf8,
			char *buffer, size_t size)
{
	uint32_t step, top = 0, first;
	size_t used = 0;

	if (!size)
		return buffer;
	buffer[0] = '\0';
	if (!width || !count)
		return buffer;
	step = (count + width - 1) / width;
	for (uint32_t i = 0; i < count; i++)
		if (values[i] != UINT32_MAX && values[i] > top)
			top = values[i];
	/* The last column is a whole one: what is over belongs to the first. */
	first = count % step;
	for (uint32_t i = 0; i < count; i = i ? i + step : (first ? first : step)) {
		uint32_t end = i ? i + step : (first ? first : step), highest = UINT32_MAX;

		for (uint32_t k = i; k < end; k++)
			if (values[k] != UINT32_MAX &&
			    (highest == UINT32_MAX || values[k] > highest))
				highest = values[k];
		append(buffer, size, &used,
		       highest == UINT32_MAX ? " " : plot_mark(plot_level(highest, top), utf8));
	}
	return buffer;
}
