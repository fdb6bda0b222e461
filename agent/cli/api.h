/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent answers over HTTP: metrics and health to everybody who reaches the port, pools,
 * connections, verdicts and explanations to those who may open its socket.
 */
#ifndef CONNLEAK_CLI_API_H
#define CONNLEAK_CLI_API_H

#include "core/ledger.h"
#include "live.h"
#include "sinks/metrics.h"
#include "sys/http.h"

#define API_LOSSES_MAX 32

/* A cumulative count of something lost, kept by somebody else. */
struct api_loss {
	const char *reason; /* static, a word of the metrics */
	uint64_t (*count)(const void *of);
	const void *of; /* borrowed */
};

struct api {
	const struct live *live; /* with a rollup in its pipeline */
	const struct ledger *ledger; /* what stands */
	struct http_counts counts;
	struct api_loss losses[API_LOSSES_MAX]; /* beside those of source and table */
	size_t loss_count;
	/* The last page of each format; made once a look, however often it is asked for. */
	struct http_body *pages[2];
	uint64_t page_ns[2]; /* time of that look */
	struct sample *sample_before; /* the one that /v1/pools was made of; NULL = none */
	struct http_body *pools;
	uint64_t pools_ns;
};

/* live and ledger are borrowed. api_clear() in any case. */
void api_init(struct api *api, const struct live *live, const struct ledger *ledger);
void api_clear(struct api *api);

/* Adds a reason; more than API_LOSSES_MAX is an error of the program. */
void api_add_loss(struct api *api, const char *reason, uint64_t (*count)(const void *of),
		  const void *of);

/* Handlers for http_server_new(); userdata is the api. */
void api_answer_public(void *userdata, const struct http_request *request,
		       struct http_answer *ret_answer);
void api_answer_local(void *userdata, const struct http_request *request,
		      struct http_answer *ret_answer);

#endif
