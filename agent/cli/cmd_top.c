// SPDX-License-Identifier: Apache-2.0
/*
 * connleak top: who holds connections to which database, whether that grows, and how bad it is.
 * Here it is decided where the figures come from and how they are shown; the rest is done
 * elsewhere.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "command.h"
#include "core/format.h"
#include "option_table.h"
#include "player.h"
#include "remote.h"
#include "sample_json.h"
#include "screen/sample_follow.h"
#include "sys/log.h"
#include "sys/privilege.h"
#include "top.h"
#include "top_term.h"

/* So that a host with 10,000 connections costs less than a hundredth of a core. */
#define INTERVAL_NS (2 * NS_PER_SEC)

int top_refresh(struct top *top)
{
	struct sample *sample;
	int r = top_source_take(&top->source, &sample);

	return r < 0 ? r : top_accept(top, sample);
}

int top_accept(struct top *top, struct sample *sample)
{
	int r = sample_follow(sample, top->sample);

	if (r < 0) {
		sample_free(sample);
		return r;
	}
	/* The screen's lines refer to the old one until they are shown the new one. */
	browse_forget(&top->browse);
	sample_free(top->sample);
	top->sample = sample;
	return 1;
}

void top_facts(const struct top *top, uint64_t now_ns, struct screen_facts *ret_facts)
{
	*ret_facts = (struct screen_facts){
		.source = top->source.name,
		.trouble = top->source.trouble[0] ? top->source.trouble : NULL,
		.now_ns = now_ns,
		.detail = top->detail,
	};
	if (!top->player)
		return;
	ret_facts->is_replay = true;
	ret_facts->begin_ns = player_begin_ns(top->player);
	ret_facts->end_ns = player_end_ns(top->player);
	ret_facts->at_end = player_is_at_end(top->player);
}

static void top_clear(struct top *top)
{
	browse_clear(&top->browse);
	sample_free(top->sample);
	detail_free(top->detail);
	player_close(top->player);
}

/* A screen where there is a person in front of it, tables otherwise. */
static bool wants_screen(const struct options *options)
{
	const char *obstacle;

	if (options->batch || options->once || options->iterations || options->json)
		return false;
	if (!isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO))
		return false;
	obstacle = top_term_obstacle();
	if (obstacle)
		log_notice("%s: tables instead of a screen", obstacle);
	return !obstacle;
}

static int show(struct top *top)
{
	return wants_screen(top->options) ? top_run_screen(top) : top_run_batch(top);
}

static int show_recording(struct top *top)
{
	const char *path = top->options->recording, *slash = strrchr(path, '/');
	char safe[200];
	int status = player_open(top->options, &top->player);

	if (status)
		return status;
	(void)format_safe(slash ? slash + 1 : path, SIZE_MAX, safe, sizeof(safe));
	(void)snprintf(top->source.name, sizeof(top->source.name), "replay of %s",
		       strcmp(path, "-") == 0 ? "standard input" : safe);
	top->source.player = top->player;
	if (!wants_screen(top->options))
		return top_run_batch(top);
	/* An empty table says nothing: the first picture is of the first interval's end. */
	if (player_seek(top->player, player_begin_ns(top->player) + INTERVAL_NS) < 0)
		return EXIT_RUNTIME;
	return top_run_screen(top);
}

static int show_own(struct top *top)
{
	struct live live;
	int r, status = live_open(&live, top->options, false, true, NULL, NULL);

	if (status)
		goto out;
	/* Root by sudo writes (w) into the directory of who has called it. */
	r = live_confine(&live, PRIVILEGE_MORE(CAP_DAC_OVERRIDE));
	if (r == 0)
		r = live_look(&live);
	status = live_status(&live, r);
	if (r < 0)
		goto out;
	if (!wants_screen(top->options))
		live_announce(&live);
	(void)snprintf(top->source.name, sizeof(top->source.name), "own probes");
	top->live = top->source.live = &live;
	status = show(top);
out:
	live_close(&live);
	return status;
}

/* body: its first answer, of this moment. */
static int show_agent(struct top *top, const char *body, size_t size)
{
	struct sample *sample;
	int r;

	(void)snprintf(top->source.name, sizeof(top->source.name), "the agent");
	top->source.socket_path = remote_socket(top->options);
	r = top_source_read(&top->source, body, size, &sample);
	if (r > 0)
		r = top_accept(top, sample);
	if (r <= 0) {
		log_error("%s", r < 0 ? strerror(-r) : top->source.trouble);
		return EXIT_RUNTIME;
	}
	return show(top);
}

int cmd_top(const struct options *options)
{
	static const char *const served[] = {"once", "batch", "iterations", "interval", NULL};
	bool is_given = option_is_given(options, "interval");
	struct top top = {.options = options, .utf8 = top_term_is_utf8()};
	char *body = NULL;
	size_t size = 0;
	int r, status;

	top.source.options = options;
	browse_init(&top.browse, is_given ? options->interval_ns : INTERVAL_NS,
		    options->recording != NULL);
	log_set_verbosity(options->verbosity);
	if (options->recording) {
		status = show_recording(&top);
	} else {
		r = remote_get(options, served, "/v1/pools", &body, &size);
		if (r < 0)
			status = EXIT_RUNTIME;
		else
			status = r ? show_agent(&top, body, size) : show_own(&top);
		free(body);
	}
	top_clear(&top);
	return status;
}
