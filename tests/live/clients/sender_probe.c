// SPDX-License-Identifier: Apache-2.0
/*
 * One place at which the last send can be seen, and no other: which of them a kernel has, and that
 * what is seen there is the send. With itself as the suspect.
 *
 *	sender_probe PLACE	0 tracepoint, 1 fentry, 2 kprobe
 *	sender_probe limits	wherever it can be seen, with maps that have room for one or none
 *
 * Prints what it has seen, or why there is nothing, and exits with 0, or 3 where the kernel does
 *not let it attach there.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/site_probes.h"

#define REFUSED 3

static int fail(const char *what)
{
	perror(what);
	return EXIT_FAILURE;
}

/* A listener that never accepts does. */
static int listen_somewhere(struct sockaddr_in *ret_address)
{
	socklen_t length = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*ret_address = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	if (fd < 0 || bind(fd, (struct sockaddr *)ret_address, length) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)ret_address, &length) < 0)
		return -1;
	return fd;
}

static int open_probes(uint16_t port, struct probes **ret_probes)
{
	static struct probes_setup setup;
	char error[512];

	setup.filter.port_bitmap[port / 8] = (uint8_t)(1 << port % 8);
	if (probes_open(&setup, ret_probes, error, sizeof(error)) == 0)
		return 0;
	fprintf(stderr, "%s\n", error);
	return -1;
}

/* The connection that this process has opened; 0 = none is seen. */
static uint64_t find_conn(struct probes *probes)
{
	struct probes_news news;

	if (probes_pass(probes, PASS_NEWS, true, &news) < 0 || news.result.sample_count != 1)
		return 0;
	return news.samples[0].id;
}

static int send_and_look(struct probes *probes, struct site_probes *site_probes, int fd)
{
	static struct stack_sample sample;
	uint64_t id = find_conn(probes);

	if (!id || send(fd, "x", 1, 0) != 1)
		return fail("send");
	if (!site_probes_read_send(site_probes, id, &sample)) {
		printf("the send was not seen\n");
		return EXIT_FAILURE;
	}
	if (sample.id != id || sample.role != ROLE_LAST_SEND ||
	    sample.client.pid != (uint32_t)getpid() ||
	    sample.tid != (uint32_t)syscall(SYS_gettid) || !sample.has_registers ||
	    sample.stack_bytes == 0 ||
	    strcmp((const char *)sample.thread_comm, "the-sender") != 0) {
		printf("something else was seen: pid %u, tid %u, thread %.16s, %u bytes\n",
		       sample.client.pid, sample.tid, sample.thread_comm, sample.stack_bytes);
		return EXIT_FAILURE;
	}
	printf("seen: thread %s, %u bytes of stack\n", sample.thread_comm, sample.stack_bytes);
	return EXIT_SUCCESS;
}

/* --- limits ----------------------------------------------------------------------------------- */

#define CONNS 5
#define CHILDREN 3

static void count_sample(void *userdata, const struct stack_sample *sample)
{
	*(int *)userdata += sample->role == ROLE_OPEN;
}

static int connect_all(const struct sockaddr_in *address, int fds[CONNS])
{
	for (int i = 0; i < CONNS; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (fds[i] < 0 ||
		    connect(fds[i], (const struct sockaddr *)address, sizeof(*address)) < 0)
			return fail("connect");
	}
	return 0;
}

/* How many of the connections that are seen have a last send. */
static int count_sends(struct probes *probes, const struct site_probes *site_probes)
{
	static struct stack_sample sample;
	struct probes_news news;
	int count = 0;

	if (probes_pass(probes, PASS_NEWS, true, &news) < 0)
		return -1;
	for (uint32_t i = 0; i < news.result.sample_count; i++)
		count += site_probes_read_send(site_probes, news.samples[i].id, &sample);
	return count;
}

static int fork_children(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return fail("fork");
	}
	return 0;
}

/* Opens, sends on each, forks; prints what was lost and what was not. */
static int lose(const struct site_probes_setup *setup)
{
	static struct probes_setup watch;
	const uint32_t self = (uint32_t)getpid();
	struct site_probes *site_probes;
	uint64_t lost[STACK_LOST_COUNT];
	struct sockaddr_in address;
	struct probes *probes;
	int fds[CONNS], taken = 0;
	char error[512];

	if (listen_somewhere(&address) < 0)
		return fail("listen");
	memset(&watch, 0, sizeof(watch));
	watch.filter.port_bitmap[ntohs(address.sin_port) / 8] =
		(uint8_t)(1 << ntohs(address.sin_port) % 8);
	watch.filter.pids = &self;
	watch.filter.pid_count = watch.limits.pid_count = 1;
	if (probes_open(&watch, &probes, error, sizeof(error)) < 0 ||
	    site_probes_open(probes, setup, &site_probes, error, sizeof(error)) < 0 ||
	    site_probes_suspect(site_probes, self, error, sizeof(error)) < 0) {
		printf("%s\n", error);
		return EXIT_FAILURE;
	}
	if (site_probes_follow_tree(site_probes) < 0 || connect_all(&address, fds))
		return fail("tree");
	(void)site_probes_drain(site_probes, count_sample, &taken);
	for (int i = 0; i < CONNS; i++)
		if (send(fds[i], "x", 1, 0) != 1)
			return fail("send");
	if (fork_children())
		return EXIT_FAILURE;
	site_probes_read_lost(site_probes, lost);
	printf("{\"rate\": %llu, \"ring\": %llu, \"sends\": %llu, \"processes\": %llu, "
	       "\"taken\": %d, \"seen\": %d}\n",
	       (unsigned long long)lost[STACK_LOST_RATE], (unsigned long long)lost[STACK_LOST_RING],
	       (unsigned long long)lost[STACK_LOST_SENDS],
	       (unsigned long long)lost[STACK_LOST_TREE], taken, count_sends(probes, site_probes));
	for (int i = 0; i < CONNS; i++)
		close(fds[i]);
	site_probes_close(site_probes);
	probes_close(probes);
	return EXIT_SUCCESS;
}

static int lose_each(void)
{
	struct site_probes_setup setup = {.stack_bytes = 4096, .stacks_per_s = 100};
	int status;

	setup.limits = (struct site_probes_limits){.ring_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
						   .send_count = 1};
	status = lose(&setup);
	setup.limits = (struct site_probes_limits){0};
	setup.stacks_per_s = 1;
	return status ? status : lose(&setup);
}

int main(int argc, char **argv)
{
	struct site_probes_setup setup = {.stack_bytes = 4096, .stacks_per_s = 20};
	struct site_probes *site_probes = NULL;
	int fd = socket(AF_INET, SOCK_STREAM, 0), status;
	struct probes *probes = NULL;
	struct sockaddr_in address;
	char error[512];

	if (argc != 2 || fd < 0 || prctl(PR_SET_NAME, "the-sender") < 0)
		return 2;
	if (strcmp(argv[1], "limits") == 0)
		return lose_each();
	setup.senders_left_out = ~(1u << atoi(argv[1]));
	if (listen_somewhere(&address) < 0 || open_probes(ntohs(address.sin_port), &probes) < 0)
		return fail("probes");
	if (site_probes_open(probes, &setup, &site_probes, error, sizeof(error)) < 0) {
		printf("%s\n", error);
		return EXIT_FAILURE;
	}
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return fail("connect");
	if (site_probes_suspect(site_probes, (uint32_t)getpid(), error, sizeof(error)) < 0) {
		printf("%s\n", error);
		status = REFUSED;
	} else {
		status = send_and_look(probes, site_probes, fd);
		site_probes_clear(site_probes, (uint32_t)getpid());
	}
	site_probes_close(site_probes);
	probes_close(probes);
	return status;
}
