// SPDX-License-Identifier: Apache-2.0
/*
 * Why: the answer to "does it run here, and what will I not see": each need with what follows from
 * its absence and what to do about it.
 *
 * Invariant: the words carry everything; exit status 0 means that the live commands start.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "sys/features.h"
#include "wrap.h"

#define STATE_WIDTH 9
#define NAME_WIDTH 24
#define TEXT_INDENT (2 + STATE_WIDTH + NAME_WIDTH)

/* "MISSING" is what stops it, "missing" what it can do without. */
static const char *state_word(enum feature_state state, bool is_needed)
{
	if (state == FEATURE_PRESENT)
		return "ok";
	if (state == FEATURE_UNTRIED)
		return "unknown";
	return is_needed ? "MISSING" : "missing";
}

static void print_row(const struct features *features, const struct feature_row *row)
{
	enum feature_state state = features_state(features, row->id);
	char line[512];

	printf("  %-*s%-*s", STATE_WIDTH, state_word(state, row->is_needed), NAME_WIDTH, row->name);
	wrap_print(stdout, row->purpose, TEXT_INDENT, TEXT_INDENT);
	if (state != FEATURE_ABSENT)
		return;
	printf("%*s", TEXT_INDENT, "");
	snprintf(line, sizeof(line), "without it: %s", row->without);
	wrap_print(stdout, line, TEXT_INDENT, TEXT_INDENT);
	printf("%*s", TEXT_INDENT, "");
	if (row->version)
		snprintf(line, sizeof(line), "what to do: %s (Linux %s or later)", row->remedy,
			 row->version);
	else
		snprintf(line, sizeof(line), "what to do: %s", row->remedy);
	wrap_print(stdout, line, TEXT_INDENT, TEXT_INDENT);
}

static void print_rows(const struct features *features, bool is_needed)
{
	const struct feature_row *rows = features_rows();

	for (int id = 0; id < FEATURE_COUNT; id++)
		if (rows[id].is_needed == is_needed)
			print_row(features, &rows[id]);
}

static void print_text(const struct features *features, const char *reason)
{
	printf("connleak %s on Linux %s%s%s\n", CONNLEAK_VERSION,
	       features->release[0] ? features->release : "(unknown)",
	       features->lockdown[0] ? ", lockdown: " : "", features->lockdown);
	printf("\nNeeded:\n");
	print_rows(features, true);
	printf("\nOptional:\n");
	print_rows(features, false);
	printf("\n");
	if (!reason) {
		printf("connleak can run on this host.\n");
		return;
	}
	wrap_print(stdout, "connleak cannot run on this host.", 0, 0);
	wrap_print(stdout, reason, 0, 0);
}

/* A string, or null where it is not known or does not apply. */
static json_t *text_or_null(const char *text)
{
	return text && text[0] ? json_string(text) : json_null();
}

static const char *state_key(enum feature_state state)
{
	switch (state) {
	case FEATURE_PRESENT:
		return "present";
	case FEATURE_ABSENT:
		return "absent";
	case FEATURE_UNTRIED:
		break;
	}
	return "unknown";
}

/* The rows as an array, NULL when out of memory. */
static json_t *rows_to_json(const struct features *features)
{
	const struct feature_row *rows = features_rows();
	json_t *list = json_array();

	for (int id = 0; list && id < FEATURE_COUNT; id++) {
		const struct feature_row *row = &rows[id];
		json_t *item;

		item = json_pack(
			"{s:s, s:s, s:s, s:b, s:s, s:s, s:s, s:o, s:o}", "id", row->key, "name",
			row->name, "state", state_key(features_state(features, row->id)), "needed",
			row->is_needed, "purpose", row->purpose, "without", row->without, "remedy",
			row->remedy, "kernel_version", text_or_null(row->version), "kernel_commit",
			text_or_null(row->commit));
		if (json_array_append_new(list, item) < 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static int print_json(const struct features *features, const char *reason)
{
	json_t *whole = json_pack("{s:s, s:o, s:o, s:b, s:o, s:o}", "version", CONNLEAK_VERSION,
				  "kernel", text_or_null(features->release), "lockdown",
				  text_or_null(features->lockdown), "can_run", !reason, "reason",
				  text_or_null(reason), "features", rows_to_json(features));
	int ret = whole ? json_dumpf(whole, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) : -1;

	json_decref(whole);
	putchar('\n');
	return ret;
}

int cmd_check(const struct options *options)
{
	struct features features;
	char text[512];
	const char *reason = NULL;
	int ret = features_probe(&features, NULL);

	if (ret < 0) {
		fprintf(stderr, "connleak: check: %s\n", strerror(-ret));
		return EXIT_RUNTIME;
	}
	if (!features_can_run(&features, text, sizeof(text)))
		reason = text;
	if (!options->json) {
		print_text(&features, reason);
	} else if (print_json(&features, reason) < 0 && !ferror(stdout)) {
		fprintf(stderr, "connleak: check: %s\n", strerror(ENOMEM));
		return EXIT_RUNTIME;
	}
	return reason ? EXIT_HOST : EXIT_DONE;
}
