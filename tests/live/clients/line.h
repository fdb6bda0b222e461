/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line protocol of the test programs: a command of words on stdin, one line on stdout for an
 * answer, "ok ..." or "error ...". Nothing is read ahead of the line, so that a program can exec
 * itself between two commands.
 */
#ifndef CONNLEAK_TESTS_LINE_H
#define CONNLEAK_TESTS_LINE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_SIZE 65536
#define WORDS_MAX 16

struct line {
	char text[LINE_SIZE];
	char *words[WORDS_MAX];
	int word_count;
};

/* Reads the next command. Returns false at the end of the input. */
bool line_read(int fd, struct line *line);

/* An answer that is put together piece by piece and written as one line by reply_send(). */
struct reply {
	char text[LINE_SIZE];
	size_t length;
};

void reply_add(struct reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Replaces what has been added by "error ...". */
void reply_error(struct reply *reply, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void reply_send(struct reply *reply);

/* Parses "127.0.0.1", "::1" or "::ffff:127.0.0.1". Returns false when it is no address. */
bool parse_sockaddr(const char *ip, const char *port, struct sockaddr_storage *ret_addr,
		    socklen_t *ret_length);

/* The port that a socket is bound to; 0 = none. */
uint16_t socket_local_port(int fd);

#endif
