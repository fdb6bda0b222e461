/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers of the simulations: the same seed gives the same numbers everywhere.
 */
#ifndef CONNLEAK_EVAL_RNG_H
#define CONNLEAK_EVAL_RNG_H

#include <math.h>
#include <stdint.h>

/* splitmix64: one word of state, so that a checkout can carry its own and be run twice. */
struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* From 0 to less than 1. */
static inline double rng_unit(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

static inline double rng_exp(struct rng *rng, double mean)
{
	return -mean * log(1 - rng_unit(rng));
}

/* Four 16-bit uniforms: near enough to normal within 3.4 sigma; tails are added on purpose. */
static inline double rng_normal(struct rng *rng)
{
	uint64_t bits = rng_next(rng);
	double sum = (double)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) +
			      (bits >> 48));

	return (sum / 65536.0 - 2.0) * 1.7320508;
}

static inline double rng_lognormal(struct rng *rng, double median, double sigma)
{
	return median * exp(sigma * rng_normal(rng));
}

static inline double rng_between(struct rng *rng, double low, double high)
{
	return low + (high - low) * rng_unit(rng);
}

static inline uint32_t rng_below(struct rng *rng, uint32_t bound)
{
	return (uint32_t)(((rng_next(rng) >> 32) * bound) >> 32);
}

/* A stream of its own for each (seed, word). */
struct rng rng_of(uint64_t seed, const char *word);

#endif
