// SPDX-License-Identifier: Apache-2.0
/*
 * connleak agent: watches until it is stopped and writes each verdict, as text or JSON Lines, to
 * stdout. At its end it says on stderr what it has seen and lost.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check_config.h"
#include "command.h"
#include "core/view.h"
#include "live.h"
#include "sinks/jsonl.h"
#include "sinks/text.h"
#include "sys/log.h"

struct agent {
	struct live live;
	bool json;
};

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	struct agent *agent = userdata;

	if (agent->json)
		return jsonl_write_verdict(stdout, verdict);
	return text_write_verdict(stdout, verdict, agent->live.realtime_at_zero_ns);
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

int cmd_agent(const struct options *options)
{
	struct agent agent = {.json = options->json};
	int r, status;

	if (options->check_config)
		return check_config(options);
	status = live_open(&agent.live, options, false, true, on_verdict, &agent);
	if (status)
		goto out;
	r = live_look(&agent.live);
	status = live_status(&agent.live, r);
	if (r < 0)
		goto out;
	live_announce(&agent.live);
	status = live_run(&agent.live, options->interval_ns, options->duration_ns);
	say_losses(&agent.live);
	if (status == EXIT_DONE && pipeline_stands(agent.live.pipeline, options->fail_on))
		status = EXIT_VERDICT;
out:
	live_close(&agent.live);
	return status;
}
