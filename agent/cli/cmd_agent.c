// SPDX-License-Identifier: Apache-2.0
/*
 * connleak agent: the daemon. Watches until it is stopped and writes each verdict, as text or JSON
 * Lines, to stdout. At its end it says on stderr what it has seen and lost.
 *
 * Here its parts meet and nothing else happens: each is a module of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check_config.h"
#include "command.h"
#include "core/view.h"
#include "live.h"
#include "reload.h"
#include "service.h"
#include "sinks/jsonl.h"
#include "sinks/text.h"
#include "sys/log.h"

/* How often `systemctl status` may show something new. */
#define STATUS_INTERVAL_US (2 * 1000000ULL)

struct agent {
	struct live live;
	struct service service;
	struct options *options;
	bool json;
};

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	struct agent *agent = userdata;

	if (agent->json)
		return jsonl_write_verdict(stdout, verdict);
	return text_write_verdict(stdout, verdict, agent->live.realtime_at_zero_ns);
}

static void on_reload(void *userdata)
{
	struct agent *agent = userdata;

	(void)reload(&agent->live, agent->options); /* says itself what came of it */
}

static uint32_t standing_count(const struct pipeline *pipeline)
{
	uint32_t count = 0;

	for (int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
		count += detector_standing_count(pipeline_detector(pipeline),
						 (enum verdict_kind)kind);
	return count;
}

static void tell_status(struct agent *agent)
{
	const struct table *table = pipeline_table(agent->live.pipeline);
	uint32_t standing = standing_count(agent->live.pipeline);

	service_status(&agent->service, "%u connections in %u pools; %u verdict%s stand%s",
		       table_conn_count(table), table_pool_count(table), standing,
		       standing == 1 ? "" : "s", standing == 1 ? "s" : "");
}

static int on_status_timer(sd_event_source *source, uint64_t due_us, void *userdata)
{
	int r;

	(void)due_us;
	tell_status(userdata);
	r = sd_event_source_set_time_relative(source, STATUS_INTERVAL_US);
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int on_loop(struct live *live, sd_event *event)
{
	struct agent *agent = live->userdata;
	int r = service_join(&agent->service, event);

	if (r >= 0)
		r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 0, 0, on_status_timer,
					       agent);
	if (r >= 0)
		service_ready();
	return r;
}

static void say_losses(const struct live *live)
{
	uint64_t counts[SOURCE_LOST_COUNT];

	source_bpf_lost(live->source, counts);
	for (unsigned int i = 0; i < SOURCE_LOST_COUNT; i++)
		if (counts[i] && i != PROBES_LOST_MISSED)
			log_notice("%llu records lost: %s", (unsigned long long)counts[i],
				   source_bpf_lost_name(i));
	if (table_overflow_count(pipeline_table(live->pipeline)))
		log_notice(
			"%llu connections not tracked: the table is full",
			(unsigned long long)table_overflow_count(pipeline_table(live->pipeline)));
}

static int run(struct agent *agent)
{
	struct live *live = &agent->live;
	int r, status;

	live->on_loop = on_loop;
	r = live_look(live);
	status = live_status(live, r);
	if (r < 0)
		return status;
	live_announce(live);
	status = live_run(live, agent->options->interval_ns, agent->options->duration_ns);
	say_losses(live);
	if (status == EXIT_DONE && pipeline_stands(live->pipeline, agent->options->fail_on))
		status = EXIT_VERDICT;
	return status;
}

int cmd_agent(struct options *options)
{
	struct agent agent = {
		.options = options,
		.json = options->json,
		.service = {.on_reload = on_reload, .userdata = &agent},
	};
	int status;

	if (options->check_config)
		return check_config(options);
	if (service_block_signals() < 0)
		return EXIT_RUNTIME;
	status = live_open(&agent.live, options, false, true, on_verdict, &agent);
	if (status == 0)
		status = run(&agent);
	live_close(&agent.live);
	return status;
}
