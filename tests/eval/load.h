/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When requests arrive.
 */
#ifndef CONNLEAK_EVAL_LOAD_H
#define CONNLEAK_EVAL_LOAD_H

#include "world.h"

enum load_kind {
	LOAD_POISSON,
	LOAD_DIURNAL, /* a sine over 24 h, from low x rate to rate */
	LOAD_NIGHT, /* the same, and nothing at all for 8 hours */
	LOAD_MMPP, /* calm at rate / 2, busy at factor x rate, random stretches */
	LOAD_ONOFF, /* period_s on, period_s off */
	LOAD_BURSTS, /* Poisson, and every period_s or so `size` requests at once */
	LOAD_BATCH, /* every period_s exactly `size` requests */
	LOAD_CRON, /* every period_s exactly one */
	LOAD_SAWTOOTH, /* grows from nothing to twice the rate over period_s, again and again */
	LOAD_KIND_COUNT,
};

struct load {
	enum load_kind kind;
	double rate; /* per second */
	double low, factor, period_s;
	uint32_t size;
	struct rng rng;
	/* Where it stands: */
	double phase_s;
	bool is_busy;
	uint64_t turn_ns; /* when the state or burst comes next */
	uint32_t left; /* of the burst */
};

/* Sets what follows from the kind; rate, rng and the rest may be changed before the first call. */
void load_init(struct load *load, enum load_kind kind, double rate, struct rng rng);

/* The arrival after now. */
uint64_t load_next_ns(struct load *load, const struct world *world);

/* Requests a second that are to be expected now; those that come at moments of a clock's are none.
 */
double load_rate(const struct load *load, const struct world *world);

/* LOAD_KIND_COUNT when the word is none. */
enum load_kind load_kind_of(const char *word);

#endif
