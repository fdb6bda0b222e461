// SPDX-License-Identifier: Apache-2.0
/*
 * A connection that belonged to a thread which has ended is nobody's. No probe tells of the end of
 * a thread: most threads end without anybody's connection, and a look at /proc costs nothing where
 * nothing is silent. So it is asked, every few seconds, for connections that have been silent for
 * a while; and where some of them turn out to be without a thread, for the others of that pool,
 * against which these are to be held.
 *
 * A thread id is given out anew. The thread that has it now is the opener only if it had begun by
 * the time of the open; and none is missed in a process that is gone or hidden itself.
 *
 * Invariant: at most ASK_MAX threads are asked for in a look, and at most WALK_MAX connections are
 * passed on the way. Where there are more, each look takes others of them, by the number of the
 * connection, so that a look is a fair sample. Each answer is told once.
 */
#include "opener_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "proc.h"

#define ASK_MAX 128
#define WALK_MAX 8192
#define POOL_MAX 512 /* from either end of a pool's order of activity */
#define COMPANY_MIN 2 /* silent ones without a thread: the others of the pool are asked for */

struct answer {
	uint32_t pid, tid;
	uint64_t start_ns; /* of the thread, since boot */
	enum opener_state state; /* RUNNING: a thread of that id runs, see start_ns */
};

struct opener_watch {
	int proc_fd;
	uint64_t interval_ns, silent_ns;
	uint64_t looked_ns;
	uint64_t boot_offset_ns; /* from CLOCK_MONOTONIC to the time since boot */
	uint32_t round, stride; /* a connection's turn: (id + round) % stride == 0 */
	uint32_t wanted_count, walked_count, asked_count; /* of this look */
	uint32_t skipped_pools; /* that had no room in the look before */
	struct answer last[ASK_MAX]; /* of this look, by thread id */
	struct event events[2 * ASK_MAX];
	uint32_t event_count, taken_count;
};

struct opener_watch *opener_watch_new(int proc_fd, uint64_t interval_ns, uint64_t silent_ns)
{
	struct opener_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->proc_fd = proc_fd;
	watch->interval_ns = interval_ns;
	watch->silent_ns = silent_ns;
	watch->stride = 1;
	return watch;
}

void opener_watch_free(struct opener_watch *watch)
{
	free(watch);
}

/* --- one thread ------------------------------------------------------------------------------- */

static bool is_gone(char state)
{
	return state == 'Z' || state == 'X' || state == 'x';
}

/* A thread that is not there has ended if its process is there, visible, and the same. */
static enum opener_state answer_missing(const struct opener_watch *watch, struct client_id client)
{
	struct proc_stat stat;
	uint64_t start_ns;

	if (proc_read_stat(watch->proc_fd, client.pid, &stat) < 0 || is_gone(stat.state) ||
	    proc_read_start_ns(watch->proc_fd, client.pid, &start_ns) < 0 ||
	    !proc_start_matches(start_ns, client.start_ns))
		return OPENER_UNKNOWN;
	return OPENER_ENDED;
}

static void ask(struct opener_watch *watch, struct client_id client, uint32_t tid,
		struct answer *ret_answer)
{
	struct proc_stat stat;
	int r = proc_read_thread_stat(watch->proc_fd, client.pid, tid, &stat);

	*ret_answer = (struct answer){.pid = client.pid, .tid = tid};
	watch->asked_count++;
	if (r == -ESRCH || (r == 0 && is_gone(stat.state)))
		ret_answer->state = answer_missing(watch, client);
	if (r < 0 || ret_answer->state == OPENER_ENDED)
		return;
	ret_answer->start_ns = stat.start_ticks * proc_tick_ns();
	ret_answer->state = OPENER_RUNNING;
}

/* Many connections of a pool have the same opener, which is asked for once. */
static enum opener_state state_of(struct opener_watch *watch, const struct conn *conn)
{
	struct client_id client = conn->pool->client->id;
	struct answer *answer = &watch->last[conn->tid % ASK_MAX];
	int64_t open_ns = conn->open_ns + (int64_t)watch->boot_offset_ns;

	if (answer->pid != client.pid || answer->tid != conn->tid) {
		if (watch->asked_count >= ASK_MAX)
			return OPENER_UNKNOWN;
		ask(watch, client, conn->tid, answer);
	}
	if (answer->state != OPENER_RUNNING)
		return answer->state;
	/* It began after the open: the id has been given out anew. */
	return (int64_t)answer->start_ns > open_ns + 2 * (int64_t)proc_tick_ns() ? OPENER_ENDED
										 : OPENER_RUNNING;
}

static void tell(struct opener_watch *watch, const struct conn *conn, enum opener_state state)
{
	struct event event = {
		.type = EVENT_IO,
		.t_ns = watch->looked_ns,
		.conn = conn->id,
		.opener = (uint8_t)state,
		.sent_bytes = conn_sent_bytes(conn),
		.received_bytes = conn_received_bytes(conn),
		.last_send_ns = conn_last_send_ns(conn),
		.last_recv_ns = conn_last_recv_ns(conn),
	};

	if (watch->event_count < sizeof(watch->events) / sizeof(watch->events[0]))
		watch->events[watch->event_count++] = event;
}

/* --- one pool --------------------------------------------------------------------------------- */

static bool is_silent(const struct opener_watch *watch, const struct conn *conn)
{
	return conn_silence_ns(conn, watch->looked_ns) > watch->silent_ns;
}

/* Those that are silent have been asked for in this look already. */
static bool is_news_in_company(const struct opener_watch *watch, const struct conn *conn,
			       enum opener_state state)
{
	if (state == OPENER_ENDED)
		return !is_silent(watch, conn);
	return state == OPENER_RUNNING && conn->opener != OPENER_RUNNING;
}

/* True when it has turned out that the opener has ended. */
static bool look_at(struct opener_watch *watch, const struct conn *conn, bool in_company)
{
	enum opener_state state;

	if (conn->tid == 0 || conn->opener == OPENER_ENDED || conn->opener == OPENER_FOREIGN ||
	    conn->state == CONN_CONNECTING || conn->age_is_bound)
		return false;
	watch->wanted_count++;
	if ((conn->id + watch->round) % watch->stride != 0)
		return false;
	state = state_of(watch, conn);
	if (in_company ? is_news_in_company(watch, conn, state) : state == OPENER_ENDED)
		tell(watch, conn, state);
	return state == OPENER_ENDED;
}

/* Returns how many silent ones are without their thread. */
static uint32_t look_at_silent(struct opener_watch *watch, const struct pool *pool)
{
	uint32_t ended_count = 0, open_count = 0;

	for (const struct conn *conn = pool->oldest; conn && is_silent(watch, conn);
	     conn = conn_newer(conn)) {
		if (open_count >= POOL_MAX || watch->walked_count++ >= WALK_MAX)
			break;
		open_count += conn->opener != OPENER_ENDED;
		ended_count += look_at(watch, conn, false) || conn->opener == OPENER_ENDED;
	}
	return ended_count;
}

/* From either end: the longest silent, and those in use. */
static void look_at_all(struct opener_watch *watch, const struct pool *pool)
{
	const struct conn *conn = pool->oldest, *end = NULL;
	uint32_t count = 0;

	for (; conn && count < POOL_MAX && watch->walked_count < WALK_MAX;
	     conn = conn_newer(conn)) {
		watch->walked_count++;
		count += conn->opener != OPENER_ENDED;
		(void)look_at(watch, conn, true);
	}
	if (!conn)
		return;
	end = conn_older(conn);
	conn = pool->newest;
	for (count = 0; conn != end && count < POOL_MAX; conn = conn_older(conn), count++)
		(void)look_at(watch, conn, true);
}

static void look_at_pools(struct opener_watch *watch, const struct table *table)
{
	uint32_t skip = watch->skipped_pools, number = 0;

	watch->skipped_pools = 0;
	for (const struct pool *pool = table_first_pool(table); pool; pool = pool->next, number++) {
		if (number < skip || pool->client->exited || !pool->oldest ||
		    !is_silent(watch, pool->oldest))
			continue;
		if (watch->walked_count >= WALK_MAX) {
			watch->skipped_pools = number;
			return;
		}
		if (look_at_silent(watch, pool) >= COMPANY_MIN)
			look_at_all(watch, pool);
	}
}

void opener_watch_look(struct opener_watch *watch, const struct table *table, uint64_t t_ns)
{
	struct timespec boot;
	uint64_t boot_ns;

	watch->event_count = watch->taken_count = 0;
	if (watch->looked_ns != 0 && t_ns - watch->looked_ns < watch->interval_ns)
		return;
	(void)clock_gettime(CLOCK_BOOTTIME, &boot); /* always there since Linux 2.6.39 */
	boot_ns = (uint64_t)boot.tv_sec * NS_PER_SEC + (uint64_t)boot.tv_nsec;
	watch->boot_offset_ns = boot_ns - clock_monotonic_ns();
	watch->looked_ns = t_ns;
	watch->round++;
	watch->wanted_count = watch->walked_count = watch->asked_count = 0;
	for (uint32_t i = 0; i < ASK_MAX; i++)
		watch->last[i].tid = 0;
	look_at_pools(watch, table);
	watch->stride = watch->wanted_count / ASK_MAX + 1;
}

bool opener_watch_next(struct opener_watch *watch, struct event *ret_event)
{
	if (watch->taken_count == watch->event_count)
		return false;
	*ret_event = watch->events[watch->taken_count++];
	return true;
}
