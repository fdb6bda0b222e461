/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The places where the agent answers: a TCP port and a unix socket.
 */
#ifndef CONNLEAK_CLI_SERVE_H
#define CONNLEAK_CLI_SERVE_H

#include "api.h"
#include "sys/listen.h"

/* Zeroed memory with listener.fd -1 is one that serves nothing. */
struct serve {
	struct api api;
	struct listen_unix listener;
	struct http_server *tcp, *local; /* owned; NULL = not served */
	sd_event_source *timer;
};

/* Before live_look(): counts from the first event on. Returns 0 or -ENOMEM. */
int serve_init(struct serve *serve, struct live *live, const struct ledger *ledger);

/*
 * Opens what the options of live name and adds it to the loop. Returns 0, or -errno after one line
 * on stderr. serve_close() in any case, before live_close().
 */
int serve_join(struct serve *serve, sd_event *event);

/* Closes what is open and removes the socket; for one that was never opened, too. */
void serve_close(struct serve *serve);

#endif
