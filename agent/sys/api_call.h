/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to the running agent over its socket, in steps of which none waits: for a loop that
 * has other things to see to. api_get() (api_client.h) is the same for whoever can wait.
 */
#ifndef CONNLEAK_SYS_API_CALL_H
#define CONNLEAK_SYS_API_CALL_H

#include <stddef.h>

/* When to step again where there is nothing to wait for: the agent's queue is full. */
#define API_RETRY_MS 10

struct api_call;

/*
 * A GET of target ("/v1/pools") from the agent that listens on socket_path; both are copied.
 * Returns 0; or -errno, -ENAMETOOLONG among them, with NULL in *ret_call.
 */
int api_call_new(const char *socket_path, const char *target, struct api_call **ret_call);
void api_call_free(struct api_call *call);

/* What to wait for before the next step: poll()'s events of the fd. No events: API_RETRY_MS. */
int api_call_fd(const struct api_call *call);
short api_call_events(const struct api_call *call);

/* Goes on as far as it can. Returns 1 where the answer is complete, 0 where it is not yet, or
 * -errno as api_get() has them.
 */
int api_call_step(struct api_call *call);

/*
 * What has come of it: result is that of the last step, or -ETIMEDOUT for whoever has waited long
 * enough. call may be NULL where api_call_new() has failed. Returns and fills in what api_get()
 * does.
 */
int api_call_take(struct api_call *call, int result, char **ret_body, size_t *ret_size, char *error,
		  size_t error_size);

#endif
