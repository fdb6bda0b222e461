// SPDX-License-Identifier: Apache-2.0
/*
 * Why: whoever is called looks for CONNLEAK_KIND=leak, and a program that watches the journal
 * filters by fields; a sentence alone serves neither.
 *
 * Invariant: a value has no control character, so no name that a process has given itself can
 * forge a field; a field that would not fit whole is left out. The fields are a contract.
 *
 * OBJECT_PID is not among them, though it would be apt: journald would add the command line of the
 * process, which may hold a password.
 */
#include "journal_entry.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/format.h"

/* Of systemd-id128 new; see the catalog. */
static const char *const message_ids[VERDICT_KIND_COUNT] = {
	[VERDICT_LEAK] = "9799c9085e7a4ee7a70f1dac0a5a7a39",
	[VERDICT_EXHAUSTED] = "d20bb342db054728945883ad1ed50ceb",
	[VERDICT_SATURATED] = "ebfd875cd1134611a2dc259e587113fa",
	[VERDICT_STORM] = "6b8e908d94f1403daf60659f03104fb9",
	[VERDICT_OVERSIZED] = "e697e9984dcb404c949166f317bd4fad",
};

struct writer {
	char *buffer;
	size_t used;
};

__attribute__((format(printf, 3, 4))) static void put(struct writer *writer, const char *field,
						      const char *format, ...)
{
	char *at = writer->buffer + writer->used;
	size_t left = JOURNAL_ENTRY_MAX - writer->used;
	int head = snprintf(at, left, "%s=", field), tail;
	va_list args;

	if (head < 0 || (size_t)head >= left)
		return;
	va_start(args, format);
	tail = vsnprintf(at + head, left - (size_t)head, format, args);
	va_end(args);
	if (tail < 0 || (size_t)head + (size_t)tail + 1 >= left)
		return;
	at[head + tail] = '\n';
	writer->used += (size_t)head + (size_t)tail + 1;
}

/*
 * A text that need not be safe; "" is unknown. The backslash is no danger here and is the way in
 * which texts of a verdict have been made safe already, so it passes.
 */
static void put_text(struct writer *writer, const char *field, const char *text, size_t max)
{
	char value[4096], piece[16];
	size_t length = text ? strnlen(text, max) : 0, used = 0, step;
	uint32_t code;

	for (size_t at = 0; at < length && used < sizeof(value) - sizeof(piece); at += step) {
		step = utf8_decode(text + at, length - at, &code);
		step = step ? step : 1;
		if (text[at] == '\\')
			strcpy(piece, "\\");
		else
			format_safe(text + at, step, piece, sizeof(piece));
		strcpy(value + used, piece);
		used += strlen(piece);
	}
	value[used] = '\0';
	if (used > 0)
		put(writer, field, "%s", value);
}

#define PUT_MEMBER(writer, field, member) put_text(writer, field, member, sizeof(member))

static int priority_of(const struct verdict *verdict)
{
	/* That it is over is worth reading and nobody's call. */
	if (verdict->state == VERDICT_CLEARED)
		return LOG_NOTICE;
	switch (verdict->severity) {
	case SEVERITY_CRITICAL:
		return LOG_CRIT;
	case SEVERITY_WARNING:
		return LOG_WARNING;
	case SEVERITY_INFO:
		break;
	}
	return LOG_INFO;
}

static void put_subject(struct writer *writer, const struct verdict *verdict)
{
	char remote[ADDR_TEXT_SIZE];

	put(writer, "CONNLEAK_PID", "%u", verdict->client.pid);
	PUT_MEMBER(writer, "CONNLEAK_COMM", verdict->comm);
	put(writer, "CONNLEAK_REMOTE", "%s",
	    format_netaddr(&verdict->remote, remote, sizeof(remote)));
	PUT_MEMBER(writer, "CONNLEAK_DATABASE", verdict->database);
	PUT_MEMBER(writer, "CONNLEAK_ENDPOINT", verdict->endpoint);
	PUT_MEMBER(writer, "CONNLEAK_WORKLOAD", verdict->workload);
	PUT_MEMBER(writer, "CONNLEAK_NAMESPACE", verdict->namespace);
	PUT_MEMBER(writer, "CONNLEAK_POD", verdict->pod);
	PUT_MEMBER(writer, "CONNLEAK_CONTAINER", verdict->container);
}

static void put_figures(struct writer *writer, const struct verdict *verdict)
{
	double exhausts_us = verdict->exhausts_in_s * 1e6;

	put(writer, "CONNLEAK_OPEN", "%u", verdict->open_count);
	put(writer, "CONNLEAK_STALE", "%u", verdict->stale_count);
	if (verdict->limit)
		put(writer, "CONNLEAK_LIMIT", "%llu", (unsigned long long)verdict->limit);
	if (isfinite(exhausts_us) && exhausts_us >= 0 && exhausts_us < 1e18)
		put(writer, "CONNLEAK_EXHAUSTS_IN_USEC", "%llu",
		    (unsigned long long)llround(exhausts_us));
}

size_t journal_entry_write(const struct verdict *verdict, char buffer[static JOURNAL_ENTRY_MAX])
{
	struct writer writer = {.buffer = buffer};

	PUT_MEMBER(&writer, "MESSAGE", verdict->summary);
	put(&writer, "MESSAGE_ID", "%s", journal_message_id(verdict->kind));
	put(&writer, "PRIORITY", "%d", priority_of(verdict));
	put(&writer, "SYSLOG_IDENTIFIER", "connleak");
	put(&writer, "CONNLEAK_KIND", "%s", verdict_kind_name(verdict->kind));
	put(&writer, "CONNLEAK_STATE", "%s", verdict_state_name(verdict->state));
	put(&writer, "CONNLEAK_SEVERITY", "%s", severity_name(verdict->severity));
	put(&writer, "CONNLEAK_ID", "%llu", (unsigned long long)verdict->id);
	put_subject(&writer, verdict);
	put_figures(&writer, verdict);
	for (uint32_t i = 0; i < verdict->evidence_count; i++)
		PUT_MEMBER(&writer, "CONNLEAK_EVIDENCE", verdict->evidence[i].text);
	for (uint32_t i = 0; i < verdict->site_count; i++)
		put_text(&writer, "CONNLEAK_SITE", verdict->sites[i].site, SIZE_MAX);
	return writer.used;
}

const char *journal_message_id(enum verdict_kind kind)
{
	return (unsigned int)kind < VERDICT_KIND_COUNT ? message_ids[kind] : "";
}
