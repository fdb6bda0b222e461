// SPDX-License-Identifier: Apache-2.0
/*
 * The same figures without a screen: for scripts, for tickets, for terminals that are none. A
 * recording is shown as fast as it can be read, a table for every interval of its own time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "player.h"
#include "sample_json.h"
#include "snapshot.h"
#include "sys/log.h"
#include "top.h"
#include "top_remote.h"

static uint64_t limit_of(const struct top *top)
{
	return top->options->once ? 1 : top->options->iterations;
}

static int print_text(struct top *top)
{
	struct screen_facts facts;
	char *text;
	int r = browse_show(&top->browse, top->sample, 0);

	if (r < 0)
		return r;
	top_facts(top, 0, &facts);
	text = screen_print(&top->browse, &facts, top->utf8);
	if (!text)
		return -ENOMEM;
	if (top->shown_count)
		(void)putchar('\n'); /* a failure shows when it is flushed */
	(void)fputs(text, stdout);
	free(text);
	return fflush(stdout) == EOF ? -errno : 0;
}

/* One table, of the sample that is there. Positive when it was the last one. */
static int print_sample(struct top *top)
{
	int r = top->options->json ? snapshot_print(sample_json_encode(top->sample))
				   : print_text(top);
	if (r < 0)
		return r;
	top->shown_count++;
	return limit_of(top) && top->shown_count >= limit_of(top);
}

/* The same of a new one. */
static int print_table(struct top *top)
{
	int r = top_refresh(top);

	return r < 0 ? r : print_sample(top);
}

static int status_of(int r)
{
	if (r >= 0 || r == -EPIPE) /* the reader has seen enough */
		return EXIT_DONE;
	if (r != -ENODATA && !ferror(stdout))
		log_error("%s", strerror(-r));
	return EXIT_RUNTIME;
}

/* --- a recording ------------------------------------------------------------------------------ */

static int run_recording(struct top *top)
{
	struct player *player = top->player;
	int r = 0;

	if (top->options->once) {
		r = player_finish(player);
		return r < 0 ? EXIT_RUNTIME : status_of(print_table(top));
	}
	while (r == 0) {
		r = player_seek(player, player_now_ns(player) + top->browse.interval_ns);
		if (r < 0)
			return EXIT_RUNTIME;
		r = print_table(top);
		if (player_is_at_end(player))
			break;
	}
	return status_of(r);
}

/* --- own probes ------------------------------------------------------------------------------- */

struct pace {
	struct top *top;
	uint64_t due_ns; /* of the next table, on the source's clock */
};

static int on_look(struct live *live)
{
	struct pace *pace = live->userdata;
	uint64_t interval_ns = pace->top->browse.interval_ns;

	if (live->now_ns < pace->due_ns)
		return 0;
	pace->due_ns += interval_ns;
	if (pace->due_ns <= live->now_ns)
		pace->due_ns = live->now_ns + interval_ns;
	return print_table(pace->top);
}

static int run_live(struct top *top)
{
	uint64_t interval_ns = top->browse.interval_ns;
	struct pace pace = {.top = top, .due_ns = top->live->now_ns + interval_ns};
	/* What the rates of the first table are those since. */
	int r = top_refresh(top);

	if (r < 0)
		return status_of(r);
	top->live->userdata = &pace;
	top->live->on_look = on_look;
	return live_run(top->live, interval_ns < NS_PER_SEC ? interval_ns : NS_PER_SEC, 0);
}

/* --- the agent -------------------------------------------------------------------------------- */

static int on_news(void *userdata)
{
	struct top_remote *remote = userdata;
	struct top *top = remote->top;
	int r;

	if (top->source.trouble[0]) {
		log_error("%s", top->source.trouble);
		return -ENODATA;
	}
	r = print_sample(top);
	return r > 0 ? sd_event_exit(remote->event, 0) : r;
}

static int on_timer(sd_event_source *source, uint64_t due_us, void *userdata)
{
	struct top_remote *remote = userdata;
	int r = top_remote_ask(remote, true, false);

	if (r >= 0)
		r = sd_event_source_set_time(source,
					     due_us + remote->top->browse.interval_ns / NS_PER_US);
	if (r >= 0)
		r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return r < 0 ? sd_event_exit(remote->event, r) : 0;
}

/* The first table is there: the agent has been looking for long. */
static int run_agent(struct top *top)
{
	struct top_remote remote = {.top = top, .on_news = on_news, .userdata = &remote};
	uint64_t interval_us = top->browse.interval_ns / NS_PER_US;
	sigset_t mask;
	int r = print_sample(top);

	if (r)
		return status_of(r);
	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	r = sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : sd_event_new(&remote.event);
	if (r >= 0)
		r = sd_event_add_signal(remote.event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(remote.event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_time_relative(remote.event, NULL, CLOCK_MONOTONIC, interval_us, 0,
					       on_timer, &remote);
	if (r >= 0)
		r = sd_event_loop(remote.event);
	top_remote_close(&remote);
	sd_event_unref(remote.event);
	return status_of(r);
}

int top_run_batch(struct top *top)
{
	if (top->player)
		return run_recording(top);
	return top->live ? run_live(top) : run_agent(top);
}
