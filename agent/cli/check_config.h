/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connleak agent --check-config: what is wrong with the config files, all of it at once.
 */
#ifndef CONNLEAK_CLI_CHECK_CONFIG_H
#define CONNLEAK_CLI_CHECK_CONFIG_H

#include "option.h"

/*
 * Reads options->config and its drop-ins as a start would. Every problem is one line on stderr with
 * file and line; when there is none, the files that were read are listed on stdout. Returns the
 * exit status: EXIT_DONE, EXIT_USAGE where a start would be refused, EXIT_RUNTIME.
 */
int check_config(const struct options *options);

#endif
