/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording, as far as the options ask for it.
 */
#ifndef CONNLEAK_CLI_RECORDING_H
#define CONNLEAK_CLI_RECORDING_H

#include "option.h"
#include "sys/source_replay.h"

/*
 * Opens the trace at path ("-" is stdin), to be replayed without what --pid, --comm, --cgroup and
 * --port leave out; options are borrowed. Returns 0, or -errno after one line on stderr. Close with
 * source_replay_close().
 */
int recording_open(const struct options *options, const char *path,
		   struct source_replay **ret_source);

#endif
