/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two text formats that Prometheus reads, as far as they differ: a page that grows line by
 * line.
 */
#ifndef CONNLEAK_SINKS_EXPOSITION_H
#define CONNLEAK_SINKS_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/histogram.h"

enum exposition_format {
	EXPOSITION_CLASSIC, /* text/plain; version=0.0.4 */
	EXPOSITION_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};

enum exposition_type { EXPOSITION_GAUGE, EXPOSITION_COUNTER, EXPOSITION_HISTOGRAM };

/* name is one of the contract, value any bytes: it is escaped, and cleaned where it is not UTF-8.
 */
struct exposition_label {
	const char *name;
	const char *value;
};

struct exposition {
	enum exposition_format format;
	char *text; /* owned; NULL = nothing yet */
	size_t used, capacity;
	bool is_out_of_memory; /* then text is not whole */
	const char *family; /* the one whose samples follow */
	enum exposition_type type;
};

/* "application/openmetrics-text; ..." */
const char *exposition_content_type(enum exposition_format format);

/*
 * Begins a family. name is without "_total"; unit is the last word of the name, or NULL. All
 * samples of a family follow its beginning. Strings are borrowed until the next one.
 */
void exposition_family(struct exposition *page, const char *name, enum exposition_type type,
		       const char *unit, const char *help);

/* A sample of the family; a counter's name gets its "_total". */
void exposition_count(struct exposition *page, const struct exposition_label *labels, size_t count,
		      uint64_t value);
void exposition_real(struct exposition *page, const struct exposition_label *labels, size_t count,
		     double value);
void exposition_histogram(struct exposition *page, const struct exposition_label *labels,
			  size_t count, const struct histogram *histogram,
			  const struct histogram_scale *scale);

/*
 * Ends the page. Returns 0 with the text (with a NUL behind it), which is the caller's to free, or
 * -ENOMEM. The page is empty then in any case.
 */
int exposition_finish(struct exposition *page, char **ret_text, size_t *ret_size);

#endif
