// SPDX-License-Identifier: Apache-2.0
/*
 * Turns what the probes report into events. The state of connections is the kernel's; kept here is
 * only what the kernel cannot tell: which connections have been announced (so that one whose end
 * was lost is noticed), and which processes they belong to (so that their exit is).
 *
 * Invariant: an announced connection gets exactly one end, FAILED or CLOSE; nothing else of it is
 * said after that.
 */
#include "source_bpf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "core/words.h"
#include "live_conn.h"
#include "roster.h"
#include "site_teller.h"
#include "stamps.h"
#include "tally.h"

/*
 * Who holds what is asked anew this often, and at once when a process leaves connections behind.
 * The same walk finds connections whose open the probe has missed, so it comes sooner after the
 * kernel has skipped the probe, which on a host full of interrupts can be all the time: then it is
 * to take no more than one part in so many.
 */
#define WALK_INTERVAL_NS (30 * NS_PER_SEC)
#define WALK_AFTER_MISS_NS (5 * NS_PER_SEC)
#define WALK_PARTS 200

struct source_bpf {
	struct probes *probes;
	struct roster *roster;
	struct batch *batch;
	struct live_conns conns;
	struct tally *tally;
	struct tick_clock clock;
	uint64_t begun_ns; /* what was opened before is told as seen, not as opened */
	uint64_t attached_ns;
	uint64_t after_miss_ns; /* when the next one may be, if the probe was skipped */
	uint64_t next_walk_ns;
	uint64_t exits_ns; /* time of the exits being told */
	uint64_t absent_ns; /* time of the ends that are concluded */
	uint64_t lost[SOURCE_LOST_COUNT];
	uint64_t absent_count; /* announced connections that were found to be gone */
	/*
	 * What a full pass has added up, less those of which the end is known by now, against what
	 * has been announced and not ended: the sums of ids, as the number in conns.
	 */
	uint64_t met_count, met_sum, announced_sum;
	uint8_t full_pass; /* number of the last full pass */
	uint8_t full_look : 4; /* comes again after 16, long after a look has missed nobody */
	int error; /* first failure inside a callback of this look */
	uint64_t pass_ns; /* when the counters were read that this look tells */
	struct site_teller teller;
	bool tell_short;
	bool walk_wanted;
	bool full_wanted;
	bool past_wanted; /* the first look begins with the pools of the session before */
};

static void note_error(struct source_bpf *source, int r)
{
	if (r < 0 && !source->error)
		source->error = r;
}

static void emit(struct source_bpf *source, const struct event *event)
{
	note_error(source, batch_add(source->batch, event));
}

/* --- connections ------------------------------------------------------------------------------ */

/* The new owner is held before the one before is let go: they could be the same. */
static void give_to(struct source_bpf *source, struct live_conn *conn, struct roster_client *client)
{
	struct roster_client *before = roster_at(source->roster, conn->client);

	conn->client = client->number;
	client->conn_count++;
	roster_hold(client);
	if (!before)
		return;
	before->conn_count--;
	roster_release(source->roster, before);
}

/* Older than this source: its open is no event, at most an age. */
static bool is_seen(const struct source_bpf *source, const struct conn_sample *sample)
{
	return sample->flags & RECORD_SEED || sample->open_ns < source->begun_ns;
}

static struct live_conn *announce(struct source_bpf *source, const struct conn_sample *sample,
				  bool again, uint64_t now_ns)
{
	bool is_older = is_seen(source, sample), seen = again || is_older;
	struct event event = {
		.type = seen ? EVENT_SEEN : EVENT_OPEN,
		.t_ns = seen ? now_ns : sample->open_ns,
		.conn = sample->id,
		.tid = sample->tid,
	};
	struct roster_client *client;
	struct live_conn *conn;

	client = roster_fill(source->roster, &sample->key, sample->comm, &event);
	if (!client) {
		source->error = -ENOMEM;
		return NULL;
	}
	memcpy(event.local.ip, sample->local_ip, sizeof(event.local.ip));
	event.local.port = sample->local_port;
	if (event.type == EVENT_SEEN)
		stamps_fill_seen(&source->clock, sample, &event);
	/* A number that the probe of a session before has noted is not one of ours. */
	site_teller_add_opener(&source->teller, is_older ? 0 : sample->site, &event);
	if (client->conn_count == 0)
		site_teller_introduce(&source->teller, &event);
	emit(source, &event);
	conn = live_conns_find(&source->conns, sample->id);
	if (!conn) {
		conn = live_conns_add(&source->conns, sample->id);
		if (!conn) {
			source->error = -ENOMEM;
			return NULL;
		}
		conn->is_older = is_older;
		source->announced_sum += sample->id;
	}
	give_to(source, conn, client);
	site_teller_told(&source->teller, conn, &event);
	return conn;
}

static void retire(struct source_bpf *source, struct live_conn *conn)
{
	struct roster_client *client = roster_at(source->roster, conn->client);

	site_teller_forget(&source->teller, conn->id);
	source->announced_sum -= conn->id;
	live_conns_remove(&source->conns, conn);
	client->conn_count--;
	roster_release(source->roster, client);
}

void source_bpf_use_sites(struct source_bpf *source, struct sites *sites, bool settle)
{
	source->teller.sites = sites;
	source->teller.settles = settle;
}

struct probes *source_bpf_probes(const struct source_bpf *source)
{
	return source->probes;
}

/* --- progress --------------------------------------------------------------------------------- */

/* What samples of either kind have of it. */
struct io_told {
	const struct conn_io *io;
	uint64_t jiffies; /* when it was read */
	uint64_t site; /* as in struct conn_record */
	bool sent_last;
};

/* The probes count more than payload (tell() in iter.bpf.c), so what they tell may be no news. */
static void tell_io(struct source_bpf *source, struct live_conn *conn, const struct io_told *told,
		    uint64_t t_ns)
{
	const struct conn_io *io = told->io;
	struct event event = {
		.type = EVENT_IO,
		.t_ns = t_ns,
		.conn = conn->id,
		.sent_bytes = io->sent_bytes,
		.received_bytes = io->received_bytes,
		.last_send_ns = stamps_last_send_ns(&source->clock, io, told->jiffies),
		.last_recv_ns =
			stamps_last_recv_ns(&source->clock, io, told->jiffies, told->sent_last),
		.rtt_us = io->srtt_us,
		.retransmit_count = io->retransmit_count,
	};

	if (live_conn_has_sent(conn, io->sent_bytes) &&
	    live_conn_has_received(conn, io->received_bytes))
		return;
	/* The process has undone the connection (AF_UNSPEC), and with it what was counted. */
	if (!io->sent_bytes && !io->received_bytes)
		return;
	site_teller_note_io(&source->teller, conn, &event);
	site_teller_add_news(&source->teller, conn, conn->is_older ? 0 : told->site, &event);
	emit(source, &event);
	site_teller_told(&source->teller, conn, &event);
}

/* What a sample has to say beyond the connection's existence, at t_ns. */
static void tell_progress(struct source_bpf *source, struct live_conn *conn,
			  const struct conn_sample *sample, uint64_t t_ns)
{
	const struct io_told told = {
		.io = &sample->io,
		.jiffies = sample->jiffies,
		.site = sample->site,
		.sent_last = sample->sent_last,
	};
	struct event event = {.conn = sample->id};
	bool seen = sample->news & NEWS_OPEN && is_seen(source, sample);

	/* SEEN has told the state of a connection that was found this way. */
	if (sample->news & NEWS_ESTABLISHED && !(seen && !sample->connecting)) {
		event.type = EVENT_ESTABLISHED;
		event.t_ns = seen ? t_ns : sample->established_ns;
		emit(source, &event);
	}
	tell_io(source, conn, &told, t_ns);
	if (sample->news & NEWS_PEER_CLOSED && !seen) {
		event.type = EVENT_PEER_CLOSED;
		event.t_ns = sample->peer_closed_ns;
		emit(source, &event);
	}
}

static void on_sample(struct source_bpf *source, const struct conn_sample *sample, uint64_t now_ns)
{
	int64_t taken_ns = tick_clock_to_ns(&source->clock, sample->jiffies);
	uint64_t t_ns = taken_ns > 0 ? (uint64_t)taken_ns : 0;
	struct live_conn *conn;

	if (sample->news & (NEWS_OPEN | NEWS_OWNER))
		conn = announce(source, sample, !(sample->news & NEWS_OPEN), now_ns);
	else
		conn = live_conns_find(&source->conns, sample->id);
	if (!conn)
		return;
	conn->full_look = source->full_look;
	conn->is_up |= !sample->connecting;
	/* The tick of the sample began a moment ago; nothing is told before it happened. */
	if (t_ns < sample->open_ns)
		t_ns = sample->open_ns;
	if (t_ns < sample->established_ns)
		t_ns = sample->established_ns;
	/* Nor before SEEN is. */
	if (t_ns < now_ns && sample->news & NEWS_OPEN && is_seen(source, sample))
		t_ns = now_ns;
	tell_progress(source, conn, sample, t_ns);
}

/* Its pass began at begun_ns, and ended with the clocks as result has them. */
static void on_io_sample(struct source_bpf *source, const struct io_sample *sample,
			 const struct pass_result *result, uint64_t begun_ns)
{
	struct live_conn *conn = live_conns_find(&source->conns, sample->id);
	const struct io_told told = {
		.io = &sample->io,
		.jiffies = result->jiffies - ((uint32_t)result->jiffies - sample->jiffies),
		.site = sample->site,
		.sent_last = sample->sent_last,
	};
	int64_t taken_ns = tick_clock_to_ns(&source->clock, told.jiffies);

	if (!conn)
		return;
	conn->full_look = source->full_look;
	conn->is_up |= !sample->connecting;
	/* Its tick began before that, maybe before an earlier pass has told of its open. */
	if (taken_ns > 0 && (uint64_t)taken_ns > begun_ns)
		begun_ns = (uint64_t)taken_ns;
	tell_io(source, conn, &told, begun_ns);
}

static void on_end(void *userdata, const struct end_event *end)
{
	struct source_bpf *source = userdata;
	const struct conn_sample *sample = &end->sample;
	struct event event = {.conn = sample->id, .t_ns = end->end_ns};
	struct live_conn *conn;

	if (end->met_pass == source->full_pass) {
		source->met_count--;
		source->met_sum -= sample->id;
	}
	conn = live_conns_find(&source->conns, sample->id);
	if (!conn && !end->seen)
		conn = announce(source, sample, false, end->end_ns);
	if (!conn)
		return; /* its end was concluded from its absence before */
	conn->is_up |= !end->failed;
	tell_progress(source, conn, sample, end->end_ns);
	note_error(source, site_teller_end(&source->teller, conn,
					   !end->failed && end->reason == ENDED_EXIT, end->end_ns));
	if (end->failed) {
		event.type = EVENT_FAILED;
		snprintf(event.error, sizeof(event.error), "%s",
			 fail_reason_name((enum fail_reason)end->reason));
	} else {
		event.type = EVENT_CLOSE;
		event.by = (uint8_t)end->reason;
		event.segment_count =
			end->segment_count < UINT16_MAX ? (uint16_t)end->segment_count : UINT16_MAX;
	}
	emit(source, &event);
	retire(source, conn);
}

/* Announced, open as far as anyone said, and yet not met by a look at everything: it is gone. */
static void conclude_if_absent(void *userdata, struct live_conn *conn)
{
	struct source_bpf *source = userdata;
	struct event event = {.type = EVENT_CLOSE,
			      .t_ns = source->absent_ns,
			      .conn = conn->id,
			      .by = CLOSE_LOCAL};

	if (conn->full_look == source->full_look)
		return;
	source->absent_count++;
	if (roster_at(source->roster, conn->client)->exited)
		event.by = CLOSE_EXIT;
	emit(source, &event);
	retire(source, conn);
}

/* --- the look --------------------------------------------------------------------------------- */

static void on_exit_of(void *userdata, const struct roster_client *client)
{
	struct source_bpf *source = userdata;
	struct event event = {.type = EVENT_EXIT, .t_ns = source->exits_ns, .client = client->id};

	emit(source, &event);
	site_teller_forget_client(&source->teller, client->id.pid);
	if (client->conn_count)
		source->walk_wanted = true;
}

static void tell_exits(struct source_bpf *source, uint64_t now_ns)
{
	source->exits_ns = now_ns;
	roster_take_exits(source->roster, on_exit_of, source);
}

/*
 * Whether the table can be wrong for good after such a loss. The end of an announced connection
 * cannot: the full pass that follows finds it missing. Every loss is counted all the same.
 */
static bool is_beyond_recovery(const struct source_bpf *source, unsigned int reason)
{
	return reason == LOST_STORAGE || (reason == LOST_RING && source->tell_short);
}

static int tell_lost(struct source_bpf *source, uint64_t now_ns)
{
	uint64_t counts[SOURCE_LOST_COUNT];
	struct event event = {.type = EVENT_LOST, .t_ns = now_ns};
	int r = probes_read_lost(source->probes, counts);

	if (r < 0)
		return r;
	counts[SOURCE_LOST_END] = source->absent_count;
	counts[SOURCE_LOST_EXIT] = roster_unwatched_count(source->roster);
	for (unsigned int i = 0; i < SOURCE_LOST_COUNT; i++) {
		if (counts[i] == source->lost[i])
			continue;
		if (is_beyond_recovery(source, i))
			event.lost_count += counts[i] - source->lost[i];
		/* An end may be among them: ask for everything and see what is missing. */
		if (i == LOST_RING || i == PROBES_LOST_MISSED)
			source->full_wanted = true;
		if (i == PROBES_LOST_MISSED && source->after_miss_ns < source->next_walk_ns)
			source->next_walk_ns = source->after_miss_ns;
		source->lost[i] = counts[i];
	}
	if (event.lost_count)
		emit(source, &event);
	return 0;
}

static int run_passes(struct source_bpf *source, enum probes_pass kind)
{
	/* One moment for all that is found open, whichever pass has room for it. */
	uint64_t now_ns = clock_monotonic_ns(), begun_ns;
	const struct pass_result *result;
	struct probes_news news;
	bool first = true;
	int more;

	source->met_count = source->met_sum = 0;
	do {
		begun_ns = clock_monotonic_ns();
		more = probes_pass(source->probes, kind, first, &news);
		if (more < 0)
			return more;
		result = &news.result;
		tick_clock_refine(&source->clock, result->jiffies, result->now_ns);
		source->pass_ns = result->now_ns;
		source->full_pass = news.full_pass;
		source->met_count += result->met_count;
		source->met_sum += result->met_sum;
		for (uint32_t i = 0; i < result->sample_count; i++)
			on_sample(source, &news.samples[i], now_ns);
		for (uint32_t i = 0; i < result->io_count; i++)
			on_io_sample(source, &news.io_samples[i], result, begun_ns);
		first = false;
	} while (more);
	return 0;
}

/* The ends after the passes: one found then belongs to a connection that is announced by now. */
static int look(struct source_bpf *source, enum probes_pass kind)
{
	int r = run_passes(source, kind);

	return r < 0 ? r : probes_drain(source->probes, on_end, source);
}

/*
 * After a look that has added up. One that ended while it was being met looks as if it were there
 * no more, or as if it had come back: then this look tells of all, as it does of one that is gone.
 */
static int find_absent(struct source_bpf *source)
{
	int r;

	if (source->met_count == source->conns.count && source->met_sum == source->announced_sum)
		return 0;
	source->full_look++;
	r = look(source, PASS_ALL);
	if (r < 0)
		return r;
	roster_note_exits(source->roster);
	source->absent_ns = clock_monotonic_ns();
	live_conns_each(&source->conns, conclude_if_absent, source);
	return 0;
}

static int walk_files(struct source_bpf *source)
{
	uint64_t begun_ns = clock_monotonic_ns(), pause_ns;
	int r = probes_walk_files(source->probes);

	pause_ns = WALK_PARTS * (clock_monotonic_ns() - begun_ns);
	if (pause_ns < WALK_AFTER_MISS_NS)
		pause_ns = WALK_AFTER_MISS_NS;
	source->after_miss_ns = begun_ns + pause_ns;
	source->next_walk_ns = begun_ns + WALK_INTERVAL_NS;
	return r;
}

int source_bpf_collect(struct source_bpf *source)
{
	uint64_t now_ns = clock_monotonic_ns();
	bool walk = source->walk_wanted || now_ns >= source->next_walk_ns;
	bool full = source->full_wanted || walk;
	struct event end = {.type = EVENT_END};
	int r = 0;

	batch_reset(source->batch);
	source->error = 0;
	source->full_wanted = source->walk_wanted = false;
	site_teller_begin_look(&source->teller);
	if (walk)
		r = walk_files(source);
	/* Before the first pass, from which on the counts are those of this session. */
	if (r == 0 && source->past_wanted)
		r = tally_tell_past(source->tally, source->probes, source->roster, source->batch);
	source->past_wanted = false;
	if (r == 0)
		r = look(source, full ? PASS_COUNT : PASS_NEWS);
	if (r >= 0 && full)
		r = find_absent(source);
	if (r >= 0)
		note_error(source, site_teller_finish_look(&source->teller, &source->conns,
							   source->pass_ns));
	if (r >= 0 && !source->tell_short)
		r = tally_tell(source->tally, source->probes, source->roster, source->batch);
	if (r >= 0)
		r = tell_lost(source, clock_monotonic_ns());
	if (r < 0)
		return r;
	now_ns = clock_monotonic_ns();
	tell_exits(source, now_ns);
	end.t_ns = now_ns;
	emit(source, &end);
	batch_seal(source->batch, now_ns);
	return source->error;
}

int source_bpf_set_filter(struct source_bpf *source, const struct probes_filter *filter)
{
	struct probes_filter own = *filter;

	own.tell_short = source->tell_short;
	source->walk_wanted = true;
	return probes_set_filter(source->probes, &own);
}

int source_bpf_next(struct source_bpf *source, struct event *ret_event)
{
	const struct event *event = batch_next(source->batch);

	if (event)
		*ret_event = *event;
	return event != NULL;
}

int source_bpf_fd(const struct source_bpf *source)
{
	return probes_fd(source->probes);
}

uint64_t source_bpf_attached_ns(const struct source_bpf *source)
{
	return source->attached_ns;
}

void source_bpf_lost(const struct source_bpf *source, uint64_t ret_counts[SOURCE_LOST_COUNT])
{
	memcpy(ret_counts, source->lost, sizeof(source->lost));
}

const char *source_bpf_lost_name(unsigned int reason)
{
	if (reason == SOURCE_LOST_END)
		return "end_missed";
	return reason == SOURCE_LOST_EXIT ? "exit_unwatched" : probes_lost_name(reason);
}

uint64_t source_bpf_lost_sum(const struct source_bpf *source)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < SOURCE_LOST_COUNT; i++)
		sum += i == PROBES_LOST_MISSED ? 0 : source->lost[i];
	return sum;
}

int source_bpf_open(const struct probes_setup *setup, int proc_fd, struct pod_logs *logs,
		    struct source_bpf **ret_source, char *ret_error, size_t error_size)
{
	struct source_bpf *source = calloc(1, sizeof(*source));
	int r = -ENOMEM;

	snprintf(ret_error, error_size, "out of memory");
	if (!source)
		return r;
	source->tell_short = setup->filter.tell_short;
	source->batch = source->teller.batch = batch_new();
	source->roster = roster_new(proc_fd, logs);
	source->tally = tally_new();
	if (!source->batch || !source->roster || !source->tally)
		goto fail;
	source->begun_ns = clock_monotonic_ns();
	r = probes_open(setup, &source->probes, ret_error, error_size);
	if (r < 0)
		goto fail;
	source->attached_ns = clock_monotonic_ns();
	source->past_wanted = probes_has_past(source->probes);
	r = stamps_calibrate(&source->clock, source->probes);
	probes_set_tick(source->probes, source->clock.tick_ns);
	if (r == 0)
		r = walk_files(source);
	if (r < 0) {
		snprintf(ret_error, error_size, "cannot read the open connections: %s",
			 strerror(-r));
		goto fail;
	}
	*ret_source = source;
	return 0;
fail:
	source_bpf_close(source);
	return r;
}

void source_bpf_close(struct source_bpf *source)
{
	if (!source)
		return;
	live_conns_free(&source->conns);
	tally_free(source->tally);
	roster_free(source->roster);
	batch_free(source->batch);
	probes_close(source->probes);
	free(source);
}
