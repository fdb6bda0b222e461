// SPDX-License-Identifier: Apache-2.0
/*
 * Of 5,000 pools one wants the twenty of one deployment, or those with stale ones: in the words
 * that the screen's own columns have, typed while it goes on.
 *
 * Invariant: a filter that has been parsed matches in O(terms) without allocating. Does not sort.
 */
#include "filter.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "number.h"

enum comparison { NO_COMPARISON, BELOW, AT_MOST, EQUAL, NOT_EQUAL, AT_LEAST, ABOVE };

struct field {
	const char *name, *other_name;
	/* NULL: a figure. The result lives as long as row and buffer. */
	const char *(*text)(const struct sample_row *row, char *buffer, size_t size);
	double (*figure)(const struct sample_row *row); /* NULL: a name; NAN = unknown */
};

struct term {
	const struct field *field; /* NULL: any name */
	enum comparison comparison;
	bool is_negated;
	double number;
	char *word; /* lower case; alternatives are divided by '|'; owned by the filter's text */
};

struct filter {
	struct term terms[FILTER_TERMS_MAX];
	unsigned int count;
	char text[FILTER_TEXT_MAX]; /* the words, each with its NUL */
	size_t used;
};

/* --- the fields of a row ---------------------------------------------------------------------- */

#define NAME_FIELD(member)                                                                         \
	static const char *member##_text(const struct sample_row *row, char *buffer, size_t size)  \
	{                                                                                          \
		(void)buffer;                                                                      \
		(void)size;                                                                        \
		return row->member;                                                                \
	}
#define FIGURE_FIELD(name, expression)                                                             \
	static double name##_figure(const struct sample_row *row)                                  \
	{                                                                                          \
		return expression;                                                                 \
	}

NAME_FIELD(comm)
NAME_FIELD(workload)
NAME_FIELD(namespace)
NAME_FIELD(pod)
NAME_FIELD(container)
NAME_FIELD(unit)
NAME_FIELD(exe)
NAME_FIELD(database)
NAME_FIELD(endpoint)
FIGURE_FIELD(open, row->open_count)
FIGURE_FIELD(busy, row->busy_count)
FIGURE_FIELD(idle, row->idle_count)
FIGURE_FIELD(stale, row->stale_count)
FIGURE_FIELD(connecting, row->connecting_count)
FIGURE_FIELD(peer_closed, row->peer_closed_count)
FIGURE_FIELD(limit, row->limit ? (double)row->limit : NAN)
FIGURE_FIELD(fill, row->limit ? 100.0 * row->open_count / (double)row->limit : NAN)
FIGURE_FIELD(opens, row->opens_per_s)
FIGURE_FIELD(closes, row->closes_per_s)
FIGURE_FIELD(fails, row->fails_per_s)
FIGURE_FIELD(left, row->verdict.id ? row->verdict.exhausts_in_s : NAN)
FIGURE_FIELD(port, row->remote.port)
FIGURE_FIELD(pid, row->client.pid)

static const char *pid_text(const struct sample_row *row, char *buffer, size_t size)
{
	(void)snprintf(buffer, size, "%u", row->client.pid);
	return buffer;
}

static const char *remote_text(const struct sample_row *row, char *buffer, size_t size)
{
	return format_netaddr(&row->remote, buffer, size);
}

static const char *verdict_text(const struct sample_row *row, char *buffer, size_t size)
{
	if (!row->verdict.id)
		return "none";
	(void)snprintf(buffer, size, "%s%s",
		       row->verdict.state == VERDICT_SUSPECT ? "suspect " : "",
		       verdict_kind_name(row->verdict.kind));
	return buffer;
}

static const char *severity_text(const struct sample_row *row, char *buffer, size_t size)
{
	(void)buffer;
	(void)size;
	return row->verdict.id ? severity_name(row->verdict.severity) : "none";
}

/* Stands for all sites: matched one by one. */
static const char *site_text(const struct sample_row *row, char *buffer, size_t size)
{
	(void)buffer;
	(void)size;
	return row->site_count ? row->sites[0].site : NULL;
}

static const struct field fields[] = {
	{"pid", "pid", pid_text, pid_figure},
	{"comm", "command", comm_text, NULL},
	{"workload", "wl", workload_text, NULL},
	{"ns", "namespace", namespace_text, NULL},
	{"pod", "pod", pod_text, NULL},
	{"container", "ct", container_text, NULL},
	{"unit", "unit", unit_text, NULL},
	{"exe", "exe", exe_text, NULL},
	{"db", "database", database_text, NULL},
	{"endpoint", "ep", endpoint_text, NULL},
	{"remote", "addr", remote_text, NULL},
	{"site", "site", site_text, NULL},
	{"verdict", "kind", verdict_text, NULL},
	{"sev", "severity", severity_text, NULL},
	{"open", "open", NULL, open_figure},
	{"busy", "busy", NULL, busy_figure},
	{"idle", "idle", NULL, idle_figure},
	{"stale", "stale", NULL, stale_figure},
	{"connecting", "connecting", NULL, connecting_figure},
	{"peer_closed", "close_wait", NULL, peer_closed_figure},
	{"limit", "limit", NULL, limit_figure},
	{"fill", "used", NULL, fill_figure},
	{"opens", "opens/s", NULL, opens_figure},
	{"closes", "closes/s", NULL, closes_figure},
	{"fails", "fails/s", NULL, fails_figure},
	{"left", "exhausts", NULL, left_figure},
	{"port", "port", NULL, port_figure},
};

#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

static const struct field *find_field(const char *name, size_t length)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if ((strlen(fields[i].name) == length && !memcmp(fields[i].name, name, length)) ||
		    (strlen(fields[i].other_name) == length &&
		     !memcmp(fields[i].other_name, name, length)))
			return &fields[i];
	return NULL;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int refuse(char *ret_error, size_t error_size, const char *word, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int refuse(char *ret_error, size_t error_size, const char *word, const char *format, ...)
{
	char safe[80], what[240];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	(void)snprintf(ret_error, error_size, "'%s' %s",
		       format_safe(word, SIZE_MAX, safe, sizeof(safe)), what);
	return -EINVAL;
}

/* ASCII only: what is not ASCII is compared as it is. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * Copies the next word of *text without its quotes, lower case, behind what is used. Quoted bytes
 * are no operators: *ret_plain counts the bytes before the first of them.
 */
static char *next_word(struct filter *filter, const char **text, size_t *ret_plain)
{
	const char *in = *text;
	char *word = filter->text + filter->used, *out = word;
	bool is_quoted = false, was_quoted = false;

	while (*in == ' ' || *in == '\t')
		in++;
	*text = in;
	if (!*in)
		return NULL;
	for (; *in && (is_quoted || (*in != ' ' && *in != '\t')); in++) {
		if (*in != '"') {
			*out++ = lower(*in);
			continue;
		}
		if (!was_quoted)
			*ret_plain = (size_t)(out - word);
		is_quoted = !is_quoted;
		was_quoted = true;
	}
	if (!was_quoted)
		*ret_plain = (size_t)(out - word);
	*out++ = '\0';
	filter->used += (size_t)(out - word);
	*text = in;
	return word;
}

static enum comparison read_operator(const char *at, size_t *ret_length)
{
	static const struct {
		const char *sign;
		enum comparison comparison;
	} signs[] = {{">=", AT_LEAST}, {"<=", AT_MOST}, {"!=", NOT_EQUAL},
		     {">", ABOVE},     {"<", BELOW},	{"=", EQUAL}};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (!strncmp(at, signs[i].sign, strlen(signs[i].sign))) {
			*ret_length = strlen(signs[i].sign);
			return signs[i].comparison;
		}
	return NO_COMPARISON;
}

static int read_figure(struct term *term, const char *word, size_t name_length, char *ret_error,
		       size_t error_size)
{
	size_t sign_length = 0;

	term->comparison = read_operator(word + name_length, &sign_length);
	term->field = find_field(word, name_length);
	if (!term->field)
		return refuse(ret_error, error_size, word,
			      "compares no figure that there is; figures are: " FILTER_FIGURES);
	if (!term->field->figure)
		return refuse(ret_error, error_size, word, "compares a name: write %s:WORD",
			      term->field->name);
	if (!number_parse(word + name_length + sign_length, true, &term->number))
		return refuse(ret_error, error_size, word, "has no number behind the sign");
	return 0;
}

static int read_name(struct term *term, char *word, size_t name_length, char *ret_error,
		     size_t error_size)
{
	term->field = find_field(word, name_length);
	term->word = word + name_length + 1;
	if (!term->field)
		return refuse(ret_error, error_size, word,
			      "names no field that there is; fields are: " FILTER_NAMES);
	if (!term->field->text) {
		term->comparison = EQUAL;
		if (!number_parse(term->word, true, &term->number))
			return refuse(ret_error, error_size, word,
				      "asks a figure for a word: write %s>5", term->field->name);
		return 0;
	}
	if (!term->word[0])
		return refuse(ret_error, error_size, word, "has nothing behind the colon");
	return 0;
}

/* An address has colons of its own: what stands before the first has to be letters. */
static bool is_field_name(const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!((word[i] >= 'a' && word[i] <= 'z') || word[i] == '_' || word[i] == '/'))
			return false;
	return length > 0;
}

static int read_term(struct term *term, char *word, size_t plain, char *ret_error,
		     size_t error_size)
{
	size_t length;

	if (word[0] == '!' && plain > 0) {
		term->is_negated = true;
		word++;
		plain--;
	}
	if (!word[0])
		return refuse(ret_error, error_size, term->is_negated ? "!" : "\"\"",
			      "says nothing to look for");
	length = strcspn(word, ":<>=!");
	if (length >= plain || !is_field_name(word, length)) {
		term->word = word;
		return 0;
	}
	if (word[length] == ':')
		return read_name(term, word, length, ret_error, error_size);
	if (word[length] == '!' && word[length + 1] != '=') {
		term->word = word;
		return 0;
	}
	return read_figure(term, word, length, ret_error, error_size);
}

int filter_parse(const char *text, struct filter **ret_filter, char *ret_error, size_t error_size)
{
	struct filter *filter;
	size_t plain = 0;
	char *word;
	int r = 0;

	if (strlen(text) >= FILTER_TEXT_MAX)
		return refuse(ret_error, error_size, "filter", "is longer than %d bytes",
			      FILTER_TEXT_MAX - 1);
	filter = calloc(1, sizeof(*filter));
	if (!filter)
		return -ENOMEM;
	while (r == 0 && (word = next_word(filter, &text, &plain))) {
		if (filter->count == FILTER_TERMS_MAX)
			r = refuse(ret_error, error_size, word,
				   "is one word too many: %d are taken", FILTER_TERMS_MAX);
		else
			r = read_term(&filter->terms[filter->count++], word, plain, ret_error,
				      error_size);
	}
	if (r < 0) {
		filter_free(filter);
		return r;
	}
	*ret_filter = filter;
	return 0;
}

void filter_free(struct filter *filter)
{
	free(filter);
}

/* --- matching --------------------------------------------------------------------------------- */

static bool begins_with(const char *text, const char *word, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (lower(text[i]) != word[i]) /* also at the text's end */
			return false;
	return true;
}

/* True where one of the alternatives is in text. */
static bool contains(const char *text, const char *word)
{
	while (text) {
		size_t length = strcspn(word, "|");

		for (const char *at = text; *at && length; at++)
			if (begins_with(at, word, length))
				return true;
		if (!word[length])
			return false;
		word += length + 1;
	}
	return false;
}

static bool site_matches(const struct term *term, const struct sample_row *row)
{
	for (uint32_t i = 0; i < row->site_count; i++)
		if (contains(row->sites[i].site, term->word))
			return true;
	return false;
}

static bool name_matches(const struct field *field, const struct term *term,
			 const struct sample_row *row)
{
	char buffer[ADDR_TEXT_SIZE];

	if (field->text == site_text)
		return site_matches(term, row);
	return contains(field->text(row, buffer, sizeof(buffer)), term->word);
}

static bool figure_matches(const struct term *term, const struct sample_row *row)
{
	double figure = term->field->figure(row);

	if (isnan(figure))
		return false;
	switch (term->comparison) {
	case BELOW:
		return figure < term->number;
	case AT_MOST:
		return figure <= term->number;
	case EQUAL:
		return fabs(figure - term->number) < 1e-9;
	case NOT_EQUAL:
		return fabs(figure - term->number) >= 1e-9;
	case AT_LEAST:
		return figure >= term->number;
	case ABOVE:
		return figure > term->number;
	case NO_COMPARISON:
		break;
	}
	return false;
}

static bool term_matches(const struct term *term, const struct sample_row *row)
{
	/* A word without a field is no severity: "warning" would be half of the rows. */
	if (term->comparison != NO_COMPARISON)
		return figure_matches(term, row);
	if (term->field)
		return name_matches(term->field, term, row);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		if (fields[i].text && fields[i].text != severity_text &&
		    (fields[i].text != verdict_text || row->verdict.id) &&
		    name_matches(&fields[i], term, row))
			return true;
	return false;
}

bool filter_matches(const struct filter *filter, const struct sample_row *row)
{
	for (unsigned int i = 0; filter && i < filter->count; i++)
		if (term_matches(&filter->terms[i], row) == filter->terms[i].is_negated)
			return false;
	return true;
}
