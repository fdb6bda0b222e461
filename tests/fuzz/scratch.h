/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why: some targets need real files, in memory. A fuzzer that ends at a finding, or is killed, runs
 * no exit handler, so whoever starts it may name a directory that is removed afterwards.
 */
#ifndef CONNLEAK_TESTS_FUZZ_SCRATCH_H
#define CONNLEAK_TESTS_FUZZ_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>

#define SCRATCH_PATH_SIZE 64

/* Makes a directory below that of FUZZ_SCRATCH, or /dev/shm, and puts its name in ret_path. */
static inline void scratch_make(char ret_path[SCRATCH_PATH_SIZE])
{
	const char *base = getenv("FUZZ_SCRATCH");
	int length = snprintf(ret_path, SCRATCH_PATH_SIZE, "%s/connleak-fuzz-XXXXXX",
			      base ? base : "/dev/shm");

	if (length >= SCRATCH_PATH_SIZE || !mkdtemp(ret_path)) {
		fprintf(stderr, "%s: no directory there\n", ret_path);
		abort();
	}
}

#endif
