// SPDX-License-Identifier: Apache-2.0
/*
 * Why: an agent that is stopped, swapped out or far behind must not take the keys from whoever
 * looks at its figures, least of all q.
 *
 * Invariant: one question at a time; each ends with an answer, a refusal or the deadline, and
 * source.trouble tells what of it there was.
 *
 * Not here: what an answer means (top_source.c), when it is time to ask (the loops).
 */
#include "top_remote.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "sys/api_client.h"

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT, "events of a call are those of epoll");

static uint64_t now_us(const struct top_remote *remote)
{
	uint64_t now = 0;

	(void)sd_event_now(remote->event, CLOCK_MONOTONIC, &now); /* cannot fail while it runs */
	return now;
}

static void drop(struct top_remote *remote)
{
	remote->io = sd_event_source_disable_unref(remote->io);
	remote->timer = sd_event_source_disable_unref(remote->timer);
	api_call_free(remote->call);
	remote->call = NULL;
}

/* --- answers ---------------------------------------------------------------------------------- */

static int take_pools(struct top *top, const char *body, size_t size)
{
	struct sample *sample;
	int r;

	if (top->browse.is_paused) /* since it was asked for */
		return 0;
	r = top_source_read(&top->source, body, size, &sample);
	return r <= 0 ? r : top_accept(top, sample);
}

static int take_detail(struct top *top, const char *body, size_t size)
{
	const struct sample_row *pool = browse_subject(&top->browse);
	struct detail *detail;
	int r;

	/* It has been left meanwhile, or has gone. */
	if (top->browse.mode != BROWSE_DETAIL || !pool)
		return 0;
	r = top_source_read_detail(&top->source, pool, body, size, &detail);
	if (r <= 0)
		return r;
	detail_free(top->detail);
	top->detail = detail;
	return 0;
}

static int begin(struct top_remote *remote);

/* The question is answered, or given up. */
static int finish(struct top_remote *remote, int result)
{
	struct top_source *source = &remote->top->source;
	char *body = NULL;
	size_t size = 0;
	int r;

	source->trouble[0] = '\0';
	r = api_call_take(remote->call, result, &body, &size, source->trouble,
			  sizeof(source->trouble));
	drop(remote);
	if (r != -ETIMEDOUT)
		remote->owed_since_us = 0;
	/* It has gone since the pools were told, and with them it will be gone from the screen. */
	if (r == -EREMOTEIO && remote->is_detail)
		source->trouble[0] = '\0';
	if (r == 0)
		r = remote->is_detail ? take_detail(remote->top, body, size)
				      : take_pools(remote->top, body, size);
	else
		r = 0; /* told on the screen */
	free(body);
	if (r >= 0)
		r = remote->on_news(remote->userdata);
	return r < 0 ? r : begin(remote);
}

/* --- questions -------------------------------------------------------------------------------- */

static int go_on(struct top_remote *remote)
{
	short events;
	uint64_t due_us = remote->deadline_us, retry_us = now_us(remote) + API_RETRY_MS * 1000ULL;
	int r = api_call_step(remote->call);

	if (r == 0 && now_us(remote) >= remote->deadline_us)
		r = -ETIMEDOUT;
	if (r)
		return finish(remote, r);
	events = api_call_events(remote->call);
	if (!events && retry_us < due_us)
		due_us = retry_us;
	r = sd_event_source_set_io_events(remote->io, (uint32_t)events);
	if (r >= 0)
		r = sd_event_source_set_enabled(remote->io, events ? SD_EVENT_ON : SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_source_set_time(remote->timer, due_us);
	return r < 0 ? r : sd_event_source_set_enabled(remote->timer, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct top_remote *remote = userdata;
	sd_event *event = sd_event_source_get_event(source);
	int r = go_on(remote);

	(void)fd;
	(void)events;
	return r < 0 ? sd_event_exit(event, r) : 0;
}

static int on_timer(sd_event_source *source, uint64_t due_us, void *userdata)
{
	(void)due_us;
	return on_io(source, -1, 0, userdata);
}

static int add_sources(struct top_remote *remote)
{
	int r = sd_event_add_io(remote->event, &remote->io, api_call_fd(remote->call), 0, on_io,
				remote);

	if (r >= 0)
		r = sd_event_add_time(remote->event, &remote->timer, CLOCK_MONOTONIC,
				      remote->deadline_us, 0, on_timer, remote);
	return r;
}

/* The next question, where there is one. */
static int begin(struct top_remote *remote)
{
	struct top *top = remote->top;
	const struct sample_row *pool = browse_subject(&top->browse);
	char target[64] = "/v1/pools";
	int r;

	remote->wants_detail &= top->browse.mode == BROWSE_DETAIL && pool && !pool->exited;
	if (remote->call || (!remote->wants_pools && !remote->wants_detail))
		return 0;
	remote->is_detail = !remote->wants_pools;
	*(remote->is_detail ? &remote->wants_detail : &remote->wants_pools) = false;
	if (remote->is_detail)
		(void)snprintf(target, sizeof(target), "/v1/explain/%u?format=json",
			       pool->client.pid);
	r = api_call_new(top->source.socket_path, target, &remote->call);
	if (r < 0)
		return r;
	remote->deadline_us = now_us(remote) + API_TIMEOUT_MS * 1000ULL;
	if (!remote->owed_since_us)
		remote->owed_since_us = now_us(remote);
	r = add_sources(remote);
	return r < 0 ? r : go_on(remote);
}

int top_remote_ask(struct top_remote *remote, bool pools, bool detail)
{
	remote->wants_pools |= pools;
	remote->wants_detail |= detail;
	return begin(remote);
}

uint64_t top_remote_owed_ns(const struct top_remote *remote)
{
	return remote->call ? (now_us(remote) - remote->owed_since_us) * NS_PER_US + 1 : 0;
}

void top_remote_close(struct top_remote *remote)
{
	drop(remote);
}
