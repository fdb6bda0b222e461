/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay puts a file in the place of the kernel: whoever asks for the next event cannot tell which
 * of the two answers. Files come from other hosts, cut off by full disks and copied by people, so
 * most of this is about saying in one sentence what is wrong with one, and where.
 *
 * Invariant: memory is one buffer of BUFFER_SIZE, however long the file or its lines; an event is
 * handed on only if it is not earlier than the one before; a line without its LF is the last one.
 *
 * It does not know which connections are open: an event of a connection that is not there is the
 * table's to refuse, with source_replay_line() for the message. It does not decompress.
 */
#include "source_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/format.h"

/* Room for the longest line and its LF behind a refill of some size. */
#define BUFFER_SIZE (4 * TRACE_LINE_MAX)
#define ERROR_SIZE 512

enum progress { RUNNING, AT_END, FAILED };

struct source_replay {
	int fd; /* owned; -1 = none */
	struct trace_reader *reader;
	struct replay_filter *filter; /* owned; NULL = everything is told */
	struct trace_header header;
	uint64_t line; /* number of the last line taken */
	uint64_t last_t_ns;
	enum progress progress;
	int failure; /* what FAILED goes on returning */
	bool at_eof;
	bool ended; /* the last event was `end` */
	bool cut;
	size_t start, used; /* unread bytes are buffer[start..used) */
	char name[256];
	char error[ERROR_SIZE];
	char buffer[BUFFER_SIZE];
};

static int fail(struct source_replay *replay, int r, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* With the number of the line where one has been reached. */
static int fail(struct source_replay *replay, int r, const char *format, ...)
{
	char number[24] = "";
	va_list args;
	int used;

	if (replay->line)
		(void)snprintf(number, sizeof(number), ":%llu", (unsigned long long)replay->line);
	used = snprintf(replay->error, sizeof(replay->error), "%s%s: ", replay->name, number);
	va_start(args, format);
	(void)vsnprintf(replay->error + used, sizeof(replay->error) - (size_t)used, format, args);
	va_end(args);
	replay->progress = FAILED;
	replay->failure = r;
	return r;
}

/* Reads on behind what is unread; at_eof when nothing is left. */
static int refill(struct source_replay *replay)
{
	ssize_t got;

	memmove(replay->buffer, replay->buffer + replay->start, replay->used - replay->start);
	replay->used -= replay->start;
	replay->start = 0;
	do
		got = read(replay->fd, replay->buffer + replay->used,
			   sizeof(replay->buffer) - replay->used);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	replay->used += (size_t)got;
	replay->at_eof = !got;
	return 0;
}

/*
 * The next line without its LF. Returns 1, 0 when there is none, -errno. The text lives until the
 * next call. *ret_whole says whether there was an LF.
 */
static int next_line(struct source_replay *replay, const char **ret_text, size_t *ret_length,
		     bool *ret_whole)
{
	size_t searched = 0, length;
	const char *text, *newline;
	int r;

	for (;;) {
		text = replay->buffer + replay->start;
		length = replay->used - replay->start;
		newline = memchr(text + searched, '\n', length - searched);
		if (newline)
			length = (size_t)(newline - text);
		if (length > TRACE_LINE_MAX) {
			replay->line++;
			return fail(replay, -EMSGSIZE, "the line is longer than %d bytes",
				    TRACE_LINE_MAX);
		}
		if (newline || replay->at_eof)
			break;
		searched = length;
		r = refill(replay);
		if (r)
			return fail(replay, r, "cannot read on: %s", strerror(-r));
	}
	if (!length && !newline)
		return 0;
	replay->start += length + (newline ? 1 : 0);
	replay->line++;
	*ret_text = text;
	*ret_length = length;
	*ret_whole = newline != NULL;
	return 1;
}

/* What a file that is no trace often is instead. */
static const char *misfit(const char *text, size_t length)
{
	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return "begins with a byte order mark, which the format does not have: remove it";
	if (length >= 2 && !memcmp(text, "\x1f\x8b", 2))
		return "is compressed with gzip: unpack it first, as with "
		       "`zcat FILE | connleak replay -`";
	if (length >= 4 && !memcmp(text, "\x28\xb5\x2f\xfd", 4))
		return "is compressed with zstd: unpack it first, as with "
		       "`zstdcat FILE | connleak replay -`";
	if (memchr(text, '\0', length))
		return "is not a trace: it is binary";
	return NULL;
}

static int read_header(struct source_replay *replay)
{
	char sentence[ERROR_SIZE / 2];
	const char *text, *why;
	size_t length;
	bool whole;
	int r;

	/* A binary file need not have a line at all, so it is looked at before it is cut in lines.
	 */
	r = refill(replay);
	if (r)
		return fail(replay, r, "%s", strerror(-r));
	if (!replay->used)
		return fail(replay, -EINVAL, "is empty: not even the header of a trace is there");
	why = misfit(replay->buffer, replay->used < 512 ? replay->used : 512);
	if (why)
		return fail(replay, -EINVAL, "%s", why);
	r = next_line(replay, &text, &length, &whole);
	if (r < 0)
		return r;
	r = trace_parse_header(text, length, &replay->header, sentence, sizeof(sentence));
	if (r == -ENOMEM)
		return fail(replay, r, "out of memory");
	if (r)
		return fail(replay, r, "%s", sentence);
	return 0;
}

int source_replay_open_fd(int fd, const char *name, struct source_replay **ret_replay,
			  char *ret_error, size_t error_size)
{
	struct source_replay *replay = calloc(1, sizeof(*replay));
	struct stat status;
	int r;

	if (!replay) {
		(void)snprintf(ret_error, error_size, "out of memory");
		(void)close(fd); /* read only: nothing can be lost */
		return -ENOMEM;
	}
	replay->fd = fd;
	(void)format_safe(name, SIZE_MAX, replay->name, sizeof(replay->name));
	replay->reader = trace_reader_new();
	if (!replay->reader)
		r = fail(replay, -ENOMEM, "out of memory");
	else if (!fstat(fd, &status) && S_ISDIR(status.st_mode))
		r = fail(replay, -EISDIR, "is a directory, not a trace");
	else
		r = read_header(replay);
	if (r) {
		(void)snprintf(ret_error, error_size, "%s", replay->error);
		source_replay_close(replay);
		return r;
	}
	*ret_replay = replay;
	return 0;
}

int source_replay_open(const char *path, struct source_replay **ret_replay, char *ret_error,
		       size_t error_size)
{
	bool is_stdin = !strcmp(path, "-");
	char shown[256];
	int fd, r;

	/* A duplicate, so that closing the source leaves the process its stdin. */
	fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
		      : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		r = -errno;
		(void)snprintf(ret_error, error_size, "%s: %s",
			       is_stdin ? "stdin"
					: format_safe(path, SIZE_MAX, shown, sizeof(shown)),
			       strerror(-r));
		return r;
	}
	return source_replay_open_fd(fd, is_stdin ? "stdin" : path, ret_replay, ret_error,
				     error_size);
}

void source_replay_close(struct source_replay *replay)
{
	if (!replay)
		return;
	if (replay->fd >= 0)
		(void)close(replay->fd); /* read only: nothing can be lost */
	trace_reader_free(replay->reader);
	replay_filter_free(replay->filter);
	free(replay);
}

/* The end of what is there, with a sentence where more was to be expected. */
static int finish(struct source_replay *replay, const char *where)
{
	replay->progress = AT_END;
	if (replay->ended && !where)
		return 0;
	replay->cut = true;
	(void)snprintf(replay->error, sizeof(replay->error), "%s:%llu: the trace is cut off%s",
		       replay->name, (unsigned long long)replay->line,
		       where ? where : ": it has no 'end' event");
	return 0;
}

static int check_order(struct source_replay *replay, uint64_t t_ns)
{
	uint64_t before_ns = replay->last_t_ns;

	if (t_ns >= before_ns) {
		replay->last_t_ns = t_ns;
		return 0;
	}
	return fail(replay, -ERANGE, "t %llu.%09llu goes back: the event before was at %llu.%09llu",
		    (unsigned long long)(t_ns / NS_PER_SEC),
		    (unsigned long long)(t_ns % NS_PER_SEC),
		    (unsigned long long)(before_ns / NS_PER_SEC),
		    (unsigned long long)(before_ns % NS_PER_SEC));
}

void source_replay_use_filter(struct source_replay *replay, struct replay_filter *filter)
{
	replay_filter_free(replay->filter);
	replay->filter = filter;
}

static int read_event(struct source_replay *replay, struct event *ret_event)
{
	char sentence[ERROR_SIZE / 2];
	struct event event;
	const char *text;
	size_t length;
	bool whole;
	int r;

	if (replay->progress != RUNNING)
		return replay->progress == AT_END ? 0 : replay->failure;
	r = next_line(replay, &text, &length, &whole);
	if (r <= 0)
		return r ? r : finish(replay, NULL);
	r = trace_parse_event(replay->reader, text, length, &event, sentence, sizeof(sentence));
	if (r == -EBADMSG && !whole)
		return finish(replay, " in the middle of a line");
	if (r == -ENOMEM)
		return fail(replay, r, "out of memory");
	if (r)
		return fail(replay, r, "%s", length ? sentence : "the line is empty");
	r = check_order(replay, event.t_ns);
	if (r)
		return r;
	replay->ended = event.type == EVENT_END;
	*ret_event = event;
	return 1;
}

int source_replay_next(struct source_replay *replay, struct event *ret_event)
{
	int admits, r;

	do {
		r = read_event(replay, ret_event);
		if (r != 1 || !replay->filter)
			return r;
		admits = replay_filter_admits(replay->filter, ret_event);
	} while (admits == 0);
	return admits < 0 ? fail(replay, admits, "%s", strerror(-admits)) : 1;
}

const struct trace_header *source_replay_header(const struct source_replay *replay)
{
	return &replay->header;
}

const char *source_replay_name(const struct source_replay *replay)
{
	return replay->name;
}

uint64_t source_replay_line(const struct source_replay *replay)
{
	return replay->line;
}

const char *source_replay_error(const struct source_replay *replay)
{
	return replay->error;
}

bool source_replay_was_cut(const struct source_replay *replay)
{
	return replay->cut;
}
