// SPDX-License-Identifier: Apache-2.0
/*
 * What processes do to themselves while their connections live on: fork, exec, hand sockets over,
 * change their name, lose their main thread.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"

#define FDS_ENV "CLIENT_FDS"

void do_fork(struct client *client, char **words, int count, struct reply *reply)
{
	int life[2];
	char byte;

	(void)client;
	(void)words;
	(void)count;
	if (pipe(life) < 0)
		return reply_error(reply, "pipe: %s", strerror(errno));
	switch (fork()) {
	case -1:
		return reply_error(reply, "fork: %s", strerror(errno));
	case 0:
		/* The other end closes when the parent is gone. */
		close(life[1]);
		(void)!read(life[0], &byte, 1);
		close(life[0]);
		return reply_add(reply, "ok %d", getpid());
	default:
		_exit(0);
	}
}

void do_keeper(struct client *client, char **words, int count, struct reply *reply)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	(void)client;
	(void)words;
	(void)count;
	if (pid < 0)
		return reply_error(reply, "fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* A parent that has died before that sends nothing any more. */
		while (getppid() == parent)
			pause();
		_exit(0);
	}
	reply_add(reply, "ok %d", pid);
}

static bool unix_addr(const char *path, struct sockaddr_un *ret_addr)
{
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(ret_addr->sun_path))
		return false;
	strcpy(ret_addr->sun_path, path);
	return true;
}

void do_listen(struct client *client, char **words, int count, struct reply *reply)
{
	struct sockaddr_un addr;

	(void)count;
	client->unix_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (client->unix_fd < 0 || !unix_addr(words[1], &addr) ||
	    bind(client->unix_fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		reply_error(reply, "listen: %s", strerror(errno));
}

union fd_message {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

void do_pass(struct client *client, char **words, int count, struct reply *reply)
{
	union fd_message control = {.header = {.cmsg_level = SOL_SOCKET,
					       .cmsg_type = SCM_RIGHTS,
					       .cmsg_len = CMSG_LEN(sizeof(int))}};
	struct iovec iov = {.iov_base = "", .iov_len = 1};
	struct sockaddr_un addr;
	struct msghdr message = {.msg_name = &addr,
				 .msg_namelen = sizeof(addr),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct range range;
	int fd;

	(void)count;
	if (!client_range(client, words[1], &range) || !unix_addr(words[2], &addr))
		return reply_error(reply, "pass: no such slot or path");
	memcpy(CMSG_DATA(&control.header), &client->fds[range.first], sizeof(int));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendmsg(fd, &message, 0) < 0)
		reply_error(reply, "pass: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

void do_take(struct client *client, char **words, int count, struct reply *reply)
{
	union fd_message control = {.header = {.cmsg_len = 0}};
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	int fd;

	(void)words;
	(void)count;
	if (recvmsg(client->unix_fd, &message, 0) < 0 || !CMSG_FIRSTHDR(&message))
		return reply_error(reply, "take: %s", strerror(errno));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	reply_add(reply, "ok %d", client_add(client, fd));
}

void do_name(struct client *client, char **words, int count, struct reply *reply)
{
	(void)client;
	(void)count;
	if (prctl(PR_SET_NAME, words[1]) < 0)
		reply_error(reply, "name: %s", strerror(errno));
}

void do_exec(struct client *client, char **words, int count, struct reply *reply)
{
	static char fds[LINE_SIZE];
	size_t length = 0;

	(void)count;
	for (int slot = 0; slot < client->slot_count; slot++)
		length += snprintf(fds + length, sizeof(fds) - length, "%d,", client->fds[slot]);
	setenv(FDS_ENV, fds, 1);
	execl(words[1], words[1], (char *)NULL);
	reply_error(reply, "exec %s: %s", words[1], strerror(errno));
}

void do_exit(struct client *client, char **words, int count, struct reply *reply)
{
	(void)client;
	(void)words;
	(void)count;
	(void)reply;
	_exit(0);
}

static void *leave_main(void *argument)
{
	struct reply reply = {.length = 0};
	struct client *client = argument;

	pthread_join(client->main_thread, NULL);
	reply_send(&reply);
	client_run(client);
	exit(0);
}

void do_leave(struct client *client, char **words, int count, struct reply *reply)
{
	pthread_t thread;

	(void)words;
	(void)count;
	client->main_thread = pthread_self();
	if (pthread_create(&thread, NULL, leave_main, client) != 0)
		return reply_error(reply, "no thread");
	pthread_exit(NULL);
}

void client_inherit(struct client *client)
{
	const char *fds = getenv(FDS_ENV);

	while (fds && *fds) {
		client_add(client, atoi(fds));
		fds = strchr(fds, ',');
		fds = fds ? fds + 1 : NULL;
	}
}
