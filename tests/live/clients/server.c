// SPDX-License-Identifier: Apache-2.0
/*
 * A TCP server that behaves as badly as it is told to. One thread, one epoll loop over the
 * command line (stdin, see line.h), the listeners and their connections. Ends with its stdin.
 *
 *   listen ADDR MODE [PORT]   ok PORT. What becomes of a connection is the listener's MODE:
 *                             echo    sends back what comes, closes after the peer's FIN
 *                             hold    accepts and never reads
 *                             fin     accepts and closes at once
 *                             rst     accepts and resets at once
 *                             deaf    never accepts; the backlog is full after two
 *                             closed  a port that is taken, where nobody listens
 *   accepted PORT             ok COUNT of open connections accepted there
 *   push PORT BYTES           sends BYTES to each of them
 *   fin PORT                  half-closes each of them
 *   rst PORT                  resets each of them
 *   stop PORT                 stops listening; connections go on
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "line.h"

#define FDS_MAX 65536
#define EVENTS_MAX 256
#define CHUNK_BYTES 65536

enum mode { MODE_ECHO, MODE_HOLD, MODE_FIN, MODE_RST, MODE_DEAF, MODE_CLOSED, MODE_COUNT };

static const char *const mode_names[MODE_COUNT] = {
	[MODE_ECHO] = "echo", [MODE_HOLD] = "hold", [MODE_FIN] = "fin",
	[MODE_RST] = "rst",   [MODE_DEAF] = "deaf", [MODE_CLOSED] = "closed",
};

enum role { ROLE_NONE, ROLE_LISTENER, ROLE_CONN };

/* What a descriptor is; the table is indexed by the descriptor itself. */
struct peer {
	enum role role;
	enum mode mode;
	uint16_t port; /* of the listener, host byte order */
};

struct server {
	int epoll_fd;
	struct peer peers[FDS_MAX];
	char chunk[CHUNK_BYTES];
};

static void server_watch(struct server *server, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		perror("server: epoll_ctl");
		exit(1);
	}
}

static void server_forget(struct server *server, int fd)
{
	server->peers[fd].role = ROLE_NONE;
	close(fd);
}

static void server_reset(struct server *server, int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	server_forget(server, fd);
}

static void server_adopt(struct server *server, int fd, const struct peer *listener)
{
	server->peers[fd] = *listener;
	server->peers[fd].role = ROLE_CONN;
	switch (listener->mode) {
	case MODE_FIN:
		server_forget(server, fd);
		break;
	case MODE_RST:
		server_reset(server, fd);
		break;
	case MODE_ECHO:
		server_watch(server, fd);
		break;
	default:
		break;
	}
}

static void server_accept(struct server *server, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= FDS_MAX)
			close(fd);
		else
			server_adopt(server, fd, &server->peers[listener]);
	}
}

/* Writes everything; a client that does not read holds the server up, as a small one's would. */
static bool send_all(int fd, const char *data, size_t length)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN && poll(&poll_fd, 1, 10000) == 1)
			continue;
		if (sent < 0)
			return false;
		data += sent;
		length -= sent;
	}
	return true;
}

static void server_echo(struct server *server, int fd)
{
	ssize_t length = recv(fd, server->chunk, sizeof(server->chunk), 0);

	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0 || !send_all(fd, server->chunk, length))
		server_forget(server, fd);
}

static void command_listen(struct server *server, const struct line *line, struct reply *reply)
{
	const char *port = line->word_count > 3 ? line->words[3] : "0";
	enum mode mode = MODE_ECHO;
	struct sockaddr_storage addr;
	socklen_t length;
	int fd, one = 1;

	while (mode < MODE_COUNT && strcmp(mode_names[mode], line->words[2]) != 0)
		mode++;
	if (mode == MODE_COUNT || !parse_sockaddr(line->words[1], port, &addr, &length))
		return reply_error(reply, "listen: no such address or mode");
	fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return reply_error(reply, "socket: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, length) < 0 ||
	    (mode != MODE_CLOSED && listen(fd, mode == MODE_DEAF ? 1 : 4096) < 0)) {
		reply_error(reply, "%s:%s: %s", line->words[1], port, strerror(errno));
		close(fd);
		return;
	}
	server->peers[fd].role = ROLE_LISTENER;
	server->peers[fd].mode = mode;
	server->peers[fd].port = socket_local_port(fd);
	if (mode != MODE_CLOSED && mode != MODE_DEAF)
		server_watch(server, fd);
	reply_add(reply, "ok %u", server->peers[fd].port);
}

enum deed { DEED_COUNT, DEED_PUSH, DEED_FIN, DEED_RST, DEED_STOP };

static bool server_do(struct server *server, int fd, enum deed deed, size_t bytes)
{
	switch (deed) {
	case DEED_PUSH:
		memset(server->chunk, 'p', sizeof(server->chunk));
		return send_all(fd, server->chunk, bytes);
	case DEED_FIN:
		return shutdown(fd, SHUT_WR) == 0;
	case DEED_RST:
		server_reset(server, fd);
		return true;
	case DEED_STOP:
		server_forget(server, fd);
		return true;
	default:
		return true;
	}
}

static void command_deed(struct server *server, const struct line *line, struct reply *reply,
			 enum deed deed)
{
	enum role role = deed == DEED_STOP ? ROLE_LISTENER : ROLE_CONN;
	size_t bytes = deed == DEED_PUSH && line->word_count > 2 ? atol(line->words[2]) : 0;
	uint16_t port = atoi(line->words[1]);
	int count = 0;

	if (bytes > CHUNK_BYTES)
		return reply_error(reply, "push: at most %d bytes", CHUNK_BYTES);
	for (int fd = 0; fd < FDS_MAX; fd++)
		if (server->peers[fd].role == role && server->peers[fd].port == port)
			count += server_do(server, fd, deed, bytes);
	reply_add(reply, "ok %d", count);
}

static void server_command(struct server *server, const struct line *line, struct reply *reply)
{
	static const struct {
		const char *name;
		enum deed deed;
	} deeds[] = {
		{"accepted", DEED_COUNT}, {"push", DEED_PUSH}, {"fin", DEED_FIN},
		{"rst", DEED_RST},	  {"stop", DEED_STOP},
	};

	if (line->word_count >= 3 && strcmp(line->words[0], "listen") == 0)
		return command_listen(server, line, reply);
	for (size_t i = 0; line->word_count >= 2 && i < sizeof(deeds) / sizeof(*deeds); i++)
		if (strcmp(line->words[0], deeds[i].name) == 0)
			return command_deed(server, line, reply, deeds[i].deed);
	reply_error(reply, "no such command");
}

static void server_run(struct server *server)
{
	struct epoll_event events[EVENTS_MAX];
	struct line line;
	struct reply reply = {.length = 0};

	for (;;) {
		int count = epoll_wait(server->epoll_fd, events, EVENTS_MAX, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == STDIN_FILENO) {
				if (!line_read(fd, &line))
					return;
				server_command(server, &line, &reply);
				reply_send(&reply);
			} else if (server->peers[fd].role == ROLE_LISTENER) {
				server_accept(server, fd);
			} else if (server->peers[fd].role == ROLE_CONN) {
				server_echo(server, fd);
			}
		}
	}
}

int main(void)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return 1;
	server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll_fd < 0) {
		perror("server: epoll_create1");
		free(server);
		return 1;
	}
	server_watch(server, STDIN_FILENO);
	printf("ready %d\n", getpid());
	fflush(stdout);
	server_run(server);
	free(server);
	return 0;
}
