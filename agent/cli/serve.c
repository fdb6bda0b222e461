// SPDX-License-Identifier: Apache-2.0
/*
 * Who installs a monitoring agent wants it to run more than to be asked, but one that nobody can
 * ask, because the port is taken, must not look well: what cannot be opened ends the start.
 *
 * Invariant: everything that waits in the loop for clients comes after the looks at the kernel.
 */
#include "serve.h"

#include <errno.h>
#include <string.h>

#include "core/format.h"
#include "remote.h"
#include "sys/log.h"

/* Groups of the metrics are let go also when nobody scrapes. */
#define SURVEY_INTERVAL_US (300 * 1000000ULL)

int serve_init(struct serve *serve, struct live *live, const struct ledger *ledger)
{
	*serve = (struct serve){.listener = {.fd = -1}};
	api_init(&serve->api, live, ledger);
	return pipeline_add_rollup(live->pipeline, live->options);
}

static int on_survey(sd_event_source *source, uint64_t due_us, void *userdata)
{
	struct serve *serve = userdata;
	const struct live *live = serve->api.live;
	int r;

	(void)due_us;
	rollup_survey(pipeline_rollup(live->pipeline), pipeline_table(live->pipeline),
		      pipeline_detector(live->pipeline), live->now_ns);
	r = sd_event_source_set_time_relative(source, SURVEY_INTERVAL_US);
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int serve_tcp(struct serve *serve, sd_event *event, const struct netaddr *addr)
{
	char text[ADDR_TEXT_SIZE];
	int r = listen_tcp(addr);

	if (r >= 0)
		r = http_server_new(event, r, &http_default_limits, api_answer_public, &serve->api,
				    &serve->api.counts, &serve->tcp);
	(void)format_netaddr(addr, text, sizeof(text));
	if (r < 0)
		log_error("--listen %s: %s", text, strerror(-r));
	else
		log_detail("metrics on http://%s/metrics", text);
	return r;
}

static int serve_local(struct serve *serve, sd_event *event, const char *path)
{
	char error[512];
	int fd, r = listen_unix_open(path, &serve->listener, error, sizeof(error));

	if (r < 0) {
		log_error("%s", error);
		return r;
	}
	fd = serve->listener.fd;
	serve->listener.fd = -1; /* the server's from here on */
	r = http_server_new(event, fd, &http_default_limits, api_answer_local, &serve->api,
			    &serve->api.counts, &serve->local);
	if (r < 0)
		log_error("--socket: %s", strerror(-r));
	return r;
}

int serve_join(struct serve *serve, sd_event *event)
{
	const struct options *options = serve->api.live->options;
	const char *path = remote_socket(options);
	int r = 0;

	if (options->listen.port)
		r = serve_tcp(serve, event, &options->listen);
	if (r >= 0 && path)
		r = serve_local(serve, event, path);
	if (r < 0)
		return r;
	r = sd_event_add_time_relative(event, &serve->timer, CLOCK_MONOTONIC, SURVEY_INTERVAL_US, 0,
				       on_survey, serve);
	if (r < 0)
		log_error("out of memory");
	return r < 0 ? r : 0;
}

void serve_close(struct serve *serve)
{
	sd_event_source_disable_unref(serve->timer);
	http_server_free(serve->tcp);
	http_server_free(serve->local);
	listen_unix_close(&serve->listener);
	api_clear(&serve->api);
	*serve = (struct serve){.listener = {.fd = -1}};
}
