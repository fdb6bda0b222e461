// SPDX-License-Identifier: Apache-2.0
/*
 * Two agents must not fight over a path, and one that was killed must not keep the next from
 * starting; and at no moment may a user connect who is not meant to.
 *
 * Invariant: the socket appears under its path by a rename, complete with mode and group; what is
 * removed is a dead socket or our own, never anything else.
 */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/format.h"
#include "log.h"

#define BACKLOG 64

static bool is_mapped(const uint8_t ip[16])
{
	static const uint8_t prefix[12] = {[10] = 0xff, [11] = 0xff};

	return memcmp(ip, prefix, sizeof(prefix)) == 0;
}

static socklen_t fill_address(const struct netaddr *addr, struct sockaddr_storage *ret_storage)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_storage;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret_storage;

	memset(ret_storage, 0, sizeof(*ret_storage));
	if (is_mapped(addr->ip)) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(addr->port);
		memcpy(&v4->sin_addr, addr->ip + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(addr->port);
	memcpy(&v6->sin6_addr, addr->ip, 16);
	return sizeof(*v6);
}

int listen_tcp(const struct netaddr *addr)
{
	struct sockaddr_storage storage;
	socklen_t length = fill_address(addr, &storage);
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int yes = 1, r;

	if (fd < 0)
		return -errno;
	/* A restart must not wait for connections of the last run to time out. */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&storage, length) < 0 || listen(fd, BACKLOG) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

/* --- the unix socket -------------------------------------------------------------------------- */

static int make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[sizeof(((struct listen_unix *)0)->path)];

	if (!slash || slash == path)
		return 0;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	return mkdir(parent, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int connect_probe(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Whether the path is free to be taken. Returns 0, -EADDRINUSE, -EEXIST or another -errno. */
static int look_at_path(const struct sockaddr_un *addr)
{
	struct stat st;
	int r;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	r = connect_probe(addr);
	if (r == -ECONNREFUSED || r == -ENOENT)
		return 0;
	return r == 0 || r == -EAGAIN ? -EADDRINUSE : r;
}

/* The group may be missing, and who is not root cannot give a file away: then it is root's alone.
 */
static void give_to_group(const char *path)
{
	struct group group, *found = NULL;
	char buffer[4096];

	if (getgrnam_r(LISTEN_GROUP, &group, buffer, sizeof(buffer), &found) != 0 || !found)
		log_detail("no group " LISTEN_GROUP ": the socket is for root only");
	else if (chown(path, (uid_t)-1, found->gr_gid) < 0)
		log_notice("cannot give the socket to the group " LISTEN_GROUP ": %s",
			   strerror(errno));
}

static int appear(struct listen_unix *listener, const char *temporary)
{
	struct stat st;

	if (chmod(temporary, 0660) < 0)
		return -errno;
	give_to_group(temporary);
	if (listen(listener->fd, BACKLOG) < 0 || lstat(temporary, &st) < 0 ||
	    rename(temporary, listener->path) < 0)
		return -errno;
	listener->device = st.st_dev;
	listener->inode = st.st_ino;
	return 0;
}

static int bind_and_appear(struct listen_unix *listener)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	mode_t mask;
	int r, n;

	/* A name next to it, which nobody else has and which fits. */
	n = snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.%d", listener->path, getpid());
	if (n < 0 || (size_t)n >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd < 0)
		return -errno;
	(void)unlink(addr.sun_path);
	mask = umask(0177);
	r = bind(listener->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r < 0)
		return r;
	r = appear(listener, addr.sun_path);
	if (r < 0)
		(void)unlink(addr.sun_path);
	return r;
}

int listen_unix_open(const char *path, struct listen_unix *ret_listen, char *ret_error,
		     size_t error_size)
{
	struct listen_unix listener = {.fd = -1};
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char safe[4 * sizeof(listener.path)];
	int r = strlen(path) < sizeof(listener.path) ? 0 : -ENAMETOOLONG;

	if (r == 0) {
		(void)snprintf(listener.path, sizeof(listener.path), "%s", path);
		(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
		r = make_parent(path);
	}
	if (r == 0)
		r = look_at_path(&addr);
	if (r == 0)
		r = bind_and_appear(&listener);
	if (r == 0) {
		*ret_listen = listener;
		return 0;
	}
	if (listener.fd >= 0)
		close(listener.fd);
	(void)snprintf(ret_error, error_size, "--socket %s: %s",
		       format_safe(path, strlen(path), safe, sizeof(safe)),
		       r == -EADDRINUSE ? "another agent answers there"
		       : r == -EEXIST	? "is there and is not a socket"
					: strerror(-r));
	return r;
}

void listen_unix_close(struct listen_unix *listener)
{
	struct stat st;

	if (listener->fd >= 0)
		close(listener->fd);
	listener->fd = -1;
	if (listener->path[0] && lstat(listener->path, &st) == 0 && st.st_dev == listener->device &&
	    st.st_ino == listener->inode)
		(void)unlink(listener->path);
	listener->path[0] = '\0';
}
