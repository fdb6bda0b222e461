/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request to the agent asks for, read from its path, its arguments and its Accept header.
 */
#ifndef CONNLEAK_CLI_API_ROUTE_H
#define CONNLEAK_CLI_API_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum api_what {
	API_NOTHING, /* no such path */
	API_METRICS, /* /metrics */
	API_HEALTH, /* /healthz */
	API_READY, /* /readyz */
	API_POOLS, /* /v1/pools */
	API_CONNECTIONS, /* /v1/connections */
	API_VERDICTS, /* /v1/verdicts */
	API_EXPLAIN, /* /v1/explain/PID */
};

#define API_PIDS_MAX 256

struct api_route {
	enum api_what what;
	bool is_public; /* served on the TCP port, too */
	bool has_text; /* has a text form beside JSON */
	uint32_t pid; /* EXPLAIN */
};

/* path is decoded and any bytes. A pid is 1 to 4194304, without leading zeros. */
void api_route_parse(const char *path, struct api_route *ret_route);

/* "json" or NULL: false; "text": true. Returns 0 or -EINVAL. */
int api_parse_format(const char *format, bool *ret_is_text);

/* "4121,4122": at most API_PIDS_MAX. NULL is none. Returns how many or -EINVAL. */
int api_parse_pids(const char *list, uint32_t ret_pids[static API_PIDS_MAX]);

/*
 * Whether who sent this Accept header (NULL = none) would rather have OpenMetrics than the classic
 * text: it names application/openmetrics-text, version 1.0.0 or none, at no less a quality than
 * text/plain, where it names that.
 */
bool api_wants_openmetrics(const char *accept);

#endif
