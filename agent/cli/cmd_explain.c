// SPDX-License-Identifier: Apache-2.0
/*
 * connleak explain: everything that is known of one process, from the agent, from a few seconds of
 * watching or from a recording. All processes are watched, not only the one: how the others fare
 * tells the network from the pool.
 *
 * Invariant: what is printed is of one source: the agent, the recording, or probes of its own.
 * Does not collect (explain.c) and does not put into words (explain_text.c, explain_json.c).
 */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "explain.h"
#include "recording.h"
#include "remote.h"
#include "sys/log.h"
#include "sys/privilege.h"

#define DURATION_NS (15 * NS_PER_SEC)
#define LOOK_NS NS_PER_SEC

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	return explain_add_verdict(userdata, verdict);
}

/* Only to ask what the terminal can show: numbers stay as they are. */
static bool shows_utf8(void)
{
	(void)setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static int print(const struct explain *explain)
{
	int r;

	r = explain->options->json ? explain_print_json(explain)
				   : explain_print_text(explain, shows_utf8());
	if (r == -ENOMEM)
		log_error("out of memory");
	return r == 0 || r == -EPIPE ? EXIT_DONE : EXIT_RUNTIME;
}

static int finish(struct explain *explain, uint64_t now_ns, const char *where)
{
	if (explain_finish(explain, now_ns) < 0) {
		log_error("out of memory");
		return EXIT_RUNTIME;
	}
	if (explain->pool_count > 0)
		return print(explain);
	log_error("process %u has no connection to a watched port in %s",
		  explain->options->subject_pid, where);
	return EXIT_RUNTIME;
}

/* --- watching --------------------------------------------------------------------------------- */

static int on_look(struct live *live)
{
	struct explain *explain = live->userdata;

	if (live->now_ns == 0) /* nothing has ever been told */
		return 0;
	if (explain->begin_ns == 0)
		explain->begin_ns = live->now_ns;
	return explain_sample(explain, live->now_ns);
}

static bool process_exists(uint32_t pid)
{
	return kill((pid_t)pid, 0) == 0 || errno != ESRCH;
}

static int watch(struct explain *explain)
{
	const struct options *options = explain->options;
	uint64_t duration_ns = options->duration_ns ? options->duration_ns : DURATION_NS;
	uint64_t look_ns = duration_ns < 4 * LOOK_NS ? duration_ns / 4 : LOOK_NS;
	char where[64];
	int r, status;

	if (!process_exists(options->subject_pid)) {
		log_error("there is no process %u", options->subject_pid);
		return EXIT_RUNTIME;
	}
	status = live_open(&explain->view, options, false, true, on_verdict, explain);
	if (status)
		return status;
	explain->realtime_at_zero_ns = explain->view.realtime_at_zero_ns;
	explain->view.on_look = on_look;
	r = live_confine(&explain->view, PRIVILEGE_NO_MORE);
	if (r == 0)
		r = live_look(&explain->view);
	status = live_status(&explain->view, r);
	if (r < 0)
		return status;
	live_announce(&explain->view);
	status = live_run(&explain->view, look_ns, duration_ns);
	if (status)
		return status;
	(void)snprintf(where, sizeof(where), "%.3g s", (double)duration_ns / NS_PER_SEC);
	return finish(explain, explain->view.now_ns, where);
}

/* --- a recording ------------------------------------------------------------------------------ */

static int feed(struct explain *explain, struct source_replay *source)
{
	struct event event;
	int r;

	while ((r = source_replay_next(source, &event)) == 1) {
		if (explain->begin_ns == 0)
			explain->begin_ns = event.t_ns;
		/* As of before the event, which may end the process. */
		r = explain_sample(explain, event.t_ns);
		if (r == 0)
			r = pipeline_feed(explain->view.pipeline, &event);
		if (r) {
			log_error("%s:%llu: %s", source_replay_name(source),
				  (unsigned long long)source_replay_line(source),
				  strerror(r < 0 ? -r : r));
			return EXIT_RUNTIME;
		}
	}
	if (r < 0) {
		log_error("%s", source_replay_error(source));
		return EXIT_RUNTIME;
	}
	if (source_replay_was_cut(source))
		log_notice("%s", source_replay_error(source));
	return EXIT_DONE;
}

static int replay(struct explain *explain)
{
	const struct options *options = explain->options;
	struct live *view = &explain->view;
	struct source_replay *source;
	int status;

	log_set_verbosity(options->verbosity);
	if (recording_open(options, options->recording, &source) < 0)
		return EXIT_RUNTIME;
	*view = (struct live){.options = options, .proc_fd = -1};
	view->pipeline = pipeline_new(options, true, on_verdict, explain);
	if (!view->pipeline) {
		log_error("out of memory");
		source_replay_close(source);
		return EXIT_RUNTIME;
	}
	explain->realtime_at_zero_ns = trace_header_local_ns(source_replay_header(source));
	pipeline_set_realtime(view->pipeline, explain->realtime_at_zero_ns);
	status = feed(explain, source);
	if (status == EXIT_DONE)
		status = finish(explain, table_now_ns(pipeline_table(view->pipeline)),
				source_replay_name(source));
	source_replay_close(source);
	return status;
}

/* --- the agent -------------------------------------------------------------------------------- */

/* Returns 1 when the agent has answered, 0 where there is none for this, -errno. */
static int ask_agent(const struct options *options)
{
	char target[80], *body = NULL;
	size_t size = 0;
	int r;

	(void)snprintf(target, sizeof(target), "/v1/explain/%u?format=%s%s", options->subject_pid,
		       options->json ? "json" : "text",
		       !options->json && shows_utf8() ? "&charset=utf-8" : "");
	r = remote_get(options, NULL, target, &body, &size);
	if (r == 1)
		remote_print(body, size); /* the error flag is looked at in the end */
	free(body);
	return r;
}

int cmd_explain(const struct options *options)
{
	struct explain explain = {.options = options, .stream = stdout, .view = {.proc_fd = -1}};
	int r, status;

	log_set_verbosity(options->verbosity);
	r = options->recording ? 0 : ask_agent(options);
	if (r)
		return r == 1 ? EXIT_DONE : EXIT_RUNTIME;
	status = options->recording ? replay(&explain) : watch(&explain);
	explain_free(&explain);
	live_close(&explain.view);
	return status;
}
