/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that belong to somebody for as long as he needs them, without a pool: listeners,
 * people at a prompt, batch jobs, a connection for each request.
 */
#ifndef CONNLEAK_EVAL_SESSION_MODEL_H
#define CONNLEAK_EVAL_SESSION_MODEL_H

#include "load.h"

enum session_activity {
	SESSION_SILENT, /* nothing after the handshake */
	SESSION_RECEIVE, /* notifications now and then */
	SESSION_THINK, /* an exchange, a pause, an exchange ... */
	SESSION_WORK, /* one checkout's work, then the end */
	SESSION_ASK, /* one question at the start, the answer at the end */
	SESSION_BEAT, /* the same small exchange every gap_s */
};

struct session_model {
	struct world *world;
	struct sim_client *client; /* NULL = a process for each session */
	const char *comm;
	unsigned int endpoint;
	enum session_activity activity;
	struct load load;
	struct work work;
	struct rng rng;
	double hold_s, hold_sigma; /* length: median, sigma; hold_s = 0: for ever */
	double gap_s; /* mean pause */
	bool hands_on; /* client opens, a process for each session has it from then on */
	uint32_t initial; /* at the start; these stay for ever if keeps_initial */
	uint32_t max; /* at once; 0 = no bound */
	bool keeps_initial;
	double leak_odds; /* that the end of a session forgets to close */
	uint64_t leak_after_ns;
	uint32_t open_count;
	bool is_stopped;
	struct session_model *next; /* the scenario's */
};

struct session_model *session_new(struct world *world, struct sim_client *client, const char *comm,
				  const char *stream, uint64_t seed);
void session_free(struct session_model *session);
void session_start(struct session_model *session);

#endif
