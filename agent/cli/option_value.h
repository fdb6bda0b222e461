/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns the text of one option into its value. Every function returns 0, -EINVAL with one
 * sentence in ret_error that says what would be valid, or -ENOMEM, and then has changed nothing
 * that matters: the program ends.
 */
#ifndef CONNLEAK_CLI_OPTION_VALUE_H
#define CONNLEAK_CLI_OPTION_VALUE_H

#include "option.h"

/* "1.5", "2s", "500ms", "10m", "1h" within low_ns to high_ns; a bare number is seconds. */
int value_parse_time(const char *text, uint64_t low_ns, uint64_t high_ns, uint64_t *ret_ns,
		     char *ret_error, size_t error_size);

/* Decimal digits within low to high, nothing else. */
int value_parse_count(const char *text, uint64_t low, uint64_t high, uint64_t *ret_count,
		      const char *what, char *ret_error, size_t error_size);

/* "yes", "no", "true", "false", "on", "off". */
int value_parse_bool(const char *text, bool *ret_bool, char *ret_error, size_t error_size);

/* A process id, 1 to 4194304 (PID_MAX_LIMIT). */
int value_parse_pid(const char *text, uint32_t *ret_pid, char *ret_error, size_t error_size);

/*
 * Elements of a comma list, added to those that are there; a cgroup is one, its commas are its
 * own.
 */
int value_add_pids(struct options *options, const char *list, char *ret_error, size_t error_size);
int value_add_comms(struct options *options, const char *list, char *ret_error, size_t error_size);
int value_add_cgroup(struct options *options, const char *path, char *ret_error, size_t error_size);
int value_add_fail_on(struct options *options, const char *list, char *ret_error,
		      size_t error_size);

/* One setting of the detector, and the same as "KEY=VALUE". */
int value_set_setting(struct options *options, const char *key, const char *value, char *ret_error,
		      size_t error_size);
int value_apply_setting(struct options *options, const char *assignment, char *ret_error,
			size_t error_size);

/* Replaces *text by a copy: values of the config file do not outlive the parser. 0 or -ENOMEM. */
int value_set_text(char **text, const char *value);

#endif
