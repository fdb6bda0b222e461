// SPDX-License-Identifier: Apache-2.0
/*
 * Verdicts travel to sinks that know nothing of the core, so the words of the contract (kinds,
 * states, severities) and the ownership of a verdict's parts live in one place.
 *
 * Invariant: a name printed here is parsed back here, and is what trace, metrics and journal use.
 * Does not decide anything and does not compose summaries.
 */
#include "verdict.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[VERDICT_KIND_COUNT] = {
	[VERDICT_LEAK] = "leak",	   [VERDICT_EXHAUSTED] = "exhausted",
	[VERDICT_SATURATED] = "saturated", [VERDICT_STORM] = "storm",
	[VERDICT_OVERSIZED] = "oversized",
};

static const char *const state_names[] = {
	[VERDICT_SUSPECT] = "suspect",
	[VERDICT_RAISED] = "raised",
	[VERDICT_UPDATED] = "updated",
	[VERDICT_CLEARED] = "cleared",
};

static const char *const severity_names[] = {
	[SEVERITY_INFO] = "info",
	[SEVERITY_WARNING] = "warning",
	[SEVERITY_CRITICAL] = "critical",
};

static const struct {
	const char *name, *title;
} rival_words[RIVAL_COUNT] = {
	[RIVAL_TRAFFIC_SPIKE] = {"traffic_spike", "traffic spike"},
	[RIVAL_NETWORK] = {"network", "network"},
	[RIVAL_SLOW_DATABASE] = {"slow_database", "slow database"},
	[RIVAL_POOL_TOO_SMALL] = {"pool_too_small", "pool too small"},
	[RIVAL_OVERSIZED] = {"oversized", "oversized pool"},
	[RIVAL_STORM] = {"storm", "connection storm"},
	[RIVAL_LEAK] = {"leak", "leak"},
};

static const struct {
	const char *name, *title;
} ruling_words[] = {
	[RULING_CANNOT_TELL] = {"cannot_tell", "cannot tell"},
	[RULING_RULED_OUT] = {"ruled_out", "ruled out"},
	[RULING_RULED_IN] = {"ruled_in", "ruled in"},
};

const char *verdict_kind_name(enum verdict_kind kind)
{
	return (unsigned int)kind < VERDICT_KIND_COUNT ? kind_names[kind] : "?";
}

const char *verdict_state_name(enum verdict_state state)
{
	return (unsigned int)state <= VERDICT_CLEARED ? state_names[state] : "?";
}

const char *severity_name(enum severity severity)
{
	return (unsigned int)severity <= SEVERITY_CRITICAL ? severity_names[severity] : "?";
}

const char *rival_name(enum rival rival)
{
	return (unsigned int)rival < RIVAL_COUNT ? rival_words[rival].name : "?";
}

const char *rival_title(enum rival rival)
{
	return (unsigned int)rival < RIVAL_COUNT ? rival_words[rival].title : "?";
}

const char *ruling_name(enum ruling ruling)
{
	return (unsigned int)ruling <= RULING_RULED_IN ? ruling_words[ruling].name : "?";
}

const char *ruling_title(enum ruling ruling)
{
	return (unsigned int)ruling <= RULING_RULED_IN ? ruling_words[ruling].title : "?";
}

bool verdict_kind_parse(const char *word, enum verdict_kind *ret_kind)
{
	if (!word)
		return false;
	for (unsigned int kind = 0; kind < VERDICT_KIND_COUNT; kind++) {
		if (strcmp(word, kind_names[kind]) == 0) {
			*ret_kind = (enum verdict_kind)kind;
			return true;
		}
	}
	return false;
}

void verdict_add_evidence(struct verdict *verdict, const char *name, const char *format, ...)
{
	struct evidence *evidence;
	va_list args;

	if (verdict->evidence_count >= VERDICT_EVIDENCE_MAX)
		return;
	evidence = &verdict->evidence[verdict->evidence_count++];
	evidence->name = name;
	va_start(args, format);
	(void)vsnprintf(evidence->text, sizeof(evidence->text), format, args);
	va_end(args);
}

/* One block, so that there is one thing to own: ids, and behind them ports. */
int verdict_make_room(struct verdict *verdict, uint32_t count)
{
	uint64_t *suspects =
		calloc(count, sizeof(*verdict->suspects) + sizeof(*verdict->suspect_ports));

	if (!suspects)
		return -ENOMEM;
	free(verdict->suspects);
	verdict->suspects = suspects;
	verdict->suspect_ports = (uint16_t *)(suspects + count);
	verdict->suspect_count = 0;
	return 0;
}

void verdict_name(struct verdict *verdict, uint64_t conn, uint16_t port)
{
	verdict->suspects[verdict->suspect_count] = conn;
	verdict->suspect_ports[verdict->suspect_count++] = port;
}

int verdict_copy(const struct verdict *verdict, struct verdict *ret_copy)
{
	struct verdict copy = *verdict;

	copy.suspects = NULL;
	copy.suspect_ports = NULL;
	for (uint32_t i = 0; i < VERDICT_SITES_MAX; i++)
		copy.sites[i].site = NULL;
	if (verdict->suspect_count > 0) {
		if (verdict_make_room(&copy, verdict->suspect_count) < 0)
			goto no_memory;
		for (uint32_t i = 0; i < verdict->suspect_count; i++)
			verdict_name(&copy, verdict->suspects[i],
				     verdict->suspect_ports ? verdict->suspect_ports[i] : 0);
	}
	for (uint32_t i = 0; i < verdict->site_count; i++) {
		if (!verdict->sites[i].site)
			continue;
		copy.sites[i].site = strdup(verdict->sites[i].site);
		if (!copy.sites[i].site)
			goto no_memory;
	}
	*ret_copy = copy;
	return 0;

no_memory:
	verdict_clear(&copy);
	return -ENOMEM;
}

void verdict_clear(struct verdict *verdict)
{
	if (!verdict)
		return;
	for (uint32_t i = 0; i < VERDICT_SITES_MAX; i++)
		free(verdict->sites[i].site);
	free(verdict->suspects);
	memset(verdict, 0, sizeof(*verdict));
}

const struct verdict *verdict_worse(const struct verdict *a, const struct verdict *b)
{
	static const unsigned char ranks[VERDICT_KIND_COUNT] = {[VERDICT_EXHAUSTED] = 4,
								[VERDICT_LEAK] = 3,
								[VERDICT_STORM] = 2,
								[VERDICT_SATURATED] = 1};

	if (!a || !b)
		return a ? a : b;
	if (a->severity != b->severity)
		return a->severity > b->severity ? a : b;
	return ranks[b->kind] > ranks[a->kind] ? b : a;
}
