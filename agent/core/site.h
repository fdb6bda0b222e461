/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A site in words: the stack that opened a connection, or last sent on it, as one line that leads
 * with the function of the application. Equal lines are one site, in however many processes.
 *
 *	save_order (orders.c:41) < handle_request (http.c:80) < main
 *	OrderRepo.save (order_repo.py:22) < handle (app.py:9)
 *	orders[1f2e3d4c]+0x1a2b (stripped)
 */
#ifndef CONNLEAK_CORE_SITE_H
#define CONNLEAK_CORE_SITE_H

#include "types.h"

#define SITE_SIZE 384 /* bytes of a site's line, with its NUL */

enum frame_kind {
	FRAME_NATIVE,
	FRAME_JIT, /* code of no file */
	FRAME_SCRIPT, /* of an interpreter that was asked for its own frames */
};

/* One function of a stack. Strings are borrowed; NULL = unknown. */
struct site_frame {
	const char *function;
	const char *module; /* base name of the executable or library */
	const char *file; /* of the source */
	const char *build_id; /* of the module, hex */
	const char *reason; /* why the function is unknown */
	uint64_t offset; /* into the module's file */
	uint32_t line; /* 0 = unknown */
	enum frame_kind kind;
};

/* What a frame has to do with the question who it was. */
enum frame_rank {
	RANK_APPLICATION,
	RANK_DRIVER, /* a database's client library, a pool, a framework */
	RANK_RUNTIME, /* libc, an interpreter, a JIT compiler, a language's own library */
};

enum frame_rank site_rank(const struct site_frame *frame);

/*
 * Writes the line: the innermost frame of the application, then its callers; without any, the
 * drivers', and then whatever there is. thread is the thread's name where it says something, else
 * NULL; digits in it become '#', so that the workers of a pool are one site. Returns its length; 0
 * when there is nothing to say. The line is valid UTF-8 only where the names are: escape it.
 */
size_t site_format(const struct site_frame *frames, uint32_t count, const char *thread,
		   char *buffer, size_t size);

/* The first frame of a line: "save_order (orders.c:41)". */
const char *site_lead(const char *site, char *buffer, size_t size);

#endif
