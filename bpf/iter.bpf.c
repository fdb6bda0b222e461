// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The two iterators that the agent runs when it wants to look; between its looks they cost nothing.
 *
 * tell_news walks the socket storage once and writes one sample for each connection that has news
 * since it was told last, into an array that the agent maps. A quiet connection costs the look, not
 * a record. When the array is full the rest keeps its news for the next pass, so none is lost. Now
 * and then it adds up whom it met, so that the agent sees whether it believes in one that is gone.
 * What the probe has missed it makes up for, as far as the socket's state shows it.
 * The walk is one read() that prints nothing: a list walked in one go neither skips nor repeats an
 * element, which a walk that resumes after each buffer full of output can.
 *
 * walk_files goes over the open files of every process. It makes records for connections that
 * were there before the probe, collects the listening sockets that tell a server's sockets from a
 * client's, and finds who holds a connection whose opener no longer does.
 */
#include "end.bpf.h"
#include "tie.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The agent reads them after a pass. */
struct pass_result pass = {};
/* The agent sets them before a pass or a walk; walks are numbered from 1 to 255, and then from 2.
 */
__u32 walk = 0;
#define FIRST_WALK 1
__u32 clock_only = 0; /* 1: this pass only reads the clocks */
__u32 full_pass = 0; /* not 0: number of a pass that adds up which connections it met */
__u32 tell_all = 0; /* 1: a full pass tells of connections without news as well */
__u32 begin_session = 0; /* 1: this pass forgets what the session before was told */
__u64 tick_ns = 0; /* length of a jiffy; before the first walk */

/*
 * The probe makes its record of a connect() before the socket's state says so. That takes less,
 * interrupts included.
 */
#define CONNECT_NS 1000000000ULL

/*
 * What a pass found. Written: tell(). Read: agent, which maps both.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ABI_SAMPLES_MAX);
	__type(key, __u32);
	__type(value, struct conn_sample);
} samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ABI_IO_SAMPLES_MIN);
	__type(key, __u32);
	__type(value, struct io_sample);
} io_samples SEC(".maps");

struct io_sample_array {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_INNER_MAP);
	__uint(max_entries, ABI_IO_SAMPLES_MIN);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(struct io_sample));
};

/*
 * In the only slot, while more connections are in use than io_samples has room for: an array that
 * takes its place, as long as looks have needed it lately. Inserted and deleted: agent
 * (sample_room.c). Read: get_io_room().
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, struct io_sample_array);
} many_io_samples SEC(".maps");

/*
 * Listening sockets as of the last walk. Inserted: walk_files. Read: is_client(). Emptied: agent.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_LISTENERS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct listener_key);
	__type(value, __u8);
} listeners SEC(".maps");

/*
 * Whether a socket found open is a client's, and still open: a server's has a local port that
 * somebody listens on, and one that closed while its record was made has told so to nobody.
 */
static __always_inline bool is_client(const struct sock *sk)
{
	struct listener_key key = {.netns = netns_of(sk), .port = sk->__sk_common.skc_num};

	return sk->__sk_common.skc_state != TCP_CLOSE && !bpf_map_lookup_elem(&listeners, &key);
}

static __always_inline __u32 phase_of_seed(const struct sock *sk)
{
	const struct probe_config *cfg = get_config();

	if (!is_client(sk))
		return PHASE_OVER;
	/* The session that found it can have ended before it came to look. */
	return cfg && is_watched(cfg, remote_port(sk)) ? PHASE_FRESH : PHASE_HIDDEN;
}

/*
 * The kernel skips a probe that interrupts itself, also on behalf of another task that has come in
 * between. A state change that was missed so is made up for here: the probe runs before the state
 * is stored, so a state that shows must have been told.
 */
static __always_inline void make_up(struct conn_record *record, __u8 state)
{
	/* In TCP_CLOSE it may only be about to connect. */
	if (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 ||
	    state == TCP_FIN_WAIT2)
		make_up_established(record);
	if (state == TCP_CLOSE_WAIT && !record->peer_closed)
		record->peer_closed = span_since_open(record, bpf_ktime_get_ns());
}

/* Whether the probe would have said that it is over. Of nearly all the state alone tells. */
static __always_inline bool is_over(const struct conn_record *record, const struct sock *sk,
				    __u8 state)
{
	switch (state) {
	case TCP_CLOSE:
	case TCP_LISTEN:
	case TCP_LAST_ACK:
		return true;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
		if (!sk->sk_socket)
			return true;
		/* Of a half-closed one it is the peer's FIN that shuts down the other direction. */
		return sk->sk_shutdown == SHUTDOWN_BOTH && !(record->flags & RECORD_HALF_CLOSED);
	}
	return false;
}

static __always_inline __u32 late_end_reason(const struct conn_record *record,
					     const struct sock *sk, __u8 state)
{
	int error = sk->sk_err;

	if (state != TCP_CLOSE && state != TCP_LISTEN)
		return ENDED_LOCAL;
	if (error)
		return end_reason_of(error);
	/* Neither close() nor AF_UNSPEC, which takes the address away: the error was fetched. */
	if (sk->sk_socket && remote_port(sk))
		return record->flags & RECORD_HALF_CLOSED ? ENDED_PEER : ENDED_RESET;
	return ENDED_LOCAL;
}

/* The end was missed: says now what the probe would have said, as far as it shows. */
static __always_inline void end_late(struct conn_record *record, struct sock *sk, __u8 state)
{
	__u32 phase = record->phase, netns = netns_of(sk), reason;
	bool is_closed = state == TCP_CLOSE || state == TCP_LISTEN, failed;
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	int error = sk->sk_err;

	if (!tp || (phase != PHASE_FRESH && phase != PHASE_SEEN))
		return;
	/* A connect() that is under way has a record that is new. */
	if (phase == PHASE_FRESH && bpf_ktime_get_ns() - record->open_ns < CONNECT_NS)
		return;
	if (__sync_val_compare_and_swap(&record->phase, phase, PHASE_OVER) != phase)
		return;
	failed =
		is_closed && !record->established && !(record->flags & RECORD_SEED) && !tp->srtt_us;
	if (failed)
		reason = error ? fail_reason_of(error) : FAILED_OTHER;
	else
		reason = late_end_reason(record, sk, state);
	/* Without its address: nobody can say which pool it was of, unless the agent knows it. */
	if (remote_port(sk))
		say_end(record, sk, netns, phase, failed, reason);
	else if (phase == PHASE_SEEN)
		tell_end(record, sk, netns, true, failed, reason);
}

/* After a walk over all files: the owner holds it no longer, somebody else does. */
static __always_inline bool change_owner(struct conn_record *record, struct sock *sk)
{
	struct conn_detail *detail;

	if (!walk || record->held_walk == (__u8)walk || !(record->told & TOLD_OTHER))
		return false;
	detail = bpf_sk_storage_get(&details, sk, NULL, 0);
	if (!detail || detail->other_walk != walk)
		return false;
	record->start_ns = detail->other_start_ns;
	record->pid = detail->other_pid;
	__builtin_memcpy(detail->comm, detail->other_comm, ABI_COMM_SIZE);
	record->comm = number_of_name((const __u64 *)detail->comm);
	record->held_walk = (__u8)walk;
	return true;
}

/* Nobody waits for an answer on a connection whose end has begun. */
static __always_inline __u8 is_sent_last(const struct sock *sk, const struct tcp_sock *tp,
					 const struct conn_io *io)
{
	const struct probe_config *cfg;
	struct tie_facts facts;

	if (io->send_age_jiffies != io->recv_age_jiffies ||
	    sk->__sk_common.skc_state != TCP_ESTABLISHED)
		return 0;
	cfg = get_config();
	if (!cfg || is_one_way(cfg, remote_port(sk)))
		return 0;
	facts.send_next = tp->snd_nxt;
	facts.send_acked = tp->snd_una;
	facts.receive_next = tp->rcv_nxt;
	facts.window_begin = tp->snd_wl1;
	facts.ack_after_ns = (__u32)(tp->rcv_tstamp - tp->lsndtime) * tick_ns;
	return tie_is_sent_last(&facts);
}

/* False: there was no room, or it is not to be told after all. */
static __always_inline bool tell_news_of(struct conn_record *record, struct sock *sk,
					 const struct tcp_sock *tp, __u32 news)
{
	__u32 index = pass.sample_count++;
	struct conn_sample *sample = bpf_map_lookup_elem(&samples, &index);

	if (!sample)
		return false;
	if (news & NEWS_OPEN &&
	    __sync_val_compare_and_swap(&record->phase, PHASE_FRESH, PHASE_SEEN) != PHASE_FRESH) {
		/* It ended just now, and was counted as one that nobody has seen. */
		pass.sample_count--;
		return false;
	}
	fill_sample(sample, record, sk, tp, netns_of(sk));
	sample->sent_last = is_sent_last(sk, tp, &sample->io);
	sample->news |= news & (NEWS_OWNER | NEWS_OPEN);
	record->told |= sample->news & (NEWS_OPEN | NEWS_ESTABLISHED | NEWS_PEER_CLOSED);
	return true;
}

/* NULL: there is no room for it. */
static __always_inline struct io_sample *get_io_room(__u32 index)
{
	__u32 zero = 0;
	void *many = bpf_map_lookup_elem(&many_io_samples, &zero);

	return many ? bpf_map_lookup_elem(many, &index) : bpf_map_lookup_elem(&io_samples, &index);
}

static __always_inline bool tell_io(const struct conn_record *record, const struct sock *sk,
				    const struct tcp_sock *tp)
{
	struct io_sample *sample = get_io_room(pass.io_count++);
	__u64 jiffies = bpf_jiffies64();

	if (!sample)
		return false;
	sample->id = record->id;
	fill_io(&sample->io, sk, tp, jiffies);
	sample->jiffies = (__u32)jiffies;
	sample->site = record->site;
	sample->connecting = sk->__sk_common.skc_state == TCP_SYN_SENT;
	sample->sent_last = is_sent_last(sk, tp, &sample->io);
	return true;
}

/*
 * Idle and busy are told apart by bytes alone: lsndtime also moves on a retransmission, and both
 * stamps are set at the end of the handshake without a byte of payload. Bytes are those that the
 * kernel counts, in as few lines of the cache as there can be: with what was sent again, and the
 * peer's FIN as one. Whether payload has moved is the agent's to see.
 *
 * They are read with the record, not when bpf_skc_to_tcp_sock() has looked at the socket: waiting
 * for memory is nearly all that a look does, and so it waits for both at once.
 */
struct progress {
	__u64 sent, received;
};

static __always_inline void read_progress(struct progress *progress, const struct sock *sk)
{
	const struct tcp_sock *tp = (const struct tcp_sock *)sk;

	progress->sent = progress->received = 0;
	/* It has a record, so it is a TCP socket; on failure it seems to be a new one. */
	(void)bpf_probe_read_kernel(&progress->sent, sizeof(progress->sent), &tp->bytes_sent);
	(void)bpf_probe_read_kernel(&progress->received, sizeof(progress->received),
				    &tp->bytes_received);
}

/*
 * One word for both counters: another one as soon as either has moved. The factor is the golden
 * ratio of the word's range, of whose multiples none comes close to 0: of what was sent and what
 * was received between two looks the product must be above 800,000,000 for the word to be the same,
 * and then it is for one in 4,000,000,000 amounts. That is told with the next byte.
 */
#define GOLDEN 0x9e3779b9u

static __always_inline __u32 moved_of(const struct progress *progress)
{
	return (__u32)progress->sent * GOLDEN + (__u32)progress->received;
}

static __always_inline bool tell(struct conn_record *record, struct sock *sk, bool owner_changed,
				 const struct progress *progress, bool is_due)
{
	__u32 news = news_of(record, record->established, record->peer_closed);
	__u32 moved = moved_of(progress);
	struct tcp_sock *tp;

	if (owner_changed)
		news |= NEWS_OWNER;
	if (!news && moved == record->told_moved && !(tell_all && is_due))
		return true;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || !(news ? tell_news_of(record, sk, tp, news) : tell_io(record, sk, tp)))
		return false;
	/* Read before the sample was filled in: what has moved since is told again, not lost. */
	record->told_moved = moved;
	return true;
}

static __always_inline void look_at(struct conn_record *record, struct sock *sk)
{
	bool is_due = full_pass && record->met_pass != (__u8)full_pass;
	__u8 state = sk->__sk_common.skc_state;
	struct progress progress;
	bool owner_changed;

	read_progress(&progress, sk);
	make_up(record, state);
	if (is_over(record, sk, state)) {
		end_late(record, sk, state);
		return;
	}
	owner_changed = change_owner(record, sk);
	if (!tell(record, sk, owner_changed, &progress, is_due) || !is_due)
		return;
	record->met_pass = (__u8)full_pass;
	pass.met_count++;
	pass.met_sum += record->id;
}

static __always_inline void change_phase(struct conn_record *record, __u32 from, __u32 to)
{
	__sync_val_compare_and_swap(&record->phase, from, to);
}

/*
 * The session before has been told of it, this one has not: as if no pass had met it yet. One that
 * ends before the first pass is then counted as brief, by this session.
 */
static __always_inline void forget_session(struct conn_record *record, const struct sock *sk)
{
	const struct probe_config *cfg = get_config();

	record->told = 0;
	record->told_moved = 0;
	record->met_pass = 0;
	record->held_walk = 0;
	change_phase(record, PHASE_SEEN, PHASE_FRESH);
	change_phase(record, PHASE_HIDDEN, PHASE_FRESH);
	if (cfg && !is_watched(cfg, remote_port(sk)))
		change_phase(record, PHASE_FRESH, PHASE_HIDDEN);
}

SEC("iter/bpf_sk_storage_map")
int tell_news(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct conn_record *record = ctx->value;
	struct sock *sk = ctx->sk;

	if (!sk || !record) {
		pass.jiffies = bpf_jiffies64();
		pass.now_ns = bpf_ktime_get_ns();
		return 0;
	}
	if (clock_only)
		return 0;
	if (begin_session) {
		forget_session(record, sk);
		return 0;
	}
	if (record->phase == PHASE_SEEDED)
		record->phase = phase_of_seed(sk);
	if (record->phase != PHASE_FRESH && record->phase != PHASE_SEEN)
		return 0;
	look_at(record, sk);
	return 0;
}

static __always_inline bool is_owner(const struct conn_record *record,
				     const struct task_struct *task)
{
	return record->pid == (__u32)task->tgid &&
	       record->start_ns == task->group_leader->start_boottime;
}

/* What the session before has watched and this one does not: pids, names or cgroups are others. */
static __always_inline void hide(struct sock *sk, const struct task_struct *task)
{
	struct conn_record *record = bpf_sk_storage_get(&conns, sk, NULL, 0);

	if (record && is_owner(record, task))
		change_phase(record, PHASE_FRESH, PHASE_HIDDEN);
}

/*
 * The latest moment at which it can have been opened. Both stamps are set when the handshake is
 * done (tcp_finish_connect()), so it is at least as old as the older one.
 */
static __always_inline __u64 latest_open_ns(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u64 now = bpf_ktime_get_ns(), age;
	struct conn_io io;

	if (!tp || sk->__sk_common.skc_state == TCP_SYN_SENT)
		return now;
	fill_io(&io, sk, tp, bpf_jiffies64());
	age = io.send_age_jiffies > io.recv_age_jiffies ? io.send_age_jiffies : io.recv_age_jiffies;
	age *= tick_ns;
	return age < now ? now - age : now;
}

/* A connection that was there before the probe: its age is a bound, everything else is known. */
static __always_inline struct conn_record *seed(struct sock *sk, struct task_struct *task)
{
	const struct probe_config *cfg = get_config();
	struct conn_record *record;

	if (!cfg)
		return NULL;
	if (!is_watched(cfg, remote_port(sk)) || !matches(cfg, task)) {
		if (walk == FIRST_WALK)
			hide(sk, task);
		return NULL;
	}
	record = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (record)
		return record;
	record = bpf_sk_storage_get(&conns, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!record) {
		count_lost(LOST_STORAGE);
		return NULL;
	}
	/* A connect() of this very moment has its record by now, made by the probe. */
	if (record->phase != PHASE_BLANK || record->id)
		return record;
	fill_owner(record, sk, task);
	record->id = next_id();
	record->open_ns = latest_open_ns(sk);
	record->flags = RECORD_SEED;
	if (sk->__sk_common.skc_state == TCP_CLOSE_WAIT)
		record->peer_closed = span_since_open(record, bpf_ktime_get_ns());
	if (sk->__sk_common.skc_state == TCP_FIN_WAIT1 ||
	    sk->__sk_common.skc_state == TCP_FIN_WAIT2)
		record->flags |= RECORD_HALF_CLOSED;
	record->phase = PHASE_SEEDED;
	return record;
}

/*
 * Remembers who holds it: the owner itself, or else the lowest pid of the others. Tasks come in the
 * order of their pids, so where the opener holds what it has handed down nobody asks for others.
 */
static __always_inline void note_holder(struct conn_record *record, struct sock *sk,
					struct task_struct *task)
{
	struct conn_detail *detail;
	__u32 pid = task->tgid;

	if (is_owner(record, task))
		record->held_walk = (__u8)walk;
	if (record->held_walk == (__u8)walk)
		return;
	detail = bpf_sk_storage_get(&details, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!detail) {
		count_lost(LOST_DETAIL);
		return;
	}
	if (record->told & TOLD_OTHER && detail->other_walk == walk && detail->other_pid <= pid)
		return;
	detail->other_pid = pid;
	detail->other_start_ns = task->group_leader->start_boottime;
	fill_comm((__u64 *)detail->other_comm, task);
	detail->other_walk = walk;
	record->told |= TOLD_OTHER;
}

static __always_inline void note_listener(const struct sock *sk)
{
	struct listener_key key = {};
	__u8 one = 1;

	key.netns = netns_of(sk);
	key.port = sk->__sk_common.skc_num;
	if (bpf_map_update_elem(&listeners, &key, &one, 0))
		count_lost(LOST_LISTENER);
}

SEC("iter/task_file")
int walk_files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct conn_record *record;
	struct socket *socket;
	struct sock *sk;
	__u8 state;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	/* A raw socket can have that protocol too. */
	if (!sk || sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM ||
	    (sk->__sk_common.skc_family != AF_INET && sk->__sk_common.skc_family != AF_INET6))
		return 0;
	state = sk->__sk_common.skc_state;
	if (state == TCP_LISTEN) {
		note_listener(sk);
		return 0;
	}
	if (state == TCP_ESTABLISHED || state == TCP_SYN_SENT || state == TCP_CLOSE_WAIT ||
	    state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2)
		record = seed(sk, task);
	else
		record = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (record)
		note_holder(record, sk, task);
	return 0;
}
