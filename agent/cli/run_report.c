// SPDX-License-Identifier: Apache-2.0
/*
 * A test suite ends, its process goes, and the kernel closes what was forgotten; so what is looked
 * for is a connection that nobody but the end of its process has closed. An interpreter does so
 * itself when it takes its objects down, which is the same. What was open at the peak is another
 * question: a suite that gives everything back may still need a hundred at once.
 *
 * Invariant: names from outside are escaped by the format's own rules before they are written.
 */
#include "run_report.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/site.h"

/* What the connection was open until. */
enum left_until {
	UNTIL_EXIT, /* of its process */
	UNTIL_FINALIZED, /* its interpreter took itself down */
	UNTIL_NOW, /* and is still: its process goes on */
};

struct left {
	struct netaddr remote, local;
	struct client_id client;
	char comm[COMM_SIZE];
	char *site, *last_site; /* NULL = unknown */
	uint64_t open_for_ns, silent_ns;
	uint64_t sent_bytes, received_bytes;
	enum left_until until;
};

struct run_report {
	const struct dbkind *databases;
	struct left *lefts;
	size_t left_count, left_room;
	uint64_t untold_count; /* beyond RUN_REPORT_MAX */
	uint64_t opened_count, first_ns, open_count, peak_count, peak_ns;
};

struct run_report *run_report_new(const struct dbkind *databases)
{
	struct run_report *report = calloc(1, sizeof(*report));

	if (report)
		report->databases = databases;
	return report;
}

void run_report_free(struct run_report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->left_count; i++) {
		free(report->lefts[i].site);
		free(report->lefts[i].last_site);
	}
	free(report->lefts);
	free(report);
}

static char *copy_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int add_left(struct run_report *report, const struct table *table, const struct conn *conn,
		    uint64_t now_ns, enum left_until until)
{
	struct left *left;

	if (report->left_count == RUN_REPORT_MAX) {
		report->untold_count++;
		return 0;
	}
	if (report->left_count == report->left_room) {
		size_t room = report->left_room ? report->left_room * 2 : 64;
		struct left *lefts = reallocarray(report->lefts, room, sizeof(*lefts));

		if (!lefts)
			return -ENOMEM;
		report->lefts = lefts;
		report->left_room = room;
	}
	left = &report->lefts[report->left_count++];
	*left = (struct left){
		.remote = conn->pool->remote,
		.local = table_local(table, conn),
		.client = conn->pool->client->id,
		.site = copy_or_null(table_site(table, conn->site)),
		.last_site = copy_or_null(table_site(table, conn->last_site)),
		.open_for_ns = (uint64_t)((int64_t)now_ns - conn->open_ns),
		.silent_ns = conn_silence_ns(conn, now_ns),
		.sent_bytes = conn_sent_bytes(conn),
		.received_bytes = conn_received_bytes(conn),
		.until = until,
	};
	memcpy(left->comm, conn->pool->client->comm, COMM_SIZE);
	return 0;
}

int run_report_note(struct run_report *report, const struct table *table, const struct event *event,
		    bool was_finalized)
{
	const struct conn *conn;

	if (report->first_ns == 0)
		report->first_ns = event->t_ns;
	switch (event->type) {
	case EVENT_OPEN:
		report->opened_count++;
		if (++report->open_count > report->peak_count) {
			report->peak_count = report->open_count;
			report->peak_ns = event->t_ns;
		}
		return 0;
	case EVENT_FAILED:
	case EVENT_CLOSE:
		report->open_count -= report->open_count > 0;
		was_finalized &= event->type == EVENT_CLOSE && event->by == CLOSE_LOCAL;
		conn = was_finalized || (event->type == EVENT_CLOSE && event->by == CLOSE_EXIT)
			       ? table_find_conn(table, event->conn)
			       : NULL;
		return conn ? add_left(report, table, conn, event->t_ns,
				       was_finalized ? UNTIL_FINALIZED : UNTIL_EXIT)
			    : 0;
	default:
		return 0;
	}
}

int run_report_finish(struct run_report *report, const struct table *table, uint64_t now_ns)
{
	for (struct pool *pool = table_first_pool(table); pool; pool = pool->next)
		for (struct conn *conn = pool->oldest; conn; conn = conn_newer(conn))
			if (conn->state != CONN_CONNECTING &&
			    add_left(report, table, conn, now_ns, UNTIL_NOW) < 0)
				return -ENOMEM;
	return 0;
}

uint64_t run_report_left_count(const struct run_report *report)
{
	return report->left_count + report->untold_count;
}

static int result_of(FILE *stream)
{
	return fflush(stream) || ferror(stream) ? (errno ? -errno : -EIO) : 0;
}

/* --- text ------------------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

static void put_left(FILE *stream, const struct left *left)
{
	char comm[4 * COMM_SIZE + 1], remote[ADDR_TEXT_SIZE], local[ADDR_TEXT_SIZE];
	char age[32], silent[32], site[4 * SITE_SIZE];
	static const char *const until[] = {
		[UNTIL_EXIT] = "open when the process ended",
		[UNTIL_FINALIZED] = "open when the interpreter ended",
		[UNTIL_NOW] = "still open",
	};

	(void)fprintf(stream, "%s[%u] -> %s (from %s), %s after %s, silent for %s\n",
		      format_comm(left->comm, comm, sizeof(comm)), left->client.pid,
		      format_netaddr(&left->remote, remote, sizeof(remote)),
		      format_netaddr(&left->local, local, sizeof(local)), until[left->until],
		      format_duration(left->open_for_ns, age, sizeof(age)),
		      format_duration(left->silent_ns, silent, sizeof(silent)));
	(void)fprintf(stream, "    opened by    %s\n",
		      left->site ? format_safe(left->site, SITE_SIZE, site, sizeof(site))
				 : "unknown code");
	if (left->last_site || left->sent_bytes > 0)
		(void)fprintf(stream, "    last used by %s\n",
			      left->last_site
				      ? format_safe(left->last_site, SITE_SIZE, site, sizeof(site))
				      : "unknown code");
	else
		(void)fputs("    never used\n", stream);
}

int run_report_write_text(const struct run_report *report, const struct run_outcome *outcome,
			  FILE *stream)
{
	uint64_t left_count = run_report_left_count(report);
	char when[32];

	errno = 0;
	(void)fprintf(stream,
		      "connleak: %" PRIu64 " connection%s left open, %" PRIu64 " opened in all\n",
		      left_count, plural(left_count), report->opened_count);
	for (size_t i = 0; i < report->left_count; i++)
		put_left(stream, &report->lefts[i]);
	if (report->untold_count > 0)
		(void)fprintf(stream, "and %" PRIu64 " more\n", report->untold_count);
	if (outcome->with_peak)
		(void)fprintf(
			stream, "connleak: at most %" PRIu64 " open at one time, after %s\n",
			report->peak_count,
			format_duration(report->peak_count ? report->peak_ns - report->first_ns : 0,
					when, sizeof(when)));
	if (outcome->lost_count > 0)
		(void)fprintf(stream, "connleak: %" PRIu64 " records lost; there may be more\n",
			      outcome->lost_count);
	return result_of(stream);
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *text_json(const char *text, size_t max)
{
	char safe[3 * SITE_SIZE + 1];

	return text ? json_string(format_utf8(text, max, safe, sizeof(safe))) : json_null();
}

static json_t *left_json(const struct left *left)
{
	char remote[ADDR_TEXT_SIZE], local[ADDR_TEXT_SIZE];
	static const char *const until[] = {
		[UNTIL_EXIT] = "process_end",
		[UNTIL_FINALIZED] = "interpreter_end",
		[UNTIL_NOW] = "now",
	};

	return json_pack("{s:s, s:I, s:o, s:s, s:s, s:b, s:s, s:f, s:f, s:I, s:I, s:o, s:o}", "ev",
			 "left_open", "pid", (json_int_t)left->client.pid, "comm",
			 text_json(left->comm, COMM_SIZE), "remote",
			 format_netaddr(&left->remote, remote, sizeof(remote)), "local",
			 format_netaddr(&left->local, local, sizeof(local)), "held",
			 left->until == UNTIL_NOW, "until", until[left->until], "open_for_s",
			 (double)left->open_for_ns / (double)NS_PER_SEC, "silent_s",
			 (double)left->silent_ns / (double)NS_PER_SEC, "sent",
			 (json_int_t)left->sent_bytes, "received", (json_int_t)left->received_bytes,
			 "site", text_json(left->site, SITE_SIZE), "last_site",
			 text_json(left->last_site, SITE_SIZE));
}

static void put_json(FILE *stream, json_t *object)
{
	if (!object || json_dumpf(object, stream, JSON_COMPACT) < 0 || fputc('\n', stream) < 0)
		errno = errno ? errno : ENOMEM; /* the stream tells, in the end */
	json_decref(object);
}

int run_report_write_json(const struct run_report *report, const struct run_outcome *outcome,
			  FILE *stream)
{
	json_t *words = json_array(), *summary;

	errno = 0;
	for (size_t i = 0; i < report->left_count; i++)
		put_json(stream, left_json(&report->lefts[i]));
	for (char *const *word = outcome->program; *word; word++)
		(void)json_array_append_new(words, text_json(*word, SITE_SIZE));
	summary = json_pack(
		"{s:s, s:o, s:i, s:I, s:I, s:I}", "ev", "summary", "command", words, "exit_status",
		outcome->status, "left_open", (json_int_t)run_report_left_count(report), "opened",
		(json_int_t)report->opened_count, "lost", (json_int_t)outcome->lost_count);
	if (summary && outcome->with_peak) {
		(void)json_object_set_new(summary, "peak",
					  json_integer((json_int_t)report->peak_count));
		(void)json_object_set_new(
			summary, "peak_after_s",
			report->peak_count
				? json_real((double)(report->peak_ns - report->first_ns) /
					    (double)NS_PER_SEC)
				: json_null());
	}
	put_json(stream, summary);
	return result_of(stream);
}

/* --- JUnit ------------------------------------------------------------------------------------ */

/* XML 1.0 has no way to write most control characters: format_safe() has made them \xNN. */
static void put_xml(FILE *stream, const char *text, size_t max)
{
	char safe[4 * SITE_SIZE];

	(void)format_safe(text, max, safe, sizeof(safe));
	for (const char *at = safe; *at; at++) {
		if (*at == '<')
			(void)fputs("&lt;", stream);
		else if (*at == '>')
			(void)fputs("&gt;", stream);
		else if (*at == '&')
			(void)fputs("&amp;", stream);
		else if (*at == '"')
			(void)fputs("&quot;", stream);
		else
			(void)fputc(*at, stream);
	}
}

static void put_case(FILE *stream, const struct left *left)
{
	char remote[ADDR_TEXT_SIZE], local[ADDR_TEXT_SIZE], silent[32];
	const char *culprit = left->last_site ? left->last_site : left->site;
	char lead[SITE_SIZE] = "unknown code";

	if (culprit)
		(void)site_lead(culprit, lead, sizeof(lead));
	(void)fputs("  <testcase classname=\"connleak.", stream);
	put_xml(stream, left->comm, COMM_SIZE);
	(void)fprintf(stream, "\" name=\"%s from %s\">\n    <failure type=\"left_open\" message=\"",
		      format_netaddr(&left->remote, remote, sizeof(remote)),
		      format_netaddr(&left->local, local, sizeof(local)));
	(void)fputs("connection left open by ", stream);
	put_xml(stream, lead, sizeof(lead));
	(void)fprintf(stream, "\">pid %u, silent for %s\nopened by ", left->client.pid,
		      format_duration(left->silent_ns, silent, sizeof(silent)));
	put_xml(stream, left->site ? left->site : "unknown code", SITE_SIZE);
	(void)fputs("\nlast used by ", stream);
	put_xml(stream, left->last_site ? left->last_site : "unknown code", SITE_SIZE);
	(void)fputs("</failure>\n  </testcase>\n", stream);
}

int run_report_write_junit(const struct run_report *report, const struct run_outcome *outcome,
			   FILE *stream)
{
	size_t count = report->left_count;

	(void)outcome;
	errno = 0;
	(void)fprintf(stream,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		      "<testsuite name=\"connleak\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n",
		      count ? count : 1, count);
	for (size_t i = 0; i < count; i++)
		put_case(stream, &report->lefts[i]);
	if (count == 0)
		(void)fputs(
			"  <testcase classname=\"connleak\" name=\"no connection left open\"/>\n",
			stream);
	(void)fputs("</testsuite>\n", stream);
	return result_of(stream);
}
