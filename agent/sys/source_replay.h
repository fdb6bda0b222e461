/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recorded source: the events of a trace file, line by line, in bounded memory.
 *
 *	source_replay_open()  -> the header is read and understood
 *	while ((r = source_replay_next(replay, &event)) == 1) ...
 *	r < 0:                        source_replay_error() says which line and why
 *	source_replay_was_cut():      source_replay_error() says where the trace breaks off
 */
#ifndef CONNLEAK_SYS_SOURCE_REPLAY_H
#define CONNLEAK_SYS_SOURCE_REPLAY_H

#include "core/trace.h"
#include "replay_filter.h"

struct source_replay;

/*
 * Opens a trace; "-" is stdin. Returns 0, or -errno (-EINVAL, -EBADMSG: no trace) with one sentence
 * in ret_error that names the file. Free with source_replay_close(), which accepts NULL.
 */
int source_replay_open(const char *path, struct source_replay **ret_replay, char *ret_error,
		       size_t error_size);
void source_replay_close(struct source_replay *replay);

/* Of an open descriptor, which it takes over in any case; name stands for it in messages. */
int source_replay_open_fd(int fd, const char *name, struct source_replay **ret_replay,
			  char *ret_error, size_t error_size);

/* Leaves out from now on what the filter does; it is the source's then, and freed with it. */
void source_replay_use_filter(struct source_replay *replay, struct replay_filter *filter);

/*
 * The next event; its strings live until the next call. Returns 1; 0 at the end, again and again;
 * -errno where the trace cannot be gone on with, again and again too.
 */
int source_replay_next(struct source_replay *replay, struct event *ret_event);

/* What the first line says; lives as long as the source. */
const struct trace_header *source_replay_header(const struct source_replay *replay);

/* What messages call the trace: its path, safe for a terminal. */
const char *source_replay_name(const struct source_replay *replay);

/* Number of the line that the last event came from; the header is line 1. */
uint64_t source_replay_line(const struct source_replay *replay);

/* One sentence, "trace.jsonl:17: ev 'opne' is unknown"; "" when there is nothing to say. */
const char *source_replay_error(const struct source_replay *replay);

/* After the end: the trace has no `end` event, or breaks off within a line. */
bool source_replay_was_cut(const struct source_replay *replay);

#endif
