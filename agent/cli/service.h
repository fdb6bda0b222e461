/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a daemon owes to its service manager: readiness, a status line, the watchdog, reload on
 * SIGHUP. Without a manager ($NOTIFY_SOCKET) all of it does nothing, but for the reload.
 */
#ifndef CONNLEAK_CLI_SERVICE_H
#define CONNLEAK_CLI_SERVICE_H

#include <systemd/sd-event.h>

struct service {
	/* Called on SIGHUP, between two looks. */
	void (*on_reload)(void *userdata);
	void *userdata;
	char status[200]; /* the last one told */
};

/*
 * Blocks SIGHUP, so that one that comes before the loop runs is kept and does not end the program.
 * Returns 0 or -errno.
 */
int service_block_signals(void);

/*
 * Adds SIGHUP and the end of the loop to it, and lets the loop feed the watchdog: a tick that hangs
 * is a watchdog that starves. service is borrowed for as long as the loop lives. Returns 0 or
 * -errno.
 */
int service_join(struct service *service, sd_event *event);

/* The first look is done. */
void service_ready(void);

/* One line for `systemctl status`; told only when it is another one. */
void service_status(struct service *service, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
