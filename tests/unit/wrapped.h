/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library's allocator, some of whose allocations fail: functions that the linker puts in its
 * place (--wrap). Whoever includes this has two functions of its own before: is_refused() says
 * whether the next one fails, and sets errno then; counted() is told of each block that is there
 * with the one that it replaces, or NULL, and returns it.
 */
#ifndef CONNLEAK_TESTS_UNIT_WRAPPED_H
#define CONNLEAK_TESTS_UNIT_WRAPPED_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

void *__wrap_malloc(size_t size)
{
	return is_refused() ? NULL : counted(__real_malloc(size), NULL);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return is_refused() ? NULL : counted(__real_calloc(count, size), NULL);
}

void *__wrap_realloc(void *block, size_t size)
{
	return is_refused() ? NULL : counted(__real_realloc(block, size), block);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
	return is_refused() ? NULL : counted(__real_reallocarray(block, count, size), block);
}

char *__wrap_strdup(const char *text)
{
	return is_refused() ? NULL : counted(__real_strdup(text), NULL);
}

char *__wrap_strndup(const char *text, size_t size)
{
	return is_refused() ? NULL : counted(__real_strndup(text, size), NULL);
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
	if (length >= 0)
		(void)counted(*ret_text, NULL);
	return length;
}

#endif
