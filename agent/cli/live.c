// SPDX-License-Identifier: Apache-2.0
/*
 * The loop of the live commands: look at the kernel, feed what is new, tell what came of it, until
 * it is time to end.
 *
 * Invariant: it owns the probes for as long as the command runs; when it ends, for whatever reason,
 * nothing stays attached but what the agent has pinned (sys/pins.h).
 * Does not judge (core/), and does not know what a command makes of it.
 */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "live_sites.h"
#include "sys/clock.h"
#include "sys/features.h"
#include "sys/log.h"
#include "sys/opener_watch.h"
#include "sys/pins.h"
#include "sys/privilege.h"
#include "sys/wall_clock.h"

/* For the times in sentences; what a trace says at its head stays. */
static void follow_wall_clock(struct live *live)
{
	struct wall_clock clock = {live->utc_at_zero_ns, live->utc_offset_s,
				   live->realtime_at_zero_ns};

	if (!wall_clock_read(&clock))
		return;
	live->utc_at_zero_ns = clock.utc_at_zero_ns;
	live->utc_offset_s = clock.utc_offset_s;
	live->realtime_at_zero_ns = clock.local_at_zero_ns;
	pipeline_set_realtime(live->pipeline, live->realtime_at_zero_ns);
}

/*
 * The id of a cgroup is the inode of its directory (cgroup v2 on 64 bit). A relative path is one
 * below the mount of the v2 hierarchy, wherever that is.
 */
static int find_cgroup(const char *path, uint64_t *ret_id)
{
	static const char *const roots[] = {"", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct stat st;
	char full[4096];

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (i == 0 && path[0] != '/')
			continue;
		if (snprintf(full, sizeof(full), "%s%s%s", roots[i], path[0] == '/' ? "" : "/",
			     path) >= (int)sizeof(full))
			return -ENAMETOOLONG;
		if (stat(full, &st) == 0 && S_ISDIR(st.st_mode)) {
			*ret_id = st.st_ino;
			return 0;
		}
	}
	return -ENOENT;
}

static int fill_filter(const struct options *options, bool tell_short,
		       struct probes_filter *ret_filter)
{
	memset(ret_filter, 0, sizeof(*ret_filter));
	dbkind_port_bitmap(options->databases, ret_filter->port_bitmap);
	dbkind_one_way_bitmap(options->databases, ret_filter->one_way_bitmap);
	ret_filter->pids = options->pids;
	ret_filter->pid_count = options->pid_count;
	ret_filter->comms = options->comms;
	ret_filter->comm_count = options->comm_count;
	ret_filter->tell_short = tell_short;
	for (uint32_t i = 0; i < options->cgroup_count; i++) {
		int r = find_cgroup(options->cgroups[i], &ret_filter->cgroup_ids[i]);

		if (r < 0) {
			log_error("--cgroup '%s': %s", options->cgroups[i],
				  r == -ENOENT ? "no such directory in the cgroup file system"
					       : strerror(-r));
			return EXIT_USAGE;
		}
	}
	ret_filter->cgroup_count = options->cgroup_count;
	return 0;
}

static int check_host(void)
{
	struct features features;
	char reason[512];
	int r = features_probe(&features, "/");

	if (r < 0) {
		log_error("cannot examine this host: %s", strerror(-r));
		return EXIT_RUNTIME;
	}
	if (features_can_run(&features, reason, sizeof(reason)))
		return 0;
	log_error("%s", reason);
	return EXIT_HOST;
}

/* A host without the kubelet's directories has no names to offer; one that was asked for has. */
static int open_pod_logs(struct live *live)
{
	const char *dir = live->options->pod_logs ? live->options->pod_logs : "/var/log";
	int fd;

	if (strcmp(dir, "none") == 0)
		return 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && live->options->pod_logs) {
		log_error("--pod-logs '%s': %s", dir, strerror(errno));
		return EXIT_USAGE;
	}
	if (fd < 0) {
		log_detail("%s: %s; pods have no names", dir, strerror(errno));
		return 0;
	}
	live->pod_logs = pod_logs_new(fd, POD_LOGS_CAPACITY);
	if (live->pod_logs)
		return 0;
	log_error("out of memory");
	return EXIT_RUNTIME;
}

static void say_pod_logs(const struct live *live)
{
	struct pod_logs_counts counts;

	if (!live->pod_logs)
		return;
	pod_logs_count(live->pod_logs, &counts);
	log_detail(
		"names of pods: %u known, %llu readings, %llu forgotten, %llu file names refused",
		counts.known_count, (unsigned long long)counts.scan_count,
		(unsigned long long)counts.evicted_count, (unsigned long long)counts.refused_count);
}

/* Only the daemon keeps anything, so only it needs to be the only one. */
static int take_pins(const struct options *options, struct pins **ret_pins)
{
	const char *directory = options->pin ? options->pin : PINS_DIRECTORY;
	char error[512];
	int r;

	if (options->command != COMMAND_AGENT || !strcmp(directory, OPTION_NONE))
		return 0;
	r = pins_open(directory, ret_pins, error, sizeof(error));
	if (r == -EBUSY) {
		log_error("%s; with --pin " OPTION_NONE " several can run side by side", error);
		return EXIT_RUNTIME;
	}
	if (r < 0)
		log_notice("%s: going on without pins, ages begin anew at the next start", error);
	return 0;
}

/* Whoever is under suspicion has its senders watched, whatever the command makes of the verdict. */
static int pass_verdict(void *userdata, const struct verdict *verdict)
{
	struct live *live = userdata;

	live_sites_note(live->sites, verdict);
	return live->on_verdict ? live->on_verdict(live->userdata, verdict) : 0;
}

int live_open(struct live *live, const struct options *options, bool tell_short, bool judge,
	      pipeline_verdict_fn on_verdict, void *userdata)
{
	struct probes_setup setup = {0};
	char error[512];
	int r;

	memset(live, 0, sizeof(*live));
	live->options = options;
	live->userdata = userdata;
	live->proc_fd = -1;
	log_set_verbosity(options->verbosity);
	log_capture_libbpf();
	r = check_host();
	if (r)
		return r;
	r = fill_filter(options, tell_short, &setup.filter);
	if (r)
		return r;
	r = take_pins(options, &live->pins);
	if (r)
		return r;
	setup.pins = live->pins;
	live->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (live->proc_fd < 0) {
		log_error("/proc: %s", strerror(errno));
		return EXIT_HOST;
	}
	r = open_pod_logs(live);
	if (r)
		return r;
	live->on_verdict = on_verdict;
	live->pipeline = pipeline_new(options, judge, pass_verdict, live);
	if (!live->pipeline) {
		log_error("out of memory");
		return EXIT_RUNTIME;
	}
	r = source_bpf_open(&setup, live->proc_fd, live->pod_logs, &live->source, error,
			    sizeof(error));
	if (r < 0) {
		log_error("%s", error);
		return r == -EPERM || r == -EACCES ? EXIT_HOST : EXIT_RUNTIME;
	}
	live->openers =
		opener_watch_new(live->proc_fd, options->settings.tick_ns, options->settings.t0_ns);
	if (!live->openers) {
		log_error("out of memory");
		return EXIT_RUNTIME;
	}
	live->sites = live_sites_new(options, live->source);
	follow_wall_clock(live);
	return 0;
}

void live_close(struct live *live)
{
	say_pod_logs(live);
	live_sites_say_losses(live->sites);
	live_sites_free(live->sites);
	live->sites = NULL;
	source_bpf_close(live->source);
	opener_watch_free(live->openers);
	pod_logs_free(live->pod_logs);
	pipeline_free(live->pipeline);
	pins_close(live->pins);
	if (live->proc_fd >= 0)
		close(live->proc_fd);
	live->source = NULL;
	live->openers = NULL;
	live->pod_logs = NULL;
	live->pipeline = NULL;
	live->pins = NULL;
	live->proc_fd = -1;
}

int live_confine(struct live *live, uint64_t more)
{
	int r = privilege_drop_capabilities(more);

	if (r < 0) {
		log_error("cannot give up privileges: %s", strerror(-r));
		live->is_reported = true;
	}
	return r;
}

int live_set_options(struct live *live, const struct options *options)
{
	struct probes_filter filter;
	int r = fill_filter(options, false, &filter);

	if (r)
		return r;
	r = source_bpf_set_filter(live->source, &filter);
	if (r < 0) {
		log_error("cannot change what is watched: %s", strerror(-r));
		return EXIT_RUNTIME;
	}
	pipeline_set_databases(live->pipeline, options->databases);
	live->options = options;
	live->interval_ns = options->interval_ns;
	log_set_verbosity(options->verbosity);
	return 0;
}

static int feed(struct live *live, const struct event *event)
{
	int r = live->on_event ? live->on_event(live, event) : 0;

	if (r == 0)
		r = pipeline_feed(live->pipeline, event);
	/* What the table refuses it counts; that is no reason to stop watching the rest. */
	if (r > 0)
		log_detail("connection %llu: %s", (unsigned long long)event->conn, strerror(r));
	return r < 0 ? r : 0;
}

/* Word of sites alone repeats what was told last, which is what the table has. */
static void repeat_counters(const struct live *live, struct event *event)
{
	const struct conn *conn;

	if (event->type != EVENT_IO || event->sent_bytes > 0 || event->received_bytes > 0)
		return;
	conn = table_find_conn(pipeline_table(live->pipeline), event->conn);
	if (!conn)
		return;
	event->sent_bytes = conn_sent_bytes(conn);
	event->received_bytes = conn_received_bytes(conn);
	event->last_send_ns = conn_last_send_ns(conn);
	event->last_recv_ns = conn_last_recv_ns(conn);
}

/* After all that the look has told, since it goes by what is silent now. */
static int feed_openers(struct live *live, uint64_t t_ns)
{
	struct event event;
	int r = 0;

	opener_watch_look(live->openers, pipeline_table(live->pipeline), t_ns);
	while (r == 0 && opener_watch_next(live->openers, &event))
		r = feed(live, &event);
	return r;
}

int live_look(struct live *live)
{
	uint64_t begin_ns = clock_monotonic_ns();
	struct event event;
	int r = source_bpf_collect(live->source);

	if (live->options->command == COMMAND_AGENT)
		follow_wall_clock(live);
	if (r < 0)
		return r;
	while (source_bpf_next(live->source, &event)) {
		repeat_counters(live, &event);
		r = event.type == EVENT_END ? feed_openers(live, event.t_ns) : 0;
		if (r == 0)
			r = feed(live, &event);
		if (r < 0)
			return r;
		live->now_ns = event.t_ns;
	}
	histogram_add(&live->looks, &histogram_tick_scale, clock_monotonic_ns() - begin_ns, 1);
	return live->on_look ? live->on_look(live) : 0;
}

int live_status(const struct live *live, int r)
{
	if (r >= 0 || r == -EPIPE) /* the reader has seen enough */
		return EXIT_DONE;
	/* A failure to write is reported once, where the stream is closed. */
	if (!ferror(stdout) && !live->is_reported)
		log_error("cannot go on watching: %s", strerror(-r));
	return EXIT_RUNTIME;
}

void live_announce(const struct live *live)
{
	unsigned int ports = 0;

	for (uint32_t port = 1; port <= 65535; port++)
		ports += dbkind_is_watched(live->options->databases, (uint16_t)port);
	log_notice("watching %u port%s, %u connection%s already open", ports, ports == 1 ? "" : "s",
		   table_conn_count(pipeline_table(live->pipeline)),
		   table_conn_count(pipeline_table(live->pipeline)) == 1 ? "" : "s");
}

/* --- the loop --------------------------------------------------------------------------------- */

struct loop {
	struct live *live;
};

static uint64_t interval_us(const struct loop *loop)
{
	return loop->live->interval_ns / NS_PER_US;
}

static int look_and_maybe_stop(sd_event_source *source, struct loop *loop)
{
	int r = live_look(loop->live);

	if (r)
		(void)sd_event_exit(sd_event_source_get_event(source), r); /* only once: no error */
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t due_us, void *userdata)
{
	struct loop *loop = userdata;
	uint64_t now_us;
	int r;

	(void)due_us;
	look_and_maybe_stop(source, loop);
	/* From now, not from when it was due: after a suspend or a stop there is nothing to catch
	 * up. */
	r = sd_event_now(sd_event_source_get_event(source), CLOCK_MONOTONIC, &now_us);
	if (r >= 0)
		r = sd_event_source_set_time(source, now_us + interval_us(loop));
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ON);
}

static int on_ring(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	(void)fd;
	(void)events;
	return look_and_maybe_stop(source, userdata);
}

static int on_deadline(sd_event_source *source, uint64_t due_us, void *userdata)
{
	(void)due_us;
	(void)userdata;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	return sigprocmask(SIG_BLOCK, &mask, NULL) < 0 ? -errno : 0;
}

static int set_up(struct loop *loop, sd_event *event, uint64_t duration_ns)
{
	uint64_t now_us;
	bool keeps_signals = loop->live->keeps_signals;
	int r = keeps_signals ? 0 : block_signals();

	if (r >= 0)
		r = sd_event_now(event, CLOCK_MONOTONIC, &now_us);
	/* An accuracy of a tenth of the interval lets the kernel gather wake-ups. */
	if (r >= 0)
		r = sd_event_add_time(event, NULL, CLOCK_MONOTONIC, now_us + interval_us(loop),
				      interval_us(loop) / 10, on_timer, loop);
	if (r >= 0 && duration_ns)
		r = sd_event_add_time(event, NULL, CLOCK_MONOTONIC,
				      now_us + duration_ns / NS_PER_US, NS_PER_MS / NS_PER_US,
				      on_deadline, loop);
	if (r >= 0)
		r = sd_event_add_io(event, NULL, source_bpf_fd(loop->live->source), EPOLLIN,
				    on_ring, loop);
	if (r >= 0)
		r = live_sites_add(loop->live->sites, event);
	if (r >= 0 && !keeps_signals)
		r = sd_event_add_signal(event, NULL, SIGINT, NULL, NULL);
	if (r >= 0 && !keeps_signals)
		r = sd_event_add_signal(event, NULL, SIGTERM, NULL, NULL);
	return r;
}

int live_run(struct live *live, uint64_t interval_ns, uint64_t duration_ns)
{
	struct loop loop = {.live = live};
	sd_event *event = NULL;
	int r = sd_event_new(&event);

	live->interval_ns = interval_ns;
	if (r >= 0)
		r = set_up(&loop, event, duration_ns);
	if (r >= 0 && live->on_loop)
		r = live->on_loop(live, event);
	if (r >= 0)
		r = sd_event_loop(event);
	sd_event_unref(event);
	/* A signal or the deadline: what has happened since the last look belongs to the run. */
	if (r == 0)
		r = live_look(live);
	return live_status(live, r);
}
