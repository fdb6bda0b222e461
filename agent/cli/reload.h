/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: the command line and the config files are read once more, and what can change while the
 * agent runs is changed.
 */
#ifndef CONNLEAK_CLI_RELOAD_H
#define CONNLEAK_CLI_RELOAD_H

#include "live.h"

/*
 * Reads everything again and takes over what the option table calls changeable at run time, in
 * place: running keeps its address, and so do its settings. Says in one line on stderr what was
 * applied and what waits for the next start, or, with file, line and reason, why all of it was
 * refused and the old configuration goes on. Returns whether it was taken.
 */
bool reload(struct live *live, struct options *running);

/*
 * The sentence about the difference: "port and endpoint changed; the next start takes socket".
 * Pure.
 */
const char *reload_describe(const struct options *before, const struct options *after, char *buffer,
			    size_t size);

#endif
