// SPDX-License-Identifier: Apache-2.0
/*
 * One place at which the last send can be seen, and no other: which of them a kernel has, and that
 * what is seen there is the send. With itself as the suspect.
 *
 *	sender_probe PLACE	0 tracepoint, 1 fentry, 2 kprobe
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
	const struct conn_sample *samples;
	struct pass_result pass;

	if (probes_pass(probes, true, true, &samples, &pass) < 0 || pass.sample_count != 1)
		return 0;
	return samples[0].id;
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
