// SPDX-License-Identifier: Apache-2.0
/*
 * What is pinned goes on counting when the agent is gone, for the one that comes after it. Where
 * none is to come, this ends it.
 *
 * Invariant: nothing is taken from an agent that runs, and nothing that is not connleak's.
 * Does not know what is pinned (sys/pins.c).
 */
#include "detach.h"

#include <stdio.h>
#include <string.h>

#include "core/format.h"
#include "sys/log.h"
#include "sys/pins.h"

#define SHOWN_SIZE 256

int detach_pins(const struct options *options)
{
	const char *directory = options->pin ? options->pin : PINS_DIRECTORY;
	struct pins_removed removed;
	char shown[SHOWN_SIZE], error[512];
	int r;

	if (!strcmp(directory, OPTION_NONE)) {
		puts("nothing is pinned with --pin " OPTION_NONE);
		return EXIT_DONE;
	}
	(void)format_safe(directory, SIZE_MAX, shown, sizeof(shown));
	r = pins_remove(directory, &removed, error, sizeof(error));
	if (removed.object_count || removed.directory_count)
		printf("removed %u pinned objects and %u directories of %s\n", removed.object_count,
		       removed.directory_count, shown);
	else if (r == 0)
		printf("nothing is pinned in %s\n", shown);
	if (removed.is_rest)
		log_notice("%s stays: there is something in it that is not connleak's", shown);
	if (r < 0) {
		log_error("--detach: %s", error);
		return EXIT_RUNTIME;
	}
	return EXIT_DONE;
}
