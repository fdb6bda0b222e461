// SPDX-License-Identifier: Apache-2.0
/*
 * Why: what a person types is refused here, with a sentence that says what would be valid, or is
 * exactly what the rest of the program works with.
 *
 * Invariant: nothing is rounded, cut short or skipped in silence: "5x", "1e9", "nan", an empty
 * element of a list and a name that the kernel cannot hold are all errors.
 *
 * Not here: which option has which type (option_table.c), ports, endpoints and settings (core/).
 */
#include "option_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "nearest.h"

#define ELEMENT_MAX 4096
#define PID_HIGHEST 4194304 /* PID_MAX_LIMIT of the kernel */
#define DAY_NS (86400 * NS_PER_SEC)
#define TIME_DIGITS_MAX 9 /* before the point and behind it: no overflow below */

typedef int element_fn(struct options *options, const char *element, char *ret_error,
		       size_t error_size);

int value_parse_count(const char *text, uint64_t low, uint64_t high, uint64_t *ret_count,
		      const char *what, char *ret_error, size_t error_size)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; isdigit((unsigned char)text[i]) && value <= high; i++)
		value = value * 10 + (uint64_t)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || value < low || value > high) {
		snprintf(ret_error, error_size, "not %s (%llu to %llu)", what,
			 (unsigned long long)low, (unsigned long long)high);
		return -EINVAL;
	}
	*ret_count = value;
	return 0;
}

/* The factor of a unit to nanoseconds; 0 for what is no unit. */
static uint64_t unit_ns(const char *unit)
{
	if (unit[0] == '\0' || strcmp(unit, "s") == 0)
		return NS_PER_SEC;
	if (strcmp(unit, "ms") == 0)
		return NS_PER_MS;
	if (strcmp(unit, "m") == 0)
		return 60 * NS_PER_SEC;
	if (strcmp(unit, "h") == 0)
		return 3600 * NS_PER_SEC;
	return 0;
}

/* Digits, and behind a point up to nine more; what is left is in *ret_unit. */
static bool scan_decimal(const char *text, uint64_t *ret_whole, uint64_t *ret_billionths,
			 const char **ret_unit)
{
	uint64_t whole = 0, billionths = 0, weight = NS_PER_SEC;
	size_t digits = 0;

	for (; isdigit((unsigned char)*text); text++, digits++)
		whole = digits < TIME_DIGITS_MAX ? whole * 10 + (uint64_t)(*text - '0') : whole;
	if (digits == 0 || digits > TIME_DIGITS_MAX)
		return false;
	if (*text == '.') {
		text++;
		for (digits = 0; isdigit((unsigned char)*text); text++, digits++) {
			weight /= 10;
			billionths += (uint64_t)(*text - '0') * weight;
		}
		if (digits == 0 || digits > TIME_DIGITS_MAX)
			return false;
	}
	*ret_whole = whole;
	*ret_billionths = billionths;
	*ret_unit = text;
	return true;
}

int value_parse_time(const char *text, uint64_t low_ns, uint64_t high_ns, uint64_t *ret_ns,
		     char *ret_error, size_t error_size)
{
	uint64_t whole, billionths, factor, ns;
	const char *unit;

	if (!scan_decimal(text, &whole, &billionths, &unit))
		goto refuse;
	factor = unit_ns(unit);
	if (factor == 0 || whole > UINT64_MAX / 2 / factor)
		goto refuse;
	/* A factor below a second divides, one above multiplies: both exact to the nanosecond. */
	ns = whole * factor + (factor >= NS_PER_SEC ? billionths * (factor / NS_PER_SEC)
						    : billionths / (NS_PER_SEC / factor));
	if (ns < low_ns || ns > high_ns)
		goto refuse;
	*ret_ns = ns;
	return 0;

refuse:
	snprintf(ret_error, error_size, "not a time from %g seconds to %g %s (units: ms, s, m, h)",
		 (double)low_ns / NS_PER_SEC,
		 (double)high_ns / (high_ns < DAY_NS ? NS_PER_SEC : DAY_NS),
		 high_ns < DAY_NS ? "seconds" : "days");
	return -EINVAL;
}

int value_parse_bool(const char *text, bool *ret_bool, char *ret_error, size_t error_size)
{
	if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0 || strcmp(text, "on") == 0) {
		*ret_bool = true;
		return 0;
	}
	if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0 || strcmp(text, "off") == 0) {
		*ret_bool = false;
		return 0;
	}
	snprintf(ret_error, error_size, "neither yes nor no");
	return -EINVAL;
}

/* "'abc': not a ...": names the element where it is one of several; the list is named already. */
static int refuse_element(const char *element, bool is_one_of_many, const char *problem,
			  char *ret_error, size_t error_size)
{
	char safe[64];

	if (is_one_of_many)
		snprintf(ret_error, error_size, "'%s': %s",
			 format_safe(element, strlen(element), safe, sizeof(safe)), problem);
	else
		snprintf(ret_error, error_size, "%s", problem);
	return -EINVAL;
}

/* Hands on the elements of "a,b,c" one by one. */
static int each_element(struct options *options, const char *list, element_fn *add, char *ret_error,
			size_t error_size)
{
	bool is_one_of_many = strchr(list, ',');
	char element[ELEMENT_MAX], problem[192];
	int ret;

	for (;;) {
		size_t length = strcspn(list, ",");

		if (length == 0 || length >= sizeof(element)) {
			snprintf(ret_error, error_size, "an element of the list is %s",
				 length == 0 ? "empty" : "too long");
			return -EINVAL;
		}
		memcpy(element, list, length);
		element[length] = '\0';
		ret = add(options, element, problem, sizeof(problem));
		if (ret == -EINVAL)
			return refuse_element(element, is_one_of_many, problem, ret_error,
					      error_size);
		if (ret < 0 || list[length] == '\0')
			return ret;
		list += length + 1;
	}
}

int value_parse_pid(const char *text, uint32_t *ret_pid, char *ret_error, size_t error_size)
{
	uint64_t pid;
	int ret = value_parse_count(text, 1, PID_HIGHEST, &pid, "a process id", ret_error,
				    error_size);

	if (ret == 0)
		*ret_pid = (uint32_t)pid;
	return ret;
}

static int add_pid(struct options *options, const char *element, char *ret_error, size_t error_size)
{
	uint32_t pid = 0;

	if (value_parse_pid(element, &pid, ret_error, error_size) < 0)
		return -EINVAL;
	if (options->pid_count == OPTION_PIDS_MAX) {
		snprintf(ret_error, error_size, "more than %d process ids", OPTION_PIDS_MAX);
		return -EINVAL;
	}
	options->pids[options->pid_count++] = pid;
	return 0;
}

int value_add_pids(struct options *options, const char *list, char *ret_error, size_t error_size)
{
	return each_element(options, list, add_pid, ret_error, error_size);
}

static int add_comm(struct options *options, const char *element, char *ret_error,
		    size_t error_size)
{
	size_t length = strlen(element);

	if (length > COMM_SIZE - 1) {
		snprintf(ret_error, error_size,
			 "longer than a command name can be: the kernel keeps %d bytes",
			 COMM_SIZE - 1);
		return -EINVAL;
	}
	if (options->comm_count == OPTION_COMMS_MAX) {
		snprintf(ret_error, error_size, "more than %d command names", OPTION_COMMS_MAX);
		return -EINVAL;
	}
	memcpy(options->comms[options->comm_count++], element, length + 1);
	return 0;
}

int value_add_comms(struct options *options, const char *list, char *ret_error, size_t error_size)
{
	return each_element(options, list, add_comm, ret_error, error_size);
}

/* True when one of the components is "..". */
static bool path_climbs(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (length == 2 && memcmp(path, "..", 2) == 0)
			return true;
		if (path[length] == '\0')
			return false;
		path += length + 1;
	}
}

int value_add_cgroup(struct options *options, const char *path, char *ret_error, size_t error_size)
{
	size_t length = strlen(path);
	char *copy;

	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length == 0 || length >= ELEMENT_MAX || path_climbs(path)) {
		snprintf(ret_error, error_size, "not a path of the cgroup file system");
		return -EINVAL;
	}
	if (options->cgroup_count == OPTION_CGROUPS_MAX) {
		snprintf(ret_error, error_size, "more than %d cgroups", OPTION_CGROUPS_MAX);
		return -EINVAL;
	}
	copy = strndup(path, length);
	if (!copy)
		return -ENOMEM;
	options->cgroups[options->cgroup_count++] = copy;
	return 0;
}

static int add_fail_on(struct options *options, const char *element, char *ret_error,
		       size_t error_size)
{
	enum verdict_kind kind;
	size_t used;

	if (verdict_kind_parse(element, &kind)) {
		options->fail_on |= 1U << kind;
		return 0;
	}
	used = (size_t)snprintf(ret_error, error_size, "not a verdict (");
	for (int i = 0; i < VERDICT_KIND_COUNT && used < error_size; i++)
		used += (size_t)snprintf(ret_error + used, error_size - used, "%s%s",
					 verdict_kind_name((enum verdict_kind)i),
					 i + 1 < VERDICT_KIND_COUNT ? ", " : ")");
	return -EINVAL;
}

int value_add_fail_on(struct options *options, const char *list, char *ret_error, size_t error_size)
{
	return each_element(options, list, add_fail_on, ret_error, error_size);
}

/* Appends what an unknown setting was probably meant to be, or where they are listed. */
static void suggest_setting(const char *key, char *error, size_t error_size)
{
	struct nearest nearest = {.typed = key};
	size_t count, used = strlen(error);
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, rows[i].key);
	if (nearest.best)
		snprintf(error + used, error_size - used, " (did you mean '%s'?)", nearest.best);
	else
		snprintf(error + used, error_size - used, " ('connleak help settings' lists them)");
}

int value_set_setting(struct options *options, const char *key, const char *value, char *ret_error,
		      size_t error_size)
{
	int ret = settings_set(&options->settings, key, value, ret_error, error_size);

	if (ret == -ENOENT)
		suggest_setting(key, ret_error, error_size);
	/* An unknown key is a usage error like any other. */
	return ret < 0 ? -EINVAL : 0;
}

int value_apply_setting(struct options *options, const char *assignment, char *ret_error,
			size_t error_size)
{
	char key[64];
	size_t length = strcspn(assignment, "=");

	if (assignment[length] == '\0' || length == 0) {
		snprintf(ret_error, error_size, "not KEY=VALUE");
		return -EINVAL;
	}
	if (length >= sizeof(key)) {
		snprintf(ret_error, error_size,
			 "no such setting ('connleak help settings' lists them)");
		return -EINVAL;
	}
	memcpy(key, assignment, length);
	key[length] = '\0';
	return value_set_setting(options, key, assignment + length + 1, ret_error, error_size);
}

int value_set_text(char **text, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}
