// SPDX-License-Identifier: Apache-2.0
/*
 * A TCP client that does to its sockets what programs do to theirs, one command at a time
 * (stdin, see line.h). Sockets are numbered from 0; RANGE is a number or FIRST-LAST. Ends with
 * its stdin.
 *
 *   open COUNT WAY ADDR PORT      ok OUTCOME..., each SLOT:LOCALPORT or SLOT:ERRNO
 *   thread COUNT ADDR PORT        the same from a thread that then ends; ok TID OUTCOME...
 *   socket ADDR [LOCALPORT]       ok SLOT: a socket that is not connected
 *   connect SLOT WAY ADDR PORT    ok OUTCOME; may be said again and again
 *   begin ADDR PORT               ok SLOT: a connect that is not waited for
 *   finish SLOT                   ok OUTCOME of that
 *   disconnect SLOT               connect() to AF_UNSPEC
 *   send RANGE BYTES              receive RANGE BYTES      exchange RANGE BYTES
 *   pending SLOT BYTES            waits until so much has come and is not read
 *   expect SLOT eof|ERRNO         waits until a read says so
 *   shutdown SLOT wr|rdwr         linger RANGE             usertimeout SLOT MS
 *   close RANGE
 *   fork                          goes on in a child; the parent ends. ok PID
 *   keeper                        a child that holds what it inherits until we end. ok PID
 *   take PATH                     receives sockets at a Unix socket; ok SLOT. "listen" first:
 *   listen PATH
 *   pass SLOT PATH                sends one there
 *   leave                         goes on in a thread; the main thread ends
 *   name NAME                     prctl(PR_SET_NAME)
 *   exec PATH                     becomes another program file of this source. ok PID
 *   exit                          ends without closing anything
 *   storm TOTAL RATE ADDR ECHOPORT REFUSEDPORT RESETPORT
 *                                 ok opened N refused N closed N reset N other N ms N
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "opener.h"

#define CHUNK_BYTES 65536
#define WAIT_MS 50000

bool client_range(const struct client *client, const char *word, struct range *ret_range)
{
	char *end;

	ret_range->first = strtol(word, &end, 10);
	ret_range->last = *end == '-' ? strtol(end + 1, &end, 10) : ret_range->first;
	if (end == word || *end || ret_range->first < 0 || ret_range->last >= client->slot_count)
		return false;
	for (int slot = ret_range->first; slot <= ret_range->last; slot++)
		if (client->fds[slot] < 0)
			return false;
	return ret_range->first <= ret_range->last;
}

int client_add(struct client *client, int fd)
{
	if (client->slot_count == SLOTS_MAX) {
		close(fd);
		return -1;
	}
	client->fds[client->slot_count] = fd;
	return client->slot_count++;
}

static void reply_outcome(struct reply *reply, const struct client *client, int slot, int error)
{
	if (error)
		reply_add(reply, " %d:%s", slot, strerrorname_np(error));
	else
		reply_add(reply, " %d:%u", slot, socket_local_port(client->fds[slot]));
}

static int client_socket(struct client *client, int family)
{
	/* Not close-on-exec: exec and fork are to hand the sockets on. */
	int fd = socket(family, SOCK_STREAM, 0);

	return fd < 0 ? -1 : client_add(client, fd);
}

static void do_open(struct client *client, char **words, int count, struct reply *reply)
{
	struct sockaddr_storage addr;
	socklen_t length;
	enum way way;

	(void)count;
	if (!way_parse(words[2], &way) || !parse_sockaddr(words[3], words[4], &addr, &length))
		return reply_error(reply, "open: no such way or address");
	reply_add(reply, "ok");
	for (int i = 0; i < atoi(words[1]); i++) {
		int slot = client_socket(client, addr.ss_family);

		if (slot < 0)
			return reply_error(reply, "socket: %s", strerror(errno));
		reply_outcome(reply, client, slot,
			      opener_connect(client->fds[slot], way, &addr, length));
	}
}

struct thread_task {
	struct client *client;
	char **words;
	struct reply *reply;
};

static void *thread_main(void *argument)
{
	struct thread_task *task = argument;
	struct sockaddr_storage addr;
	socklen_t length;

	prctl(PR_SET_NAME, "opener-thread");
	if (!parse_sockaddr(task->words[2], task->words[3], &addr, &length)) {
		reply_error(task->reply, "thread: no such address");
		return NULL;
	}
	reply_add(task->reply, "ok %d", gettid());
	for (int i = 0; i < atoi(task->words[1]); i++) {
		int slot = client_socket(task->client, addr.ss_family);

		if (slot < 0) {
			reply_error(task->reply, "socket: %s", strerror(errno));
			break;
		}
		reply_outcome(task->reply, task->client, slot,
			      opener_connect(task->client->fds[slot], WAY_BLOCKING, &addr, length));
	}
	return NULL;
}

static void do_thread(struct client *client, char **words, int count, struct reply *reply)
{
	struct thread_task task = {.client = client, .words = words, .reply = reply};
	pthread_t thread;

	(void)count;
	if (pthread_create(&thread, NULL, thread_main, &task) != 0)
		return reply_error(reply, "no thread");
	pthread_join(thread, NULL);
}

static void do_socket(struct client *client, char **words, int count, struct reply *reply)
{
	struct sockaddr_storage addr;
	socklen_t length;
	int slot, one = 1;

	if (!parse_sockaddr(words[1], count > 2 ? words[2] : "0", &addr, &length))
		return reply_error(reply, "socket: no such address");
	slot = client_socket(client, addr.ss_family);
	if (slot < 0)
		return reply_error(reply, "socket: %s", strerror(errno));
	(void)setsockopt(client->fds[slot], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (count > 2 && bind(client->fds[slot], (struct sockaddr *)&addr, length) < 0)
		return reply_error(reply, "bind: %s", strerror(errno));
	reply_add(reply, "ok %d", slot);
}

static void do_connect(struct client *client, char **words, int count, struct reply *reply)
{
	struct sockaddr_storage addr;
	struct range range;
	socklen_t length;
	enum way way;

	(void)count;
	if (!client_range(client, words[1], &range) || !way_parse(words[2], &way) ||
	    !parse_sockaddr(words[3], words[4], &addr, &length))
		return reply_error(reply, "connect: no such slot, way or address");
	reply_add(reply, "ok");
	reply_outcome(reply, client, range.first,
		      opener_connect(client->fds[range.first], way, &addr, length));
}

static void do_begin(struct client *client, char **words, int count, struct reply *reply)
{
	struct sockaddr_storage addr;
	socklen_t length;
	int slot, error;

	(void)count;
	if (!parse_sockaddr(words[1], words[2], &addr, &length))
		return reply_error(reply, "begin: no such address");
	slot = client_socket(client, addr.ss_family);
	if (slot < 0)
		return reply_error(reply, "socket: %s", strerror(errno));
	error = opener_begin(client->fds[slot], &addr, length);
	if (error && error != EINPROGRESS)
		return reply_error(reply, "begin: %s", strerror(error));
	reply_add(reply, "ok %d", slot);
}

static void do_finish(struct client *client, char **words, int count, struct reply *reply)
{
	struct range range;

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "finish: no such slot");
	reply_add(reply, "ok");
	reply_outcome(reply, client, range.first, opener_finish(client->fds[range.first]));
}

static void do_disconnect(struct client *client, char **words, int count, struct reply *reply)
{
	struct sockaddr addr = {.sa_family = AF_UNSPEC};
	struct range range;

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "disconnect: no such slot");
	if (connect(client->fds[range.first], &addr, sizeof(addr)) < 0)
		reply_error(reply, "disconnect: %s", strerror(errno));
}

static bool transfer(int fd, bool is_send, size_t bytes)
{
	static char chunk[CHUNK_BYTES];
	struct pollfd poll_fd = {.fd = fd, .events = is_send ? POLLOUT : POLLIN};

	while (bytes > 0) {
		size_t want = bytes < sizeof(chunk) ? bytes : sizeof(chunk);
		ssize_t done;

		if (poll(&poll_fd, 1, WAIT_MS) != 1) {
			errno = ETIMEDOUT;
			return false;
		}
		done = is_send ? send(fd, chunk, want, MSG_NOSIGNAL) : recv(fd, chunk, want, 0);
		if (done <= 0)
			return false;
		bytes -= done;
	}
	return true;
}

static void do_transfer(struct client *client, char **words, int count, struct reply *reply)
{
	struct range range;

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "%s: no such slot", words[0]);
	for (int slot = range.first; slot <= range.last; slot++) {
		if ((words[0][0] != 'r' && !transfer(client->fds[slot], true, atol(words[2]))) ||
		    (words[0][0] != 's' && !transfer(client->fds[slot], false, atol(words[2]))))
			return reply_error(reply, "%s %d: %s", words[0], slot, strerror(errno));
	}
}

static void do_pending(struct client *client, char **words, int count, struct reply *reply)
{
	struct range range;
	int bytes = 0, mark = atoi(words[2]);
	struct pollfd poll_fd = {.events = POLLIN};

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "pending: no such slot");
	poll_fd.fd = client->fds[range.first];
	/* The low-water mark makes poll() wait for the last byte, not for the first. */
	(void)setsockopt(poll_fd.fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark));
	if (poll(&poll_fd, 1, WAIT_MS) != 1 || ioctl(poll_fd.fd, FIONREAD, &bytes) < 0 ||
	    bytes < mark)
		reply_error(reply, "pending: only %d", bytes);
}

static void do_expect(struct client *client, char **words, int count, struct reply *reply)
{
	struct pollfd poll_fd = {.events = POLLIN};
	struct range range;
	const char *outcome = "timeout";
	char byte;

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "expect: no such slot");
	poll_fd.fd = client->fds[range.first];
	if (poll(&poll_fd, 1, WAIT_MS) == 1) {
		ssize_t length = recv(poll_fd.fd, &byte, 1, MSG_PEEK);

		outcome = length == 0 ? "eof" : length > 0 ? "data" : strerrorname_np(errno);
	}
	if (strcmp(outcome, words[2]) != 0)
		reply_error(reply, "expect: %s", outcome);
}

static void do_shutdown(struct client *client, char **words, int count, struct reply *reply)
{
	int how = strcmp(words[2], "wr") == 0 ? SHUT_WR : SHUT_RDWR;
	struct range range;

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "shutdown: no such slot");
	for (int slot = range.first; slot <= range.last; slot++)
		if (shutdown(client->fds[slot], how) < 0)
			return reply_error(reply, "shutdown: %s", strerror(errno));
}

static void do_linger(struct client *client, char **words, int count, struct reply *reply)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	struct range range;

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "linger: no such slot");
	for (int slot = range.first; slot <= range.last; slot++)
		(void)setsockopt(client->fds[slot], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void do_usertimeout(struct client *client, char **words, int count, struct reply *reply)
{
	unsigned int ms = atoi(words[2]);
	struct range range;

	(void)count;
	if (!client_range(client, words[1], &range) ||
	    setsockopt(client->fds[range.first], IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) <
		    0)
		reply_error(reply, "usertimeout: refused");
}

static void do_close(struct client *client, char **words, int count, struct reply *reply)
{
	struct range range;

	(void)count;
	if (!client_range(client, words[1], &range))
		return reply_error(reply, "close: no such slot");
	for (int slot = range.first; slot <= range.last; slot++) {
		close(client->fds[slot]);
		client->fds[slot] = -1;
	}
}

static void do_storm(struct client *client, char **words, int count, struct reply *reply)
{
	struct storm storm = {.total_count = atol(words[1]), .per_second_count = atol(words[2])};

	(void)client;
	(void)count;
	if (storm.per_second_count == 0 ||
	    !parse_sockaddr(words[3], words[4], &storm.echo, &storm.addr_length) ||
	    !parse_sockaddr(words[3], words[5], &storm.refused, &storm.addr_length) ||
	    !parse_sockaddr(words[3], words[6], &storm.reset, &storm.addr_length))
		return reply_error(reply, "storm: no such rate or address");
	storm_run(&storm);
	reply_add(reply, "ok opened %lu refused %lu closed %lu reset %lu other %lu ms %lu",
		  storm.opened_count, storm.refused_count, storm.closed_count, storm.reset_count,
		  storm.other_count, storm.elapsed_ms);
}

static const struct command {
	const char *name;
	int argument_count; /* at least */
	void (*run)(struct client *client, char **words, int count, struct reply *reply);
} commands[] = {
	{"open", 4, do_open},
	{"thread", 3, do_thread},
	{"socket", 1, do_socket},
	{"connect", 4, do_connect},
	{"begin", 2, do_begin},
	{"finish", 1, do_finish},
	{"disconnect", 1, do_disconnect},
	{"send", 2, do_transfer},
	{"receive", 2, do_transfer},
	{"exchange", 2, do_transfer},
	{"pending", 2, do_pending},
	{"expect", 2, do_expect},
	{"shutdown", 2, do_shutdown},
	{"linger", 1, do_linger},
	{"usertimeout", 2, do_usertimeout},
	{"close", 1, do_close},
	{"fork", 0, do_fork},
	{"keeper", 0, do_keeper},
	{"listen", 1, do_listen},
	{"pass", 2, do_pass},
	{"take", 0, do_take},
	{"leave", 0, do_leave},
	{"name", 1, do_name},
	{"exec", 1, do_exec},
	{"exit", 0, do_exit},
	{"storm", 6, do_storm},
};

static void client_command(struct client *client, struct line *line, struct reply *reply)
{
	for (size_t i = 0; line->word_count && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(line->words[0], commands[i].name) == 0 &&
		    line->word_count > commands[i].argument_count)
			return commands[i].run(client, line->words, line->word_count, reply);
	reply_error(reply, "no such command");
}

void client_run(struct client *client)
{
	static struct line line;
	static struct reply reply;

	while (line_read(STDIN_FILENO, &line)) {
		client_command(client, &line, &reply);
		reply_send(&reply);
	}
}

int main(void)
{
	static struct client client = {.unix_fd = -1};

	signal(SIGPIPE, SIG_IGN);
	client_inherit(&client);
	printf("ready %d\n", getpid());
	fflush(stdout);
	client_run(&client);
	return 0;
}
