// SPDX-License-Identifier: Apache-2.0
/*
 * The filters mean for a recording what they mean for a host. Only the default of --port does not:
 * what a recording has was worth watching to whoever made it, on whichever port.
 *
 * Invariant: whoever opens a recording opens it here, so a filter is the same for all of them.
 * Does not read lines (sys/source_replay.c).
 */
#include "recording.h"

#include <errno.h>
#include <string.h>

#include "option_table.h"
#include "sys/log.h"

static int use_filter(const struct options *options, struct source_replay *source)
{
	struct replay_rules rules = {
		.pids = options->pids,
		.pid_count = options->pid_count,
		.comms = options->comms,
		.comm_count = options->comm_count,
		.cgroups = options->cgroups,
		.cgroup_count = options->cgroup_count,
		.ports = option_is_given(options, "port") ? options->databases : NULL,
	};
	struct replay_filter *filter;

	if (!rules.pid_count && !rules.comm_count && !rules.cgroup_count && !rules.ports)
		return 0;
	filter = replay_filter_new(&rules);
	if (!filter)
		return -ENOMEM;
	source_replay_use_filter(source, filter);
	return 0;
}

int recording_open(const struct options *options, const char *path,
		   struct source_replay **ret_source)
{
	char error[512];
	int r = source_replay_open(path, ret_source, error, sizeof(error));

	if (r < 0) {
		log_error("%s", error);
		return r;
	}
	r = use_filter(options, *ret_source);
	if (r < 0) {
		log_error("%s: %s", source_replay_name(*ret_source), strerror(-r));
		source_replay_close(*ret_source);
		*ret_source = NULL;
	}
	return r;
}
