// SPDX-License-Identifier: Apache-2.0
/*
 * Messages for the person at the terminal or the service's log.
 *
 * The verbosity is the one piece of state of the process that is not handed around: libbpf's print
 * callback has no argument to carry it, and a message must be possible from everywhere.
 *
 * Invariant: a message is one line on standard error that begins with the name of the program.
 * Does not escape: names from outside are safe before they come here.
 */
#include "log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>

static int log_verbosity;

void log_set_verbosity(int verbosity)
{
	log_verbosity = verbosity;
}

static void write_line(const char *format, va_list args)
{
	flockfile(stderr);
	fputs("connleak: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(format, args);
	va_end(args);
}

void log_notice(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_line(format, args);
	va_end(args);
}

void log_detail(const char *format, ...)
{
	va_list args;

	if (log_verbosity < 1)
		return;
	va_start(args, format);
	write_line(format, args);
	va_end(args);
}

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (log_verbosity < (level == LIBBPF_WARN ? 1 : 2))
		return 0;
	return vfprintf(stderr, format, args);
}

void log_capture_libbpf(void)
{
	libbpf_set_print(print_libbpf);
}
