// SPDX-License-Identifier: Apache-2.0
/*
 * Who asks "which code?" wants the function that forgot, and not the libc, the driver and the pool
 * between it and the socket, nor the event loop and the interpreter behind it. So frames are told
 * apart by what they belong to, and the line is made of the application's.
 *
 * Invariant: the line depends on names and on build-ids with offsets alone, never on addresses, so
 * that it is the same in every process of a program. Does not look anything up.
 */
#include "site.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CALLERS_MAX 5
#define NAME_MAX_BYTES 96

struct prefix {
	const char *text;
	enum frame_rank rank;
};

/* Base names of files that code is in. */
static const struct prefix modules[] = {
	{"libpq.so", RANK_DRIVER},	 {"libmariadb.so", RANK_DRIVER},
	{"libmysqlclient", RANK_DRIVER}, {"libhiredis", RANK_DRIVER},
	{"libmongoc", RANK_DRIVER},	 {"libmemcached", RANK_DRIVER},
	{"libpqxx", RANK_DRIVER},	 {"libodbc", RANK_DRIVER},
	{"psqlodbc", RANK_DRIVER},	 {"libclntsh", RANK_DRIVER},
	{"libsybdb", RANK_DRIVER},	 {"_psycopg", RANK_DRIVER},
	{"pgsql.so", RANK_DRIVER},	 {"pdo", RANK_DRIVER},
	{"mysqli.so", RANK_DRIVER},	 {"mysqlnd.so", RANK_DRIVER},
	{"redis.so", RANK_DRIVER},	 {"libc.so", RANK_RUNTIME},
	{"libc-2.", RANK_RUNTIME},	 {"libpthread", RANK_RUNTIME},
	{"ld-linux", RANK_RUNTIME},	 {"ld-musl", RANK_RUNTIME},
	{"libstdc++", RANK_RUNTIME},	 {"libgcc_s", RANK_RUNTIME},
	{"libssl", RANK_RUNTIME},	 {"libcrypto", RANK_RUNTIME},
	{"libgnutls", RANK_RUNTIME},	 {"libuv", RANK_RUNTIME},
	{"libev", RANK_RUNTIME},	 {"liburing", RANK_RUNTIME},
	{"libjvm.so", RANK_RUNTIME},	 {"libjli.so", RANK_RUNTIME},
	{"libnet.so", RANK_RUNTIME},	 {"libnio.so", RANK_RUNTIME},
	{"libjava.so", RANK_RUNTIME},	 {"libpython", RANK_RUNTIME},
	{"python", RANK_RUNTIME},	 {"libnode", RANK_RUNTIME},
	{"node", RANK_RUNTIME},		 {"libphp", RANK_RUNTIME},
	{"php", RANK_RUNTIME},		 {"libruby", RANK_RUNTIME},
	{"ruby", RANK_RUNTIME},		 {"libperl", RANK_RUNTIME},
	{"perl", RANK_RUNTIME},
};

static const struct prefix functions[] = {
	/* C and C++ */
	{"__libc_", RANK_RUNTIME},
	{"_start", RANK_RUNTIME},
	{"__restore_rt", RANK_RUNTIME},
	{"std::", RANK_RUNTIME},
	{"void std::", RANK_RUNTIME},
	{"__gnu_cxx::", RANK_RUNTIME},
	{"boost::asio::", RANK_RUNTIME},
	{"pqxx::", RANK_DRIVER},
	{"PQ", RANK_DRIVER},
	/* Rust */
	{"core::", RANK_RUNTIME},
	{"alloc::", RANK_RUNTIME},
	{"<core::", RANK_RUNTIME},
	{"<std::", RANK_RUNTIME},
	{"<alloc::", RANK_RUNTIME},
	{"tokio::", RANK_RUNTIME},
	{"<tokio::", RANK_RUNTIME},
	{"mio::", RANK_RUNTIME},
	{"tokio_postgres::", RANK_DRIVER},
	{"postgres::", RANK_DRIVER},
	{"sqlx", RANK_DRIVER},
	{"deadpool", RANK_DRIVER},
	{"r2d2", RANK_DRIVER},
	{"redis::", RANK_DRIVER},
	/* Go */
	{"runtime.", RANK_RUNTIME},
	{"runtime/", RANK_RUNTIME},
	{"syscall.", RANK_RUNTIME},
	{"internal/", RANK_RUNTIME},
	{"net.", RANK_RUNTIME},
	{"net/http.", RANK_RUNTIME},
	{"bufio.", RANK_RUNTIME},
	{"io.", RANK_RUNTIME},
	{"context.", RANK_RUNTIME},
	{"crypto/", RANK_RUNTIME},
	{"sync.", RANK_RUNTIME},
	{"testing.", RANK_RUNTIME},
	{"database/sql.", RANK_DRIVER},
	{"github.com/lib/pq", RANK_DRIVER},
	{"github.com/jackc/", RANK_DRIVER},
	{"github.com/go-sql-driver/", RANK_DRIVER},
	{"github.com/jmoiron/sqlx", RANK_DRIVER},
	{"github.com/redis/", RANK_DRIVER},
	{"github.com/go-redis/", RANK_DRIVER},
	{"go.mongodb.org/", RANK_DRIVER},
	{"gorm.io/", RANK_DRIVER},
	/* Java */
	{"java.", RANK_RUNTIME},
	{"javax.", RANK_RUNTIME},
	{"jdk.", RANK_RUNTIME},
	{"sun.", RANK_RUNTIME},
	{"com.sun.", RANK_RUNTIME},
	{"Interpreter", RANK_RUNTIME},
	{"StubRoutines", RANK_RUNTIME},
	{"call_stub", RANK_RUNTIME},
	{"org.postgresql.", RANK_DRIVER},
	{"com.zaxxer.hikari.", RANK_DRIVER},
	{"com.mysql.", RANK_DRIVER},
	{"org.mariadb.", RANK_DRIVER},
	{"oracle.jdbc.", RANK_DRIVER},
	{"org.apache.commons.dbcp", RANK_DRIVER},
	{"org.apache.tomcat.", RANK_DRIVER},
	{"com.mchange.", RANK_DRIVER},
	{"org.hibernate.", RANK_DRIVER},
	{"org.springframework.", RANK_DRIVER},
	{"redis.clients.", RANK_DRIVER},
	{"io.lettuce.", RANK_DRIVER},
	{"io.netty.", RANK_RUNTIME},
	{"com.mongodb.", RANK_DRIVER},
};

/* Parts of the path of a source file. */
static const struct prefix files[] = {
	{"/node_modules/", RANK_DRIVER},  {"node:", RANK_RUNTIME},
	{"/site-packages/", RANK_DRIVER}, {"/dist-packages/", RANK_DRIVER},
	{"/lib/python3", RANK_RUNTIME},	  {"<frozen ", RANK_RUNTIME},
	{"/vendor/", RANK_DRIVER}, /* of PHP's composer */
};

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static enum frame_rank rank_of_file(const char *file)
{
	for (size_t i = 0; i < COUNT_OF(files); i++)
		if (strstr(file, files[i].text))
			return files[i].rank;
	return RANK_APPLICATION;
}

static enum frame_rank rank_by(const struct prefix *table, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (begins_with(text, table[i].text))
			return table[i].rank;
	return RANK_APPLICATION;
}

enum frame_rank site_rank(const struct site_frame *frame)
{
	enum frame_rank rank = RANK_APPLICATION;

	if (frame->module)
		rank = rank_by(modules, COUNT_OF(modules), frame->module);
	if (rank == RANK_APPLICATION && frame->file && frame->kind != FRAME_NATIVE)
		rank = rank_of_file(frame->file);
	if (rank == RANK_APPLICATION && frame->function && frame->kind != FRAME_SCRIPT)
		rank = rank_by(functions, COUNT_OF(functions), frame->function);
	return rank;
}

/* The best of the named functions on it that an interpreter or a JIT compiler runs. */
enum host { HOST_NONE, HOST_RUNTIME, HOST_KNOWN };

static enum host host_of(const struct site_frame *frames, uint32_t count)
{
	enum host host = HOST_NONE;

	for (uint32_t i = 0; i < count; i++) {
		if (frames[i].kind == FRAME_NATIVE || !frames[i].function)
			continue;
		if (site_rank(&frames[i]) != RANK_RUNTIME)
			return HOST_KNOWN;
		host = HOST_RUNTIME;
	}
	return host;
}

/*
 * Native code below a program of another language is an extension, whatever it is called, and says
 * less than the module that calls it.
 */
static enum frame_rank rank_within(const struct site_frame *frame, enum host host)
{
	enum frame_rank rank = site_rank(frame);

	if (host == HOST_NONE || (frame->kind != FRAME_NATIVE && frame->function))
		return rank;
	if (host == HOST_KNOWN)
		return RANK_RUNTIME;
	return rank == RANK_APPLICATION ? RANK_DRIVER : rank;
}

/* --- the line --------------------------------------------------------------------------------- */

struct line {
	char *buffer;
	size_t size, used;
};

static void put(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct line *line, const char *format, ...)
{
	size_t room = line->size - line->used;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line->buffer + line->used, room, format, args);
	va_end(args);
	if (length > 0)
		line->used += (size_t)length < room ? (size_t)length : room - 1;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

static void put_nameless(struct line *line, const struct site_frame *frame)
{
	const char *reason = frame->reason ? frame->reason : "no symbol";

	if (frame->kind == FRAME_JIT || !frame->module) {
		put(line, "code without a name (%s)", reason);
		return;
	}
	put(line, "%.*s", NAME_MAX_BYTES, frame->module);
	if (frame->build_id)
		put(line, "[%.8s]", frame->build_id);
	put(line, "+0x%" PRIx64 " (%s)", frame->offset, reason);
}

static void put_lead(struct line *line, const struct site_frame *frame)
{
	if (!frame->function) {
		put_nameless(line, frame);
		return;
	}
	put(line, "%.*s", NAME_MAX_BYTES, frame->function);
	if (frame->file && frame->line > 0)
		put(line, " (%.64s:%" PRIu32 ")", base_name(frame->file), frame->line);
	else if (frame->module && strcmp(frame->function, "main") != 0)
		put(line, " (%.64s)", frame->module);
}

static bool is_same(const struct site_frame *a, const struct site_frame *b)
{
	if (!a->function || !b->function)
		return !a->function && !b->function &&
		       (a->kind == FRAME_JIT ? b->kind == FRAME_JIT : a->offset == b->offset);
	return strcmp(a->function, b->function) == 0;
}

static void put_callers(struct line *line, const struct site_frame *frames, uint32_t count,
			enum frame_rank rank, enum host host)
{
	const struct site_frame *before = &frames[0];
	unsigned told = 0;

	for (uint32_t i = 1; i < count && told < CALLERS_MAX; i++) {
		if (rank_within(&frames[i], host) > rank || is_same(&frames[i], before))
			continue;
		/* A line that is cut off in the middle of a name names somebody else. */
		if (line->used + NAME_MAX_BYTES + 16 > line->size)
			return;
		put(line, " < ");
		if (frames[i].function)
			put(line, "%.*s", NAME_MAX_BYTES, frames[i].function);
		else
			put_nameless(line, &frames[i]);
		before = &frames[i];
		told++;
	}
}

static void put_thread(struct line *line, const char *thread)
{
	bool was_digit = false;

	put(line, " [thread ");
	for (const char *at = thread; *at && at < thread + COMM_SIZE; at++) {
		bool is_digit = *at >= '0' && *at <= '9';

		if (!is_digit || !was_digit)
			put(line, "%c", is_digit ? '#' : *at);
		was_digit = is_digit;
	}
	put(line, "]");
}

size_t site_format(const struct site_frame *frames, uint32_t count, const char *thread,
		   char *buffer, size_t size)
{
	/* The thread's name has its place at the end, however long the rest. */
	size_t reserved = thread ? COMM_SIZE + 16 : 0;
	struct line line = {.buffer = buffer, .size = size - reserved};
	enum frame_rank best = RANK_RUNTIME;
	enum host host = host_of(frames, count);
	uint32_t lead = 0;

	buffer[0] = '\0';
	if (count == 0)
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (rank_within(&frames[i], host) < best)
			best = rank_within(&frames[i], host);
	while (rank_within(&frames[lead], host) != best)
		lead++;
	put_lead(&line, &frames[lead]);
	put_callers(&line, frames + lead, count - lead, best, host);
	line.size = size;
	if (thread && thread[0] != '\0')
		put_thread(&line, thread);
	return line.used;
}

const char *site_lead(const char *site, char *buffer, size_t size)
{
	const char *end = strstr(site, " < ");
	size_t length = end ? (size_t)(end - site) : strlen(site);

	(void)snprintf(buffer, size, "%.*s", (int)(length < size ? length : size - 1), site);
	return buffer;
}
