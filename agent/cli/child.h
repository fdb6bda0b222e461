/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command that `connleak run` runs: started, but held before its first instruction until
 * everything watches it; then left alone with the terminal, and told the signals that we get.
 */
#ifndef CONNLEAK_CLI_CHILD_H
#define CONNLEAK_CLI_CHILD_H

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct child {
	pid_t pid; /* 0 = there is none */
	int go_fd; /* writing to it lets the child go; -1 = gone */
	int failure_fd; /* its errno when it could not be executed */
	int status; /* of waitpid() */
	bool has_ended;
};

/* Forks. Returns 0 or -errno. */
int child_start(struct child *child, char *const *program);

/* Lets it execute. Returns 0, or -errno of the exec: the child is gone then. */
int child_release(struct child *child);

/*
 * Adds to the loop: its end, which ends the loop with 0, and the signals that it is to have. Call
 * after child_block_signals(). Returns 0 or -errno.
 */
int child_add(struct child *child, sd_event *event);

/* Before child_start(): from now on signals come through the loop. The child gets them as before.
 */
int child_block_signals(void);

/* Ends it where it still runs, and waits for it. */
void child_stop(struct child *child);

/* Its exit status as a shell has it. */
int child_exit_status(const struct child *child);

#endif
