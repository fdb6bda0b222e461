// SPDX-License-Identifier: Apache-2.0
/*
 * connleak agent: the daemon. Watches until it is stopped and writes each verdict, as text or JSON
 * Lines, to stdout. At its end it says on stderr what it has seen and lost.
 *
 * Invariant: here its parts meet and nothing else happens: each is a module of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "check_config.h"
#include "command.h"
#include "core/ledger.h"
#include "detach.h"
#include "live.h"
#include "loss_lines.h"
#include "reload.h"
#include "serve.h"
#include "service.h"
#include "sinks/journal.h"
#include "sinks/jsonl.h"
#include "sinks/text.h"
#include "state.h"
#include "sys/log.h"
#include "sys/privilege.h"

/* How often `systemctl status` may show something new. */
#define STATUS_INTERVAL_US (2 * 1000000ULL)

struct agent {
	struct live live;
	struct service service;
	struct ledger *ledger;
	struct serve serve;
	struct state state;
	struct loss_lines loss_lines;
	struct journal *journal; /* NULL = verdicts do not go there */
	struct options *options;
	bool json;
	bool stdout_is_journal;
	bool is_recalled; /* what was carried over is known to the connections that it names */
};

static int emit(struct agent *agent, const struct ledger_line *line)
{
	state_touch(&agent->state, agent->live.now_ns);
	if (line->news == LEDGER_REPEAT)
		return 0;
	if (agent->journal && line->news == LEDGER_NEWS)
		journal_write(agent->journal, line->verdict);
	/* What goes to the journal is not to be there twice. */
	if (agent->journal && agent->stdout_is_journal)
		return 0;
	if (agent->json)
		return jsonl_write_verdict(stdout, line->verdict);
	return text_write_verdict(stdout, line->verdict, agent->live.realtime_at_zero_ns);
}

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	struct agent *agent = userdata;
	struct ledger_line line;
	int r = ledger_take(agent->ledger, pipeline_table(agent->live.pipeline), verdict, &line);

	return r < 0 ? r : emit(agent, &line);
}

/* What the detector does not judge because a former run has told it. */
static int review_carried(struct agent *agent)
{
	const struct table *table = pipeline_table(agent->live.pipeline);
	struct ledger_line line;
	int r = 0;

	while (r == 0 && ledger_review(agent->ledger, table, agent->live.now_ns, &line))
		r = emit(agent, &line);
	return r;
}

static struct fleets *fleets_of(const struct agent *agent)
{
	return detector_fleets(pipeline_detector(agent->live.pipeline));
}

static int on_look(struct live *live)
{
	struct agent *agent = live->userdata;
	int r;

	if (!agent->is_recalled)
		ledger_recall(agent->ledger, pipeline_table(live->pipeline));
	agent->is_recalled = true;
	r = review_carried(agent);
	if (agent->journal)
		(void)journal_retry(agent->journal); /* says itself what waits */
	privilege_tell_refused();
	state_keep(&agent->state, live->now_ns, agent->ledger, fleets_of(agent));
	loss_lines_say(&agent->loss_lines, live);
	return r;
}

static int open_journal(struct agent *agent)
{
	bool wanted = agent->options->journal == JOURNAL_YES ||
		      (agent->options->journal == JOURNAL_AUTO && journal_is_behind(STDERR_FILENO));

	agent->stdout_is_journal = journal_is_behind(STDOUT_FILENO);
	if (wanted)
		agent->journal = journal_open(JOURNAL_SOCKET);
	return wanted && !agent->journal ? EXIT_RUNTIME : 0;
}

static void on_reload(void *userdata)
{
	struct agent *agent = userdata;

	(void)reload(&agent->live, agent->options); /* says itself what came of it */
}

static void tell_status(struct agent *agent)
{
	const struct table *table = pipeline_table(agent->live.pipeline);
	uint32_t standing = ledger_standing_count(agent->ledger);

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

static uint64_t journal_lost_count(const void *agent)
{
	const struct journal *journal = ((const struct agent *)agent)->journal;

	return journal ? journal_counts(journal)->lost : 0;
}

static uint64_t state_failed_count(const void *agent)
{
	return ((const struct agent *)agent)->state.failed_count;
}

static uint64_t refused_call_count(const void *agent)
{
	(void)agent; /* it is the process's */
	return *privilege_refused_count();
}

/* All is open now. An agent that cannot give up what it does not need still watches, and says so.
 */
static int confine(struct live *live)
{
	int r = live_confine(live, PRIVILEGE_NO_MORE);

	if (r < 0)
		return r;
	r = privilege_restrict_calls();
	if (r < 0)
		log_notice("system calls are not restricted: %s", strerror(-r));
	return 0;
}

static int on_loop(struct live *live, sd_event *event)
{
	struct agent *agent = live->userdata;
	int r;

	api_add_loss(&agent->serve.api, "journal_failed", journal_lost_count, agent);
	api_add_loss(&agent->serve.api, "state_failed", state_failed_count, agent);
	api_add_loss(&agent->serve.api, "system_call_refused", refused_call_count, agent);
	r = serve_join(&agent->serve, event);
	if (r < 0)
		live->is_reported = true;
	if (r >= 0)
		r = service_join(&agent->service, event);
	if (r >= 0)
		r = sd_event_add_time_relative(event, NULL, CLOCK_MONOTONIC, 0, 0, on_status_timer,
					       agent);
	if (r >= 0)
		r = confine(live);
	/* Whoever waits for these words may ask from here on: everything listens. */
	if (r < 0)
		return r;
	live_announce(live);
	service_ready();
	return r;
}

static void say_journal(const struct agent *agent)
{
	const struct journal_counts *counts;

	if (!agent->journal)
		return;
	counts = journal_counts(agent->journal);
	if (counts->failed)
		log_notice("the journal took %llu verdicts late, %llu never",
			   (unsigned long long)(counts->failed - counts->lost),
			   (unsigned long long)counts->lost);
}

static void say_state(const struct agent *agent)
{
	if (agent->state.failed_count)
		log_notice("the state could not be written or read %llu time%s",
			   (unsigned long long)agent->state.failed_count,
			   agent->state.failed_count == 1 ? "" : "s");
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
	live->on_look = on_look;
	r = serve_init(&agent->serve, live, agent->ledger);
	/* The socket may have to be given to its group yet. */
	if (r == 0)
		r = live_confine(live, PRIVILEGE_MORE(CAP_CHOWN));
	if (r == 0)
		r = live_look(live);
	status = live_status(live, r);
	if (r < 0)
		return status;
	status = live_run(live, agent->options->interval_ns, agent->options->duration_ns);
	say_losses(live);
	say_journal(agent);
	if (status == EXIT_DONE && ledger_stands(agent->ledger, agent->options->fail_on))
		status = EXIT_VERDICT;
	return status;
}

int cmd_agent(struct options *options)
{
	struct agent agent = {
		.live = {.proc_fd = -1},
		.options = options,
		.json = options->json,
		.service = {.on_reload = on_reload, .userdata = &agent},
		.serve = {.listener = {.fd = -1}},
		.state = {.directory_fd = -1},
	};
	bool has_run;
	int status;

	if (options->check_config)
		return check_config(options);
	if (options->detach)
		return detach_pins(options);
	if (service_block_signals() < 0)
		return EXIT_RUNTIME;
	agent.ledger = ledger_new();
	if (!agent.ledger) {
		log_error("out of memory");
		return EXIT_RUNTIME;
	}
	status = open_journal(&agent);
	if (status == 0)
		status = live_open(&agent.live, options, false, true, on_verdict, &agent);
	if (status == 0)
		status = state_open(&agent.state, options, agent.ledger, fleets_of(&agent));
	has_run = status == 0;
	if (status == 0)
		status = run(&agent);
	state_close(&agent.state, agent.ledger, has_run ? fleets_of(&agent) : NULL);
	say_state(&agent);
	serve_close(&agent.serve);
	live_close(&agent.live);
	journal_close(agent.journal);
	ledger_free(agent.ledger);
	return status;
}
