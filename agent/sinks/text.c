/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person reads who has been called: the sentence, the reasons for it, and where to look.
 *
 *	14:02 [warning, raised #1] LEAK orders-api[4121] -> 10.0.3.7:5432 (postgresql): ...
 *	  because 12 connections are silent for longer than ...
 *	  ruled out  traffic spike: 12.1 operations/s, 11.9 before (+2%) ...
 *	  last send in OrderRepo.save (11 open)
 *	  suspects (12), local ports: 48812, 48814, 51020 and 9 more
 *
 * Invariant: control characters never reach the stream, though names and stacks come from processes
 * that are nobody's friends. Backslashes pass: the texts of a verdict are escaped already, and
 * escaping twice would show names that do not exist.
 *
 * It adds no judgement, colour or width of its own.
 */
#include "text.h"

#include <errno.h>
#include <string.h>

#include "core/format.h"

#define SUSPECTS_SHOWN 8
#define SITE_SHOWN 400

/* Puts text out with everything but its backslashes made safe. */
static void put_safe(FILE *stream, const char *text, size_t max)
{
	size_t left = strnlen(text, max);
	char safe[4 * 256 + 1];

	while (left) {
		size_t length = 0, step;
		uint32_t code;

		/* Whole characters, so that none is taken for bytes that are not UTF-8. */
		while (length < left && length < 250 && text[length] != '\\') {
			step = utf8_decode(text + length, left - length, &code);
			length += step ? step : 1;
		}
		if (length)
			(void)fputs(format_safe(text, length, safe, sizeof(safe)), stream);
		if (length < left && text[length] == '\\') {
			(void)fputc('\\', stream);
			length++;
		}
		text += length;
		left -= length;
	}
}

static void put_sites(FILE *stream, const struct verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->site_count; i++) {
		const struct verdict_site *site = &verdict->sites[i];
		bool last_send = site->role && !strcmp(site->role, "last_send");

		(void)fputs(last_send ? "  last send in " : "  opened in ", stream);
		put_safe(stream, site->site ? site->site : "an unknown place", SITE_SHOWN);
		(void)fprintf(stream, " (%u open)\n", site->open_count);
	}
}

static void put_evidence(FILE *stream, const struct verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->evidence_count; i++) {
		(void)fputs("  because ", stream);
		put_safe(stream, verdict->evidence[i].text, sizeof(verdict->evidence[i].text));
		(void)fputc('\n', stream);
	}
}

static void put_rivals(FILE *stream, const struct verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->rival_count; i++) {
		const struct rival_ruling *ruling = &verdict->rivals[i];

		(void)fprintf(stream, "  %s  %s: ", ruling_title(ruling->ruling),
			      rival_title(ruling->rival));
		put_safe(stream, ruling->text, sizeof(ruling->text));
		(void)fputc('\n', stream);
	}
}

/* A recording need not have them. */
static bool has_ports(const struct verdict *verdict)
{
	for (uint32_t i = 0; verdict->suspect_ports && i < verdict->suspect_count; i++)
		if (verdict->suspect_ports[i])
			return true;
	return false;
}

static void put_suspects(FILE *stream, const struct verdict *verdict)
{
	uint32_t shown = verdict->suspect_count;
	bool by_port = has_ports(verdict);

	if (!shown)
		return;
	if (shown > SUSPECTS_SHOWN)
		shown = SUSPECTS_SHOWN;
	/* The port is what ss, the server's list of clients and a log of it know as well. */
	(void)fprintf(stream, "  suspects (%u)%s: ", verdict->suspect_count,
		      by_port ? ", local ports" : "");
	for (uint32_t i = 0; i < shown; i++) {
		(void)fputs(i ? ", " : "", stream);
		if (!by_port)
			(void)fprintf(stream, "%llu", (unsigned long long)verdict->suspects[i]);
		else if (verdict->suspect_ports[i])
			(void)fprintf(stream, "%u", verdict->suspect_ports[i]);
		else
			(void)fputc('?', stream);
	}
	if (shown < verdict->suspect_count)
		(void)fprintf(stream, " and %u more", verdict->suspect_count - shown);
	(void)fputc('\n', stream);
}

/* Results of the puts are not looked at one by one: the stream remembers an error until the end. */
int text_write_verdict(FILE *stream, const struct verdict *verdict, int64_t realtime_at_zero_ns)
{
	bool is_over = verdict->state == VERDICT_CLEARED;
	char clock[32];

	errno = 0;
	(void)format_clock(verdict->t_ns, realtime_at_zero_ns, clock, sizeof(clock));
	(void)fprintf(stream, is_over ? "%s [was %s, %s #%llu] " : "%s [%s, %s #%llu] ", clock,
		      severity_name(verdict->severity), verdict_state_name(verdict->state),
		      (unsigned long long)verdict->id);
	put_safe(stream, verdict->summary, sizeof(verdict->summary));
	(void)fputc('\n', stream);
	/* What has been said when it was raised is no news, and no longer so. */
	if (!is_over) {
		put_evidence(stream, verdict);
		put_rivals(stream, verdict);
		put_sites(stream, verdict);
		put_suspects(stream, verdict);
	}
	if (fflush(stream) || ferror(stream))
		return errno ? -errno : -EIO;
	return 0;
}
