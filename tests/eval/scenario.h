/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scenario: a world with its pools and sessions, and what a detector should say of it.
 */
#ifndef CONNLEAK_EVAL_SCENARIO_H
#define CONNLEAK_EVAL_SCENARIO_H

#include "core/verdict.h"
#include "params.h"
#include "pool_model.h"
#include "session_model.h"

enum family_class {
	CLASS_ORDINARY, /* healthy */
	CLASS_HOSTILE, /* healthy, and looks like a leak */
	CLASS_LEAK, /* a leak verdict is due */
	CLASS_EXHAUSTED,
	CLASS_SATURATED,
	CLASS_STORM,
	CLASS_OVERSIZED,
	CLASS_TROUBLE, /* something is wrong that none of the verdicts names */
	CLASS_COUNT,
};

enum family_split { SPLIT_TUNED, SPLIT_HELD_OUT, SPLIT_COUNT };

struct scenario;

struct family {
	const char *name;
	enum family_class class;
	enum family_split split;
	void (*build)(struct scenario *scenario);
	const char *grid; /* params.h */
	uint32_t weight; /* runs of each combination in the long form */
};

struct scenario {
	const struct family *family;
	const char *params;
	uint64_t seed;
	struct rng rng; /* for what the parameters leave open */
	struct world *world;
	struct pool_model *pools; /* owned */
	struct session_model *sessions; /* owned */
	uint32_t part_count;
	uint32_t allowed; /* kinds that are no mistake here, a bit each */
	uint64_t onset_ns; /* of what is expected; 0 = the world knows when it is over */
	double deadline_s; /* the verdict is due this long after the onset */
	uint32_t capacity; /* connections that the leaking pool can have; 0 = does not matter */
	bool is_fixed, is_limit_known;
	bool is_wrong; /* a parameter names what does not exist; it is not to be run */
	const struct pool_model *counted; /* whose census decides; NULL = the onset does */
	uint32_t static_limit; /* what an operator would take 80% of */
};

/*
 * Builds a scenario whose events go to sink. NULL when out of memory or when the parameters name
 * something that does not exist (a sentence goes to stderr).
 */
struct scenario *scenario_new(const struct family *family, const char *params, uint64_t seed,
			      world_sink_fn sink, void *userdata);
void scenario_free(struct scenario *scenario);

/* families.c: all of them; NULL when there is none of that name. */
const struct family *families_all(uint32_t *ret_count);
const struct family *family_find(const char *name);

/* --- for the builders ------------------------------------------------------------------------- */

/*
 * A pool of a new client, or of client, from the parameters pool, max, min, load, rps, hold ...,
 * drawn where they are not given; not started.
 */
struct pool_model *scenario_add_pool(struct scenario *scenario, struct sim_client *client,
				     const char *profile);

/*
 * A second pool of the same client on the same server, of the profile that parameter beside names,
 * which rests for half an hour at a time; not started. NULL where there is no such parameter.
 */
struct pool_model *scenario_add_resting(struct scenario *scenario, struct sim_client *client);

struct session_model *scenario_add_sessions(struct scenario *scenario, struct sim_client *client,
					    const char *comm);

/* Parameter or, where it is not given, a draw between low and high (uniform in the logarithm). */
double scenario_draw(struct scenario *scenario, const char *key, double low, double high);

/* Sets the length of the run; parameter dur wins. */
void scenario_set_duration(struct scenario *scenario, double seconds);

/* Something that the scenario does at a time of its own. */
void scenario_at(struct scenario *scenario, double seconds, timer_fn fn, void *self);

/* Builders, by file. */
void build_leak(struct scenario *scenario);
void build_leak_strays(struct scenario *scenario);
void build_leak_close_wait(struct scenario *scenario);
void build_leak_sessions(struct scenario *scenario);
void build_leak_failover(struct scenario *scenario);
void build_leak_reload(struct scenario *scenario);
void build_exhausted(struct scenario *scenario);
void build_leak_beside(struct scenario *scenario);
void build_leak_fast(struct scenario *scenario);

void build_steady(struct scenario *scenario);
void build_deploys(struct scenario *scenario);
void build_prefork(struct scenario *scenario);
void build_tenants(struct scenario *scenario);
void build_lazy_pools(struct scenario *scenario);
void build_restart(struct scenario *scenario);
void build_churn(struct scenario *scenario);
void build_listeners(struct scenario *scenario);
void build_websockets(struct scenario *scenario);
void build_analysts(struct scenario *scenario);
void build_batch(struct scenario *scenario);
void build_crons(struct scenario *scenario);
void build_handed_on(struct scenario *scenario);
void build_standby(struct scenario *scenario);
void build_holders(struct scenario *scenario);
void build_stalls(struct scenario *scenario);
void build_consumers(struct scenario *scenario);

void build_saturated(struct scenario *scenario);
void build_spike(struct scenario *scenario);
void build_slow_database(struct scenario *scenario);
void build_network(struct scenario *scenario);
void build_storm_churn(struct scenario *scenario);
void build_storm_retry(struct scenario *scenario);
void build_oversized(struct scenario *scenario);

#endif
