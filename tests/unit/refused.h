/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is refused, one allocation after the other, alone or with all that follow. The linker
 * puts the functions of wrapped.h between the core and the C library (--wrap, in the Makefile).
 * Included by the tests, one binary each.
 */
#ifndef CONNLEAK_TESTS_UNIT_REFUSED_H
#define CONNLEAK_TESTS_UNIT_REFUSED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED_TRIES_MAX 20000

static struct {
	uint64_t until; /* allocations that still succeed; counts down to 0 */
	bool for_ever; /* all that follow fail, too */
	bool struck;
	int64_t live; /* blocks allocated and not freed */
	bool armed;
} memory;

void __real_free(void *block);

static bool is_refused(void)
{
	if (!memory.armed || (memory.struck && !memory.for_ever))
		return false;
	if (memory.until > 0) {
		memory.until--;
		return false;
	}
	memory.struck = true;
	errno = ENOMEM;
	return true;
}

static void *counted(void *block, const void *before)
{
	memory.live += block && !before;
	return block;
}

#include "wrapped.h"

void __wrap_free(void *block)
{
	memory.live -= !!block;
	__real_free(block);
}

/* What a thing that is being tried does not do itself: nothing of this is refused. */
static inline void refused_pause(void)
{
	memory.armed = false;
}

static inline void refused_resume(void)
{
	memory.armed = true;
}

/*
 * Calls run with its first allocation refused, then with its second, and so on, until it comes to
 * its end. It answers 0 or -ENOMEM, leaves nothing behind and may ask is_struck. Returns how many
 * allocations it has.
 */
static inline uint64_t refused_each(int (*run)(void *userdata), void *userdata, bool for_ever)
{
	uint64_t told = 0, tried = 0;

	for (;; tried++) {
		int64_t live = memory.live;
		int error;

		assert_true(tried < REFUSED_TRIES_MAX);
		memory.until = tried;
		memory.for_ever = for_ever;
		memory.struck = false;
		memory.armed = true;
		error = run(userdata);
		memory.armed = false;
		if (memory.live != live)
			fail_msg("allocation %llu refused: %lld blocks are left",
				 (unsigned long long)tried, (long long)(memory.live - live));
		if (error && error != -ENOMEM)
			fail_msg("allocation %llu refused: error %d", (unsigned long long)tried,
				 error);
		assert_true(!error || memory.struck);
		told += error == -ENOMEM;
		if (!memory.struck)
			break;
	}
	print_message("%llu allocations, %llu of them told as -ENOMEM\n", (unsigned long long)tried,
		      (unsigned long long)told);
	return tried;
}

#endif
