// SPDX-License-Identifier: Apache-2.0
/*
 * The loop of the interactive screen: keys, time and the terminal's own signals in, pictures out.
 *
 * Invariant: a picture is drawn only when something has changed: a key, a look, a size. However the
 * loop ends (q, SIGINT, SIGTERM, SIGHUP, a failure), the terminal is given back first.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "core/format.h"
#include "player.h"
#include "screen/seek.h"
#include "sys/log.h"
#include "top.h"
#include "top_remote.h"
#include "top_term.h"

/* The detector wants to know of silence at least that often, however slow the screen. */
#define LOOK_MAX_NS (2 * NS_PER_SEC)
/* An agent under load may take its time to answer; that is not worth a word. */
#define PATIENCE_NS (2 * NS_PER_SEC)
/* Looks are this screen's own: the loop of live is only to follow what cannot wait. */
#define NEVER_NS (365 * 86400 * NS_PER_SEC)

struct screen {
	struct top *top;
	struct top_term *term; /* NULL once it has been given back */
	sd_event *event; /* borrowed */
	sd_event_source *timer; /* the event's */
	uint64_t due_ns; /* of the next sample */
	struct top_remote remote; /* where the figures come from the agent */
	int failure; /* why it has ended; 0 = in good order */
};

static uint64_t now_ns(const struct screen *screen)
{
	uint64_t now_us = 0;

	(void)sd_event_now(screen->event, CLOCK_MONOTONIC, &now_us); /* cannot fail while it runs */
	return now_us * NS_PER_US;
}

static int end(struct screen *screen, int r)
{
	screen->failure = r;
	return sd_event_exit(screen->event, r);
}

/* --- pictures --------------------------------------------------------------------------------- */

static int draw(struct screen *screen, bool anew)
{
	struct screen_facts facts;
	uint32_t width, height;
	struct grid grid;

	if (!screen->term)
		return 0;
	top_term_size(screen->term, &width, &height);
	if (grid_init(&grid, width, height, screen->top->utf8) < 0)
		return -ENOMEM;
	top_facts(screen->top, now_ns(screen), &facts);
	screen_draw(&screen->top->browse, &facts, &grid);
	top_term_show(screen->term, &grid, anew);
	grid_clear(&grid);
	return 0;
}

/* What has gone keeps what was known of it; of another pool nothing is shown. */
static void forget_detail(struct top *top)
{
	if (top->browse.mode == BROWSE_DETAIL && top->detail &&
	    sample_row_equal(&top->detail->pool, &top->browse.subject))
		return;
	detail_free(top->detail);
	top->detail = NULL;
}

static int refresh_detail(struct top *top)
{
	const struct sample_row *pool = browse_subject(&top->browse);
	struct detail *detail;
	int r;

	forget_detail(top);
	if (top->browse.mode != BROWSE_DETAIL || !pool || pool->exited)
		return 0;
	r = top_source_explain(&top->source, pool, &detail);
	if (r <= 0)
		return r;
	detail_free(top->detail);
	top->detail = detail;
	return 0;
}

/* The picture of the sample that is there. */
static int show(struct screen *screen)
{
	struct top *top = screen->top;
	int r = browse_show(&top->browse, top->sample, now_ns(screen));

	return r < 0 ? r : draw(screen, false);
}

/* An answer of the agent, or trouble with it. */
static int on_news(void *userdata)
{
	struct screen *screen = userdata;

	forget_detail(screen->top);
	return show(screen);
}

/* An agent that owes an answer is not asked for another one. */
static int refresh_from_agent(struct screen *screen)
{
	struct top_source *source = &screen->top->source;
	uint64_t owed_ns = top_remote_owed_ns(&screen->remote);
	char owed[32];

	if (!owed_ns)
		return top_remote_ask(&screen->remote, true, true);
	if (owed_ns < PATIENCE_NS || owed_ns < screen->top->browse.interval_ns)
		return 0;
	(void)snprintf(source->trouble, sizeof(source->trouble),
		       "the agent has not answered for %s",
		       format_duration(owed_ns, owed, sizeof(owed)));
	return draw(screen, false);
}

/* A new sample, and the picture of it. */
static int refresh(struct screen *screen)
{
	struct top *top = screen->top;
	int r;

	if (top->source.socket_path)
		return refresh_from_agent(screen);
	r = top_refresh(top);
	if (r < 0)
		return r;
	r = browse_show(&top->browse, top->sample, now_ns(screen));
	if (r == 0)
		r = refresh_detail(top);
	return r < 0 ? r : draw(screen, false);
}

/* --- time ------------------------------------------------------------------------------------- */

static uint64_t look_interval_ns(const struct top *top)
{
	uint64_t interval_ns = top->browse.interval_ns;

	return top->live && interval_ns > LOOK_MAX_NS ? LOOK_MAX_NS : interval_ns;
}

/* The table goes on. Positive when there can be news to show. */
static int advance(struct screen *screen)
{
	struct top *top = screen->top;
	double step_ns;
	int r;

	if (top->live) {
		r = live_look(top->live);
		return r < 0 ? r : !top->browse.is_paused;
	}
	if (top->browse.is_paused)
		return 0;
	if (!top->player)
		return 1;
	step_ns = (double)top->browse.interval_ns * top->browse.speed;
	r = player_seek(top->player, player_now_ns(top->player) + (uint64_t)step_ns);
	return r < 0 ? r : 1;
}

static int rearm(struct screen *screen, uint64_t from_ns)
{
	int r = sd_event_source_set_time(screen->timer,
					 (from_ns + look_interval_ns(screen->top)) / NS_PER_US);

	return r < 0 ? r : sd_event_source_set_enabled(screen->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t due_us, void *userdata)
{
	struct screen *screen = userdata;
	uint64_t at_ns = now_ns(screen), interval_ns = screen->top->browse.interval_ns;
	int r = advance(screen);

	(void)source;
	(void)due_us;
	/* A tenth early is on time: looks and samples need not drift apart. */
	if (r > 0 && at_ns + interval_ns / 10 >= screen->due_ns) {
		screen->due_ns = at_ns + interval_ns;
		r = refresh(screen);
	}
	if (r >= 0)
		r = rearm(screen, at_ns);
	return r < 0 ? end(screen, r) : 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

static int jump(struct screen *screen)
{
	struct top *top = screen->top;
	struct seek_place place = {
		.begin_ns = player_begin_ns(top->player),
		.end_ns = player_end_ns(top->player),
		.now_ns = player_now_ns(top->player),
		.realtime_at_zero_ns = top->sample ? top->sample->realtime_at_zero_ns : 0,
	};
	uint64_t t_ns;
	int r;

	if (seek_parse(top->browse.line, &place, &t_ns, top->browse.message,
		       sizeof(top->browse.message)) < 0)
		return draw(screen, false);
	r = player_seek(top->player, t_ns);
	if (r == -ESPIPE) {
		(void)snprintf(top->browse.message, sizeof(top->browse.message),
			       "this recording can only be played forward");
		return draw(screen, false);
	}
	if (r < 0)
		return r;
	/* Nothing has happened between the two moments that could be told. */
	browse_forget(&top->browse);
	sample_free(top->sample);
	top->sample = NULL;
	return refresh(screen);
}

static int ask_for_detail(struct screen *screen)
{
	forget_detail(screen->top);
	return top_remote_ask(&screen->remote, false, true);
}

static int act(struct screen *screen, int action)
{
	struct top *top = screen->top;

	switch (action) {
	case BROWSE_QUIT:
		return end(screen, 0);
	case BROWSE_REPAINT:
		return draw(screen, true);
	case BROWSE_SAMPLE:
		screen->due_ns = now_ns(screen) + top->browse.interval_ns;
		action = rearm(screen, now_ns(screen));
		if (action >= 0 && !top->source.socket_path)
			action = refresh_detail(top);
		else if (action >= 0)
			action = ask_for_detail(screen);
		return action < 0 ? action : draw(screen, false);
	case BROWSE_SAVE:
		top_save(top, top->browse.line);
		return draw(screen, false);
	case BROWSE_JUMP:
		return top->player ? jump(screen) : 0;
	default:
		return draw(screen, false);
	}
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct screen *screen = userdata;
	int action = BROWSE_DRAW;
	uint32_t key;

	(void)source;
	(void)fd;
	/* All that have been typed, and one picture of what came of them. */
	while (action >= 0 && screen->term && top_term_key(screen->term, &key)) {
		action = browse_press(&screen->top->browse, key, now_ns(screen));
		if (action > BROWSE_DRAW)
			action = act(screen, action);
	}
	if (action >= 0)
		action = draw(screen, false);
	if (events & (EPOLLHUP | EPOLLERR)) /* the terminal has gone away */
		return end(screen, 0);
	return action < 0 ? end(screen, action) : 0;
}

/* --- signals ---------------------------------------------------------------------------------- */

static int on_resize(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct screen *screen = userdata;
	int r;

	(void)source;
	(void)info;
	if (!screen->term)
		return 0;
	top_term_resize(screen->term);
	r = draw(screen, true);
	return r < 0 ? end(screen, r) : 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	(void)source;
	(void)info;
	return end(userdata, 0);
}

/* Before anything is written about how it has ended. */
static int on_exit_loop(sd_event_source *source, void *userdata)
{
	struct screen *screen = userdata;

	(void)source;
	top_term_close(screen->term);
	screen->term = NULL;
	return 0;
}

static int block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGWINCH);
	return sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : 0;
}

/* --- the loop --------------------------------------------------------------------------------- */

static int attach(struct screen *screen, sd_event *event)
{
	uint64_t now_us;
	int r;

	screen->event = event;
	r = sd_event_now(event, CLOCK_MONOTONIC, &now_us);
	if (r >= 0)
		r = block_signals();
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGHUP, on_hangup, screen);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGWINCH, on_resize, screen);
	if (r >= 0)
		r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_input, screen);
	if (r >= 0)
		r = sd_event_add_exit(event, NULL, on_exit_loop, screen);
	if (r >= 0)
		r = sd_event_add_time(event, &screen->timer, CLOCK_MONOTONIC,
				      now_us + look_interval_ns(screen->top) / NS_PER_US, 0,
				      on_timer, screen);
	if (r < 0)
		return r;
	r = top_term_open(&screen->term);
	if (r < 0)
		return r;
	screen->due_ns = now_us * NS_PER_US + screen->top->browse.interval_ns;
	screen->remote.event = event;
	/* Of the agent there is one: its answer to whether it is there. */
	return screen->top->source.socket_path ? show(screen) : refresh(screen);
}

static int attach_to_live(struct live *live, sd_event *event)
{
	return attach(live->userdata, event);
}

/* Without probes there is no loop to join. */
static int run_alone(struct screen *screen)
{
	sd_event *event = NULL;
	int r = sd_event_new(&event);

	if (r >= 0)
		r = attach(screen, event);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	if (r >= 0)
		r = sd_event_loop(event);
	top_term_close(screen->term);
	screen->term = NULL;
	top_remote_close(&screen->remote);
	sd_event_unref(event);
	if (r < 0 && screen->failure == 0)
		log_error("the screen cannot go on: %s", strerror(-r));
	return r < 0 ? EXIT_RUNTIME : EXIT_DONE;
}

int top_run_screen(struct top *top)
{
	struct screen screen = {.top = top};
	int status;

	screen.remote = (struct top_remote){.top = top, .on_news = on_news, .userdata = &screen};
	if (!top->live)
		return run_alone(&screen);
	top->live->userdata = &screen;
	top->live->on_loop = attach_to_live;
	status = live_run(top->live, NEVER_NS, 0);
	top_term_close(screen.term); /* where the loop has not begun */
	return status;
}
