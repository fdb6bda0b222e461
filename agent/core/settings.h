/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The detector's settings: one table gives each a name, a unit, a range, a default and the reason
 * for it. --set, the config file and the documentation are made from that table.
 */
#ifndef CONNLEAK_CORE_SETTINGS_H
#define CONNLEAK_CORE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

struct settings {
	double alarm; /* A: e-value at which a leak is raised */
	double suspect; /* A_SUSPECT */
	double p_min; /* PMIN */
	uint64_t t0_ns; /* T0: shortest silence that can count as stale */
	uint64_t credit_ns; /* CREDIT: a close pays for an open for this long */
	uint64_t tick_ns; /* TICK */
	uint64_t hold_ns; /* HOLD: evidence must last this long before a verdict is raised */
	uint64_t update_ns; /* UPDATE: between two lines on whom a leak verdict names */
	double update_share; /* UPDATE_SHARE: of those named */
	uint64_t update_rest_ns; /* UPDATE_REST: the same as UPDATE, where few have come back */
	uint64_t clear_ns; /* CLEAR: quiet for this long before it is cleared */
	uint64_t exposure_ns; /* EXPOSURE: silence summed over the suspects, in a pool without
				 habits */
	uint64_t coverage_hold_ns; /* COVERAGE_HOLD: as HOLD, for evidence that time alone gives */
	uint64_t close_wait_ns; /* CLOSE_WAIT: how old a CLOSE_WAIT socket is before it counts */
	uint64_t left_ns; /* LEFT: how long a pool is silent that is left for another server */
	double oversized_factor; /* OVERSIZED_FACTOR: of the former plateau */
	double oversized_more; /* OVERSIZED_MORE: connections above it */
	double oversized_busy; /* OVERSIZED_BUSY: share in use below which it is too many */
	uint64_t overlap_ns; /* OVERLAP: how long a new process is not compared with the former */
	double fair_rounds; /* FAIR: gap between two uses, in rounds, up to which a pool is fair */
	uint64_t plateau_ns; /* PLATEAU: how long a count must be flat at its maximum */
	double busy_saturated, busy_clear; /* BUSY_SATURATED, BUSY_CLEAR: shares */
	uint64_t busy_silence_ns; /* BUSY_SILENCE */
	uint64_t busy_clear_ns; /* BUSY_CLEAR_TIME */
	double exhausted_stale; /* EXHAUSTED_STALE: a share */
	double storm_factor; /* STORM_FACTOR */
	double storm_failed; /* STORM_FAILED: a share */
	double leak_spread; /* LMIN_SPREAD: the least excess, in roots of the stock at the beginning
			     */
	uint32_t storm_min; /* STORM_MIN */
	uint32_t i0; /* I0: tests taken as done before the first one */
	uint32_t leak_min; /* LMIN: excess of stale connections that a leak needs */
	uint32_t suspect_min; /* LMIN_SUSPECT */
};

struct setting_row {
	const char *key; /* "T0" */
	const char *unit; /* "s", "" */
	double low, high, initial; /* in the unit */
	const char *help; /* what it is, and why the default */
};

/* Fills *ret_settings with the defaults. */
void settings_init(struct settings *ret_settings);

/*
 * Sets one by key and text ("T0", "10s"; times take ns, us, ms, s, m, h; a bare number is in the
 * row's unit). Returns 0; -ENOENT for an unknown key; -EINVAL for a value that is not a number of
 * that unit or not in the range. On error one sentence naming the value and the valid range goes to
 * ret_error.
 */
int settings_set(struct settings *settings, const char *key, const char *value, char *ret_error,
		 size_t error_size);

/*
 * Whether the values go together, once all have been set: some have no effect, or a senseless one,
 * beside others. Returns 0, or -EINVAL with one sentence naming both in ret_error.
 */
int settings_check(const struct settings *settings, char *ret_error, size_t error_size);

/* The table, for help and documentation. */
const struct setting_row *settings_rows(size_t *ret_count);

#endif
