// SPDX-License-Identifier: Apache-2.0
/*
 * connleak list: every open database connection now. Asks the agent; without one it attaches,
 * seeds, looks once, prints, detaches.
 *
 * Invariant: the lines are the same, whoever has looked (listing.c).
 * Does not judge.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "listing.h"
#include "live.h"
#include "remote.h"
#include "sys/log.h"
#include "sys/privilege.h"

/* A request to the agent: 256 process ids and what stands before them. */
#define TARGET_SIZE 4096

static void write_target(const struct options *options, char *target, size_t size)
{
	size_t used =
		(size_t)snprintf(target, size, "/v1/connections?format=%s%s",
				 options->json ? "json" : "text", options->sites ? "&sites=1" : "");

	for (uint32_t i = 0; i < options->pid_count && used < size; i++)
		used += (size_t)snprintf(target + used, size - used, "%s%u",
					 i ? "," : "&pid=", options->pids[i]);
}

/* Returns 1 when the agent has answered, 0 where there is none for this, -errno. */
static int list_remote(const struct options *options)
{
	static const char *const served[] = {"pid", "sites", NULL};
	char target[TARGET_SIZE], *body = NULL;
	size_t size = 0;
	int r;

	write_target(options, target, sizeof(target));
	r = remote_get(options, served, target, &body, &size);
	if (r == 1)
		remote_print(body, size); /* the error flag is looked at in the end */
	free(body);
	return r;
}

static int list_own(const struct options *options)
{
	struct listing listing = {.json = options->json, .with_sites = options->sites};
	struct live live;
	int r, status = live_open(&live, options, false, false, NULL, NULL);

	if (status)
		goto out;
	status = EXIT_RUNTIME;
	if (options->sites)
		log_notice("who opened what is known only where the agent runs or has run: "
			   "'-' means that nobody was looking");
	r = live_confine(&live, PRIVILEGE_NO_MORE);
	if (r == 0)
		r = live_look(&live);
	if (r == 0)
		r = listing_write(stdout, &live, &listing);
	if (r == 0 || r == -EPIPE)
		status = EXIT_DONE;
	else if (!live.is_reported)
		log_error("cannot list the connections: %s", strerror(-r));
out:
	live_close(&live);
	return status;
}

int cmd_list(const struct options *options)
{
	int r;

	log_set_verbosity(options->verbosity);
	r = list_remote(options);
	if (r < 0)
		return EXIT_RUNTIME;
	return r == 1 ? EXIT_DONE : list_own(options);
}
