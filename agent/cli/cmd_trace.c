// SPDX-License-Identifier: Apache-2.0
/*
 * connleak trace: every event as it is told, for eyes or for a recording. A recording holds exactly
 * what the table was fed with, so that its replay is the run again.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "core/format.h"
#include "core/words.h"
#include "live.h"
#include "sinks/jsonl.h"
#include "sinks/text.h"
#include "sys/log.h"
#include "sys/privilege.h"

struct tracer {
	struct live live;
	FILE *out;
	bool is_trace; /* JSON lines: --json or -o */
	bool has_event; /* something has been written since the last end */
	uint64_t last_ns;
};

static void format_moment(const struct live *live, uint64_t t_ns, char *buffer, size_t size)
{
	int64_t wall_ns = live->realtime_at_zero_ns + (int64_t)t_ns;
	time_t seconds = wall_ns / (int64_t)NS_PER_SEC;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm)) { /* the zone's offset is in it already */
		snprintf(buffer, size, "?");
		return;
	}
	snprintf(buffer, size, "%02d:%02d:%02d.%03d", tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (int)(wall_ns % (int64_t)NS_PER_SEC / (int64_t)NS_PER_MS));
}

/* "PID COMM REMOTE" of the connection that the event is about, as far as it is known. */
static void print_conn(FILE *out, const struct client_id *client, const char comm[COMM_SIZE],
		       const struct netaddr *remote)
{
	char name[COMM_SIZE * 4 + 1], addr[ADDR_TEXT_SIZE];

	fprintf(out, "%7" PRIu32 " %-15s %s", client->pid, format_comm(comm, name, sizeof(name)),
		format_netaddr(remote, addr, sizeof(addr)));
}

static void print_details(FILE *out, const struct event *event)
{
	char a[32], b[32];

	switch (event->type) {
	case EVENT_FAILED:
		fprintf(out, " %s", event->error);
		break;
	case EVENT_CLOSE:
		fprintf(out, " by %s", close_by_name(event->by));
		break;
	case EVENT_IO:
		fprintf(out, " sent %s received %s", format_bytes(event->sent_bytes, a, sizeof(a)),
			format_bytes(event->received_bytes, b, sizeof(b)));
		if (event->opener != OPENER_UNKNOWN)
			fprintf(out, " opener %s", opener_state_name(event->opener));
		break;
	case EVENT_SEEN:
		if (event->has_idle)
			fprintf(out, " idle %s", format_duration(event->idle_ns, a, sizeof(a)));
		break;
	default:
		break;
	}
}

static int print_event(struct tracer *tracer, const struct event *event)
{
	static const char *const words[] = {
		[EVENT_OPEN] = "open",
		[EVENT_SEEN] = "seen",
		[EVENT_ESTABLISHED] = "established",
		[EVENT_FAILED] = "failed",
		[EVENT_IO] = "io",
		[EVENT_PEER_CLOSED] = "peer_closed",
		[EVENT_CLOSE] = "close",
		[EVENT_EXIT] = "exit",
		[EVENT_LOST] = "lost",
	};
	const struct conn *conn;
	struct netaddr none = {.port = 0};
	char moment[32];

	if (event->type == EVENT_END || event->type == EVENT_CHURN || event->type == EVENT_PAST)
		return 0;
	format_moment(&tracer->live, event->t_ns, moment, sizeof(moment));
	fprintf(tracer->out, "%s %-11s", moment, words[event->type]);
	conn = event->conn ? table_find_conn(pipeline_table(tracer->live.pipeline), event->conn)
			   : NULL;
	if (event->type == EVENT_OPEN || event->type == EVENT_SEEN)
		print_conn(tracer->out, &event->client, event->comm, &event->remote);
	else if (conn)
		print_conn(tracer->out, &conn->pool->client->id, conn->pool->client->comm,
			   &conn->pool->remote);
	else if (event->type == EVENT_EXIT)
		fprintf(tracer->out, "%7" PRIu32, event->client.pid);
	else if (event->type == EVENT_LOST)
		fprintf(tracer->out, " %" PRIu64 " records", event->lost_count);
	else
		print_conn(tracer->out, &event->client, event->comm, &none);
	if (event->conn)
		fprintf(tracer->out, " #%" PRIu64, event->conn);
	print_details(tracer->out, event);
	fputc('\n', tracer->out);
	return 0;
}

/* Once; what went wrong with stdout is reported when it is closed. */
static int check_write(struct tracer *tracer, int r)
{
	if (r >= 0 || tracer->out == stdout || tracer->live.is_reported)
		return r;
	log_error("%s: %s", tracer->live.options->output, strerror(-r));
	tracer->live.is_reported = true;
	return r;
}

static int on_event(struct live *live, const struct event *event)
{
	struct tracer *tracer = live->userdata;

	tracer->last_ns = event->t_ns;
	if (!tracer->is_trace)
		return print_event(tracer, event);
	/* One end, at the end: the clock of each look is not news. */
	if (event->type == EVENT_END)
		return 0;
	return check_write(tracer, jsonl_write_event(tracer->out, event));
}

static int on_look(struct live *live)
{
	struct tracer *tracer = live->userdata;

	return check_write(tracer, jsonl_flush(tracer->out));
}

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	struct tracer *tracer = userdata;

	/* A recording holds events only: a replay judges for itself. */
	if (tracer->live.options->json)
		return jsonl_write_verdict(stdout, verdict);
	return text_write_verdict(stdout, verdict, tracer->live.realtime_at_zero_ns);
}

static int write_header(struct tracer *tracer)
{
	struct trace_header header = {
		.version = TRACE_VERSION,
		.realtime_at_zero_ns = tracer->live.utc_at_zero_ns,
		.utc_offset_s = tracer->live.utc_offset_s,
	};

	if (gethostname(header.host, sizeof(header.host) - 1) < 0)
		header.host[0] = '\0';
	return jsonl_write_header(tracer->out, &header);
}

static int open_output(struct tracer *tracer, const struct options *options)
{
	int fd;

	tracer->out = stdout;
	tracer->is_trace = options->json || options->output;
	if (!options->output || !strcmp(options->output, "-"))
		return 0;
	/* What processes connect to is nobody else's business. */
	fd = open(options->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	tracer->out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (tracer->out)
		return 0;
	log_error("-o '%s': %s", options->output, strerror(errno));
	if (fd >= 0)
		close(fd);
	return EXIT_RUNTIME;
}

static int close_output(struct tracer *tracer, int status)
{
	struct event end = {.type = EVENT_END, .t_ns = tracer->last_ns};
	int r = 0;

	/* What went wrong with stdout is known, and reported when it is closed. */
	if (tracer->out == stdout && ferror(stdout))
		return status;
	if (tracer->is_trace && tracer->last_ns)
		r = jsonl_write_event(tracer->out, &end);
	if (r == 0)
		r = jsonl_flush(tracer->out);
	if (tracer->out != stdout && fclose(tracer->out) == EOF && r == 0)
		r = -errno;
	if (r == 0 || r == -EPIPE)
		return status;
	(void)check_write(tracer, r);
	return EXIT_RUNTIME;
}

int cmd_trace(const struct options *options)
{
	bool judge = options->verdicts || options->fail_on;
	struct tracer tracer = {.out = NULL};
	int r, status;

	status = live_open(&tracer.live, options, true, judge,
			   options->verdicts ? on_verdict : NULL, &tracer);
	if (!status)
		status = open_output(&tracer, options);
	if (status)
		goto out;
	tracer.live.on_event = on_event;
	tracer.live.on_look = on_look;
	r = live_confine(&tracer.live, PRIVILEGE_NO_MORE);
	if (r == 0 && tracer.is_trace)
		r = write_header(&tracer);
	if (r == 0)
		r = live_look(&tracer.live);
	status = live_status(&tracer.live, r);
	if (r == 0) {
		live_announce(&tracer.live);
		status = live_run(&tracer.live, options->interval_ns, options->duration_ns);
	}
	status = close_output(&tracer, status);
	if (status == EXIT_DONE && pipeline_stands(tracer.live.pipeline, options->fail_on))
		status = EXIT_VERDICT;
out:
	live_close(&tracer.live);
	return status;
}
