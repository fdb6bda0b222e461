/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a command can have what it shows from the running agent, and has it then.
 */
#ifndef CONNLEAK_CLI_REMOTE_H
#define CONNLEAK_CLI_REMOTE_H

#include "option.h"

/* Where the agent answers; NULL = the user wants none. */
const char *remote_socket(const struct options *options);

/*
 * The first given option that the agent cannot serve, because it watches by its own ("port"); NULL
 * = none. served: further long names that the command can ask the agent for, NULL at the end.
 */
const char *remote_obstacle(const struct options *options, const char *const *served);

/*
 * Asks the agent for target. Returns
 *   1  *ret_body (the caller frees) holds the answer, ret_size (may be NULL) its length
 *   0  there is no agent that can say it: own probes are the way to go
 *   -errno  the agent has refused or has failed; one line has been written to stderr
 * With -v a line on stderr says which of the sources is used.
 */
int remote_get(const struct options *options, const char *const *served, const char *target,
	       char **ret_body, size_t *ret_size);

/*
 * Prints an answer to stdout line by line, without anything that a terminal obeys: the agent's has
 * nothing of that, but it may be somebody else who answers. What cannot be written is in the
 * stream's error flag.
 */
void remote_print(const char *body, size_t size);

#endif
