// SPDX-License-Identifier: Apache-2.0
/*
 * Why: the one place that turns results into an exit status.
 *
 * Invariant: data that did not reach standard output is an error that somebody sees: SIGPIPE is
 * ignored, and the stream is closed and looked at before the status is given.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "sys/symbolizer.h"

/*
 * A standard stream that the caller closed would give its number to the next file opened, and
 * messages would be written into that file.
 */
static int open_missing_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* Opened the wrong way round, so that using it fails. */
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags | O_CLOEXEC) != fd)
			return -EBADF;
	}
	return 0;
}

static int run(struct options *options)
{
	switch (options->command) {
	case COMMAND_TOP:
		return cmd_top(options);
	case COMMAND_LIST:
		return cmd_list(options);
	case COMMAND_TRACE:
		return cmd_trace(options);
	case COMMAND_REPLAY:
		return cmd_replay(options);
	case COMMAND_AGENT:
		return cmd_agent(options);
	case COMMAND_EXPLAIN:
		return cmd_explain(options);
	case COMMAND_CHECK:
		return cmd_check(options);
	case COMMAND_RUN:
		return cmd_run(options);
	}
	return EXIT_RUNTIME;
}

/* A reader that has gone away is not a failure: 'connleak list | head -1'. */
static bool reader_is_gone(void)
{
	struct pollfd poll_fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLERR | POLLHUP));
}

static int close_stdout(int status)
{
	bool has_failed = ferror(stdout);
	bool was_used = has_failed || __fpending(stdout) > 0;
	bool is_gone = reader_is_gone();
	int error = 0;

	if (fclose(stdout) != 0 && (was_used || errno != EBADF)) {
		has_failed = true;
		error = errno;
	}
	if (!has_failed || error == EPIPE || is_gone)
		return status;
	fprintf(stderr, "connleak: standard output: %s\n",
		error ? strerror(error) : "not everything could be written");
	return status == EXIT_DONE ? EXIT_RUNTIME : status;
}

int main(int argc, char **argv)
{
	struct options options;
	int status = EXIT_RUNTIME;

	if (argc == 1 && strcmp(argv[0], SYMBOLIZER_NAME) == 0)
		return symbolizer_main(STDIN_FILENO);
	if (open_missing_streams() < 0)
		return EXIT_RUNTIME;
	(void)signal(SIGPIPE, SIG_IGN); /* cannot fail for SIGPIPE */
	switch (options_parse(argc, argv, &options)) {
	case OPTION_RUN:
		status = run(&options);
		break;
	case OPTION_DONE:
		status = EXIT_DONE;
		break;
	case OPTION_ERROR:
		status = EXIT_USAGE;
		break;
	case OPTION_NO_MEMORY:
		break;
	}
	options_free(&options);
	return close_stdout(status);
}
