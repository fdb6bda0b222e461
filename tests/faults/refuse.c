// SPDX-License-Identifier: Apache-2.0
/*
 * Linked into the whole program in front of the C library's allocator (--wrap): the allocation
 * whose number is in CONNLEAK_REFUSE (from 0) fails, and a line on stderr says that it did. Without
 * that variable nothing fails. Allocations inside of libraries are not refused.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

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

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return is_refused() ? NULL : __real_realloc(block, size);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
	return is_refused() ? NULL : __real_reallocarray(block, count, size);
}

char *__wrap_strdup(const char *text)
{
	return is_refused() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return is_refused() ? NULL : __real_strndup(text, size);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
	va_list arguments;
	int length;

	if (is_refused())
		return -1;
	va_start(arguments, format);
	length = vasprintf(ret_text, format, arguments);
	va_end(arguments);
	return length;
}
