/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words by which rows of a sample are chosen: `pod:orders db:postgresql stale>5`.
 *
 *	word		in any name of the row, capitals or not
 *	field:word	in that name; field:one|two: either
 *	field>number	also <, >=, <=, =, !=; 5m and 2h are times, 80% is 80
 *	!term		not so
 *	"two words"	as one
 *
 * All terms have to hold. What is unknown matches no comparison.
 */
#ifndef CONNLEAK_SCREEN_FILTER_H
#define CONNLEAK_SCREEN_FILTER_H

#include "sample.h"

#define FILTER_TEXT_MAX 1024 /* bytes */
#define FILTER_TERMS_MAX 32

struct filter;

/*
 * Compiles text; "" matches every row. Returns 0; -EINVAL with a sentence in ret_error that names
 * the offending word, safe for a terminal; or -ENOMEM. Free with filter_free(), which accepts NULL.
 */
int filter_parse(const char *text, struct filter **ret_filter, char *ret_error, size_t error_size);
void filter_free(struct filter *filter);

/* NULL matches every row. */
bool filter_matches(const struct filter *filter, const struct sample_row *row);

/* "pod, ns, ..." and "open, busy, ...": for help and for messages. */
#define FILTER_NAMES                                                                               \
	"pid comm workload ns pod container unit exe db endpoint remote site verdict sev"
#define FILTER_FIGURES                                                                             \
	"open busy idle stale connecting peer_closed limit fill opens closes fails left port"

#endif
