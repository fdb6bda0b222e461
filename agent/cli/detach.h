/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connleak agent --detach: removes what a stopped agent has left in the kernel.
 */
#ifndef CONNLEAK_CLI_DETACH_H
#define CONNLEAK_CLI_DETACH_H

#include "option.h"

/*
 * Says on stdout what was removed. Returns an exit status: EXIT_DONE also where there was nothing,
 * EXIT_RUNTIME after a line on stderr, as when an agent is running.
 */
int detach_pins(const struct options *options);

#endif
