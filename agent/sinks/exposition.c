// SPDX-License-Identifier: Apache-2.0
/*
 * OpenMetrics is what Prometheus asks for, the older text is what everything else and a person with
 * curl gets; both from one description, so that they cannot say different things.
 *
 * Invariant: what comes out is valid whatever bytes the values of labels are made of; a line is
 * whole or the page is refused.
 * It does not know any metric.
 */
#include "exposition.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"

#define GROW_BYTES 65536UL
#define LABELS_MAX 12
#define NUMBER_SIZE 32

const char *exposition_content_type(enum exposition_format format)
{
	return format == EXPOSITION_OPENMETRICS
		       ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		       : "text/plain; version=0.0.4; charset=utf-8";
}

static void put_bytes(struct exposition *page, const char *bytes, size_t length)
{
	if (page->capacity - page->used <= length) {
		size_t capacity = page->capacity * 2 + length + GROW_BYTES;
		char *text = page->is_out_of_memory ? NULL : realloc(page->text, capacity);

		if (!text) {
			page->is_out_of_memory = true;
			return;
		}
		page->text = text;
		page->capacity = capacity;
	}
	memcpy(page->text + page->used, bytes, length);
	page->used += length;
	page->text[page->used] = '\0';
}

static void put(struct exposition *page, const char *text)
{
	put_bytes(page, text, strlen(text));
}

/* The three characters that both formats escape in the value of a label. */
static void put_value(struct exposition *page, const char *value)
{
	size_t length = strlen(value), step;
	uint32_t code;

	for (size_t i = 0; i < length; i += step) {
		step = utf8_decode(value + i, length - i, &code);
		if (step == 0) {
			put(page, "\xef\xbf\xbd");
			step = 1;
		} else if (value[i] == '\\') {
			put(page, "\\\\");
		} else if (value[i] == '"') {
			put(page, "\\\"");
		} else if (value[i] == '\n') {
			put(page, "\\n");
		} else {
			put_bytes(page, value + i, step);
		}
	}
}

void exposition_family(struct exposition *page, const char *name, enum exposition_type type,
		       const char *unit, const char *help)
{
	static const char *const types[] = {
		[EXPOSITION_GAUGE] = "gauge",
		[EXPOSITION_COUNTER] = "counter",
		[EXPOSITION_HISTOGRAM] = "histogram",
	};
	bool is_open = page->format == EXPOSITION_OPENMETRICS;
	/* OpenMetrics names the family, the older format the series. */
	const char *suffix = type == EXPOSITION_COUNTER && !is_open ? "_total" : "";

	page->family = name;
	page->type = type;
	put(page, "# HELP ");
	put(page, name);
	put(page, suffix);
	put(page, " ");
	put(page, help);
	put(page, "\n# TYPE ");
	put(page, name);
	put(page, suffix);
	put(page, " ");
	put(page, types[type]);
	put(page, "\n");
	if (!unit || !is_open)
		return;
	put(page, "# UNIT ");
	put(page, name);
	put(page, " ");
	put(page, unit);
	put(page, "\n");
}

static void put_labels(struct exposition *page, const struct exposition_label *labels, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		put(page, i == 0 ? "{" : ",");
		put(page, labels[i].name);
		put(page, "=\"");
		put_value(page, labels[i].value);
		put(page, "\"");
	}
	if (count > 0)
		put(page, "}");
}

static void put_sample(struct exposition *page, const char *suffix,
		       const struct exposition_label *labels, size_t count, const char *number)
{
	put(page, page->family);
	put(page, suffix);
	put_labels(page, labels, count);
	put(page, " ");
	put(page, number);
	put(page, "\n");
}

static const char *count_text(uint64_t value, char buffer[static NUMBER_SIZE])
{
	(void)snprintf(buffer, NUMBER_SIZE, "%" PRIu64, value);
	return buffer;
}

/* The locale is that of C: the program sets LC_CTYPE only. */
static const char *real_text(double value, char buffer[static NUMBER_SIZE])
{
	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value > 0 ? "+Inf" : "-Inf";
	(void)snprintf(buffer, NUMBER_SIZE, "%.15g", value);
	return buffer;
}

/* Bounds are part of a series' name, so they look the same in both formats: with a point. */
static const char *bound_text(double bound, char buffer[static NUMBER_SIZE])
{
	(void)snprintf(buffer, NUMBER_SIZE, bound == floor(bound) ? "%.1f" : "%.15g", bound);
	return buffer;
}

void exposition_count(struct exposition *page, const struct exposition_label *labels, size_t count,
		      uint64_t value)
{
	char number[NUMBER_SIZE];

	put_sample(page, page->type == EXPOSITION_COUNTER ? "_total" : "", labels, count,
		   count_text(value, number));
}

void exposition_real(struct exposition *page, const struct exposition_label *labels, size_t count,
		     double value)
{
	char number[NUMBER_SIZE];

	put_sample(page, page->type == EXPOSITION_COUNTER ? "_total" : "", labels, count,
		   real_text(value, number));
}

void exposition_histogram(struct exposition *page, const struct exposition_label *labels,
			  size_t count, const struct histogram *histogram,
			  const struct histogram_scale *scale)
{
	struct exposition_label bucket[LABELS_MAX];
	char number[NUMBER_SIZE], bound[NUMBER_SIZE];
	uint64_t sum = 0;

	if (count >= LABELS_MAX)
		return;
	if (count > 0)
		memcpy(bucket, labels, count * sizeof(*labels));
	bucket[count].name = "le";
	bucket[count].value = bound;
	for (uint32_t i = 0; i < scale->bucket_count; i++) {
		sum += histogram->counts[i];
		(void)bound_text(scale->bounds_s[i], bound);
		put_sample(page, "_bucket", bucket, count + 1, count_text(sum, number));
	}
	bucket[count].value = "+Inf";
	put_sample(page, "_bucket", bucket, count + 1, count_text(histogram->count, number));
	put_sample(page, "_sum", labels, count, real_text(histogram->sum_s, number));
	put_sample(page, "_count", labels, count, count_text(histogram->count, number));
}

int exposition_finish(struct exposition *page, char **ret_text, size_t *ret_size)
{
	put(page, page->format == EXPOSITION_OPENMETRICS ? "# EOF\n" : "");
	if (page->is_out_of_memory || !page->text) {
		free(page->text);
		*page = (struct exposition){.format = page->format};
		return -ENOMEM;
	}
	*ret_text = page->text;
	*ret_size = page->used;
	*page = (struct exposition){.format = page->format};
	return 0;
}
