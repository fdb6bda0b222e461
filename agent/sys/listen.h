/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets on which the agent answers.
 */
#ifndef CONNLEAK_SYS_LISTEN_H
#define CONNLEAK_SYS_LISTEN_H

#include <sys/types.h>

#include "core/types.h"

#define LISTEN_GROUP "connleak"

/* Non-blocking, with a bounded queue. Returns a descriptor, the caller's, or -errno. */
int listen_tcp(const struct netaddr *addr);

struct listen_unix {
	int fd; /* -1 = none */
	char path[108];
	dev_t device; /* of the socket made, so that only this one is removed */
	ino_t inode;
};

/*
 * Listens on path: mode 0660, of the group LISTEN_GROUP where there is one and we may. The
 * directory is made where it is missing, with mode 0755. A socket on which nobody answers any more
 * is replaced. Returns 0, or with one line in ret_error (it names the path)
 *   -EADDRINUSE  somebody answers there: another agent
 *   -EEXIST      path is something else than a socket
 *   -errno
 */
int listen_unix_open(const char *path, struct listen_unix *ret_listen, char *ret_error,
		     size_t error_size);

/*
 * Closes fd, unless whoever has taken it over has set it to -1, and removes the path, unless that
 * is another one's by now. Zeroed memory with fd -1 is fine, too.
 */
void listen_unix_close(struct listen_unix *listener);

#endif
