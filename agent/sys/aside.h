/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One piece of work at a time in a process of its own, for what may hang: a disk that does not
 * answer holds up nobody who looks at connections.
 */
#ifndef CONNLEAK_SYS_ASIDE_H
#define CONNLEAK_SYS_ASIDE_H

#include <stdbool.h>
#include <sys/types.h>

struct aside {
	pid_t pid; /* 0 = nothing is being done; {0} begins so */
};

/*
 * Does the work, which returns 0 or -errno and may read all of our memory as it is now; what it
 * writes there nobody sees. Of our descriptors it has keep_fd only, a directory behind the
 * standard ones, so that it holds no lock of ours for longer than we do. It ends with us. Returns
 * 0, -EBUSY while there is other work, or -errno.
 */
int aside_begin(struct aside *aside, int keep_fd, int (*work)(void *userdata), void *userdata);

/* There is one, done or not, that aside_is_done() has not told of. */
static inline bool aside_is_busy(const struct aside *aside)
{
	return aside->pid > 0;
}

/* Whether the work is over: true once, with what it has returned; -ECHILD where it was killed. */
bool aside_is_done(struct aside *aside, int *ret_result);

/* Waits for that so long; false where it is not over then. true without a result: nothing is done.
 */
bool aside_wait(struct aside *aside, unsigned int timeout_ms, int *ret_result);

/* Ends the work, at the latest when what it hangs in lets it go; the caller is about to end, too.
 */
void aside_abandon(struct aside *aside);

#endif
