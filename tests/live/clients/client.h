/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's sockets, and the commands that are not about one of them (process.c).
 */
#ifndef CONNLEAK_TESTS_CLIENT_H
#define CONNLEAK_TESTS_CLIENT_H

#include <pthread.h>

#include "line.h"

#define SLOTS_MAX 4096

struct client {
	int fds[SLOTS_MAX]; /* -1 = closed */
	int slot_count;
	int unix_fd; /* of listen; -1 = none */
	pthread_t main_thread; /* of leave */
};

struct range {
	int first, last;
};

/* Parses FIRST[-LAST]; false when one of these slots is not open. */
bool client_range(const struct client *client, const char *word, struct range *ret_range);

/* Returns the slot, or -1 when there are too many; then fd is closed. */
int client_add(struct client *client, int fd);

/* Answers commands until the input ends. */
void client_run(struct client *client);

/* Takes over the sockets of the program that this one was before exec. */
void client_inherit(struct client *client);

void do_fork(struct client *client, char **words, int count, struct reply *reply);
void do_keeper(struct client *client, char **words, int count, struct reply *reply);
void do_listen(struct client *client, char **words, int count, struct reply *reply);
void do_pass(struct client *client, char **words, int count, struct reply *reply);
void do_take(struct client *client, char **words, int count, struct reply *reply);
void do_leave(struct client *client, char **words, int count, struct reply *reply);
void do_name(struct client *client, char **words, int count, struct reply *reply);
void do_exec(struct client *client, char **words, int count, struct reply *reply);
void do_exit(struct client *client, char **words, int count, struct reply *reply);

#endif
