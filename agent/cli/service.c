// SPDX-License-Identifier: Apache-2.0
/*
 * Why: a manager that knows whether the agent is up, alive and stopping restarts it when it has to
 * and leaves it alone when not.
 *
 * Invariant: READY=1 is said after the first look and after each reload, never before. The watchdog
 * is fed by the loop itself and by nothing else.
 *
 * Not here: what a reload does (reload.c). A message that the manager does not take is lost; there
 * is nobody else to tell, and no reason to end for it.
 */
#include "service.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "core/types.h"

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct service *service = userdata;
	struct timespec now;

	(void)source;
	(void)info;
	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	/* The time is what Type=notify-reload asks for; others ignore it. */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
			 (unsigned long long)now.tv_sec * 1000000 +
				 (unsigned long long)now.tv_nsec / NS_PER_US);
	service->on_reload(service->userdata);
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int on_exit_of_loop(sd_event_source *source, void *userdata)
{
	(void)source;
	(void)userdata;
	(void)sd_notify(0, "STOPPING=1");
	return 0;
}

int service_block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGHUP);
	return sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : 0;
}

int service_join(struct service *service, sd_event *event)
{
	int r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, service);

	if (r >= 0)
		r = sd_event_add_exit(event, NULL, on_exit_of_loop, NULL);
	if (r >= 0)
		r = sd_event_set_watchdog(event, true);
	return r < 0 ? r : 0;
}

void service_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void service_status(struct service *service, const char *format, ...)
{
	char status[sizeof(service->status)];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(status, sizeof(status), format, args);
	va_end(args);
	if (strcmp(status, service->status) == 0)
		return;
	strcpy(service->status, status);
	(void)sd_notifyf(0, "STATUS=%s", status);
}
