// SPDX-License-Identifier: Apache-2.0
/*
 * Linked into the whole program in front of the C library's allocator (--wrap): the allocation
 * whose number is in CONNLEAK_REFUSE (from 0) fails, and a line on stderr says that it did. Without
 * that variable nothing fails. Allocations inside of libraries are not refused.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

static bool is_refused(void)
{
	static const char told[] = "allocation refused\n";
	static long left = -2; /* not asked yet; -1 = none is to fail */

	if (left == -2) {
		const char *number = getenv("CONNLEAK_REFUSE");

		left = number ? strtol(number, NULL, 10) : -1;
	}
	if (left < 0 || left-- > 0)
		return false;
	(void)!write(STDERR_FILENO, told, sizeof(told) - 1); /* nobody to tell otherwise */
	errno = ENOMEM;
	return true;
}

static void *counted(void *block, const void *before)
{
	(void)before;
	return block;
}

#include "tests/unit/wrapped.h"
