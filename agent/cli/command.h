/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommands. Each returns an exit status of option.h and reports its own errors on stderr.
 */
#ifndef CONNLEAK_CLI_COMMAND_H
#define CONNLEAK_CLI_COMMAND_H

#include "option.h"

int cmd_list(const struct options *options);
int cmd_top(const struct options *options);
int cmd_trace(const struct options *options);
int cmd_replay(const struct options *options);
int cmd_agent(struct options *options); /* a reload changes them */
int cmd_explain(const struct options *options);
int cmd_run(const struct options *options);
int cmd_check(const struct options *options);

#endif
