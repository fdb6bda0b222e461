// SPDX-License-Identifier: Apache-2.0
/*
 * The one consumer of events. Sources differ (probes, a file, a fuzzer), so what an event means
 * for the connections that are open is decided here once, and everything behind it works on
 * changes that are known to be consistent.
 *
 * Invariant: a refused event has changed nothing, and time does not go back.
 * Does not judge, does not ask the clock, and does not trust the numbers in an event.
 */
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn_room.h"
#include "conns.h"
#include "looks.h"
#include "openers.h"
#include "order.h"
#include "owner.h"
#include "words.h"

#define DEFAULT_MAX_POOLS (1U << 16)
/* A goodbye is answered by the server's FIN, so by a round trip, which may be to another continent.
 */
#define GOODBYE_NS NS_PER_SEC
/* A farewell comes with the FIN; the kernel's stamp of a receive is some ms coarse. */
#define FAREWELL_NS NS_PER_SEC
#define POOL_REST_NS (600 * NS_PER_SEC)
/* 146 years: what an age or idle time is cut to, so that sums of two cannot overflow. */
#define AGE_MAX_NS (1ULL << 62)

struct table {
	struct owners owners;
	struct conns conns;
	uint64_t now_ns;
	struct looks looks;
	uint64_t overflow_count;
	uint64_t lost_count;
};

struct table *table_new(const struct table_limits *limits)
{
	uint32_t max_conns = limits ? limits->max_conns : 0;
	uint32_t max_pools = limits ? limits->max_pools : 0;
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	if (owners_init(&table->owners, max_pools ? max_pools : DEFAULT_MAX_POOLS) < 0)
		goto no_owners;
	if (conns_init(&table->conns, max_conns ? max_conns : CONN_COUNT_MAX) < 0)
		goto no_conns;
	return table;
no_conns:
	owners_destroy(&table->owners);
no_owners:
	free(table);
	return NULL;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (struct pool *pool = table->owners.first; pool; pool = pool->next)
		conns_drop_pool(&table->conns, pool);
	owners_destroy(&table->owners);
	conns_destroy(&table->conns);
	free(table);
}

struct conn *table_find_conn(const struct table *table, uint64_t id)
{
	return conns_find(&table->conns, id);
}

struct client *table_find_client(const struct table *table, struct client_id id)
{
	return owners_find_client(&table->owners, id);
}

static int take_pool(struct table *table, const struct event *event, const struct netaddr *remote,
		     uint32_t netns, struct pool **ret_pool)
{
	int error = owners_take_pool(&table->owners, event, remote, netns, ret_pool);

	table->overflow_count += error == -ENOSPC;
	return error;
}

static int make_conn(struct table *table, const struct event *event, struct conn **ret_conn)
{
	int error = conns_make(&table->conns, event, ret_conn);

	table->overflow_count += error == -ENOSPC;
	return error;
}

/* Owns conn whether or not there is a pool for it. */
static int place_conn(struct table *table, const struct event *event, struct conn *conn)
{
	struct pool *pool;
	int error = take_pool(table, event, &event->remote, event->netns, &pool);

	if (error < 0)
		conns_free(&table->conns, conn);
	else
		conns_insert(&table->conns, conn, pool);
	return error;
}

static void establish(struct conn *conn)
{
	conns_set_state(conn, CONN_OPEN);
	totals_add(conn->pool, COUNT_ESTABLISHED, 1);
}

static void fill_silence(struct change *change, const struct conn *conn, uint64_t until_ns)
{
	change->silence_ns = conn_silence_ns(conn, until_ns);
	change->silent_since_ns = conn->last_active_ns;
	change->answer_was_owed = conn_is_owed(conn);
}

/* --- one function an event ------------------------------------------------------------------- */

static int apply_open(struct table *table, const struct event *event, struct change *change)
{
	struct conn *conn;
	int error;

	if (table_find_conn(table, event->conn))
		return -EEXIST;
	error = make_conn(table, event, &conn);
	if (error < 0)
		return error;
	conn->open_ns = (int64_t)event->t_ns;
	conn->last_active_ns = conn->open_ns;
	conn->state = CONN_CONNECTING;
	error = place_conn(table, event, conn);
	if (error < 0)
		return error;
	totals_add(conn->pool, COUNT_OPENED, 1);
	change->type = CHANGE_OPENED;
	change->conn = conn;
	return 0;
}

static int64_t moment_before(uint64_t t_ns, uint64_t span_ns)
{
	return (int64_t)t_ns - (int64_t)(span_ns < AGE_MAX_NS ? span_ns : AGE_MAX_NS);
}

/*
 * A source cannot tell a socket that a colleague of the opener now holds from one that it hands
 * over, so a SEEN of a known connection by another client is a move. What was silent before the
 * move is no growth of the new pool.
 */
static int apply_move(struct table *table, const struct event *event, struct conn *conn,
		      struct change *change)
{
	struct pool *before = conn->pool, *pool;
	int error;

	if (client_id_equal(before->client->id, event->client))
		return -EEXIST;
	error = take_pool(table, event, &before->remote, before->netns, &pool);
	if (error < 0)
		return error;
	conns_move(conn, pool);
	conn->silent_since_seen = true;
	conn->opener = OPENER_FOREIGN;
	before->changed_ns = event->t_ns;
	change->type = CHANGE_MOVED;
	change->conn = conn;
	change->pool_before = before;
	return 0;
}

static int fill_seen(struct conn *conn, const struct event *event)
{
	struct conn_rare *rare;

	conn->open_ns = moment_before(event->t_ns, event->age_ns);
	conn->last_active_ns = (int64_t)event->t_ns;
	if (event->has_idle)
		conn->last_active_ns = moment_before(event->t_ns, event->idle_ns);
	/* Idle time is told in ticks of the kernel: a known age is the better figure. */
	if (conn->last_active_ns < conn->open_ns) {
		if (event->age_is_exact)
			conn->last_active_ns = conn->open_ns;
		conn->open_ns = conn->last_active_ns;
	}
	conn->age_is_bound = !event->age_is_exact;
	conn->was_found_open = true;
	conn->idle_is_bound = !event->has_idle;
	conn->silent_since_seen = true;
	conn->state = CONN_OPEN;
	if (event->seen_state == SEEN_CONNECTING)
		conn->state = CONN_CONNECTING;
	if (event->seen_state != SEEN_PEER_CLOSED)
		return 0;
	rare = conn_room_take_rare(conn);
	if (!rare)
		return -ENOMEM;
	conn->state = CONN_PEER_CLOSED;
	rare->fin_ns = event->t_ns;
	return 0;
}

static int apply_seen(struct table *table, const struct event *event, struct change *change)
{
	struct conn *conn = table_find_conn(table, event->conn);
	int error;

	if (conn)
		return apply_move(table, event, conn, change);
	error = make_conn(table, event, &conn);
	if (error < 0)
		return error;
	error = fill_seen(conn, event);
	if (error < 0)
		conns_free(&table->conns, conn);
	else
		error = place_conn(table, event, conn);
	if (error < 0)
		return error;
	change->type = CHANGE_SEEN;
	change->conn = conn;
	return 0;
}

static int apply_established(struct conn *conn, struct change *change)
{
	if (conn->state != CONN_CONNECTING)
		return 0;
	establish(conn);
	change->type = CHANGE_ESTABLISHED;
	return 0;
}

static int apply_failed(struct table *table, struct conn *conn, const struct event *event,
			struct change *change)
{
	change->reason = fail_reason_of(event->error);
	if (totals_count_failure(conn->pool, change->reason) < 0)
		return -ENOMEM;
	fill_silence(change, conn, event->t_ns);
	conns_close(&table->conns, conn);
	change->type = CHANGE_FAILED;
	return 0;
}

static void raise_to(uint64_t *counter, uint64_t value)
{
	if (value > *counter)
		*counter = value;
}

static uint64_t clamp_to(uint64_t t_ns, uint64_t limit_ns)
{
	return t_ns < limit_ns ? t_ns : limit_ns;
}

static bool is_first_look(const struct conn *conn)
{
	return conn->was_found_open && conn_sent_bytes(conn) == 0 && conn_received_bytes(conn) == 0;
}

static void note_path(struct conn *conn, const struct event *event)
{
	uint32_t before = conn_retransmit_count(conn);

	if (event->rtt_us > 0)
		conn_set_rtt(conn, event);
	if (event->retransmit_count > before && !is_first_look(conn))
		totals_add(conn->pool, COUNT_RETRANSMIT, event->retransmit_count - before);
	conn_raise_retransmits(conn, event);
}

/* To be called before last_active_ns follows the later of the two, as it does. */
static void note_times(struct conn *conn, uint64_t send_ns, uint64_t recv_ns)
{
	uint64_t last_send_ns = conn_last_send_ns(conn), last_recv_ns = conn_last_recv_ns(conn);
	uint64_t active_ns = conn->last_active_ns > 0 ? (uint64_t)conn->last_active_ns : 0;
	uint64_t other_ns;
	bool is_owed;

	raise_to(&last_send_ns, send_ns);
	raise_to(&last_recv_ns, recv_ns);
	if (last_send_ns == 0 && last_recv_ns == 0)
		return;
	is_owed = last_send_ns > last_recv_ns;
	/* Times before the open may count as that of the open, and which came first be lost. */
	if ((conn->silent_since_seen || conn->last_active_ns <= conn->open_ns) && send_ns > 0 &&
	    recv_ns > 0)
		is_owed = send_ns > recv_ns;
	conn->last_io = is_owed ? IO_SENT : IO_RECEIVED;
	other_ns = is_owed ? last_recv_ns : last_send_ns;
	raise_to(&active_ns, send_ns);
	raise_to(&active_ns, recv_ns);
	conn->other_span = other_ns > 0 ? conn_span(active_ns - other_ns) : 0;
}

static void note_bytes(struct conn *conn, const struct event *event, struct change *change)
{
	uint64_t sent_bytes = conn_sent_bytes(conn), received_bytes = conn_received_bytes(conn);

	/* The first look at one that was found open tells of its past. */
	if (!is_first_look(conn) && event->sent_bytes > sent_bytes)
		change->sent_bytes = event->sent_bytes - sent_bytes;
	if (!is_first_look(conn) && event->received_bytes > received_bytes)
		change->received_bytes = event->received_bytes - received_bytes;
	conn_raise_bytes(conn, event);
}

/*
 * Servers that end an idle session say why: PostgreSQL and MySQL send an error that nobody asked
 * for, and close. That is told at the next look, after the close, and is no use of the connection.
 */
static bool is_farewell(const struct conn *conn, const struct event *event)
{
	return conn->state == CONN_PEER_CLOSED && !conn_is_owed(conn) &&
	       event->sent_bytes <= conn_sent_bytes(conn) &&
	       event->last_recv_ns + FAREWELL_NS >= conn_peer_closed_ns(conn);
}

static int apply_io(struct table *table, struct conn *conn, const struct event *event,
		    struct change *change)
{
	bool is_over = is_farewell(conn, event);
	uint64_t send_ns, recv_ns, active_ns;

	if (event->opener > OPENER_ENDED)
		return -EINVAL;
	if (conns_note_sites(&table->conns, conn, event) < 0 || conn_make_room(conn, event) < 0)
		return -ENOMEM;
	looks_note(&table->looks, conn, event);
	if (openers_note(conn, event))
		change->type = CHANGE_OPENER_ENDED;
	send_ns = clamp_to(event->last_send_ns, event->t_ns);
	recv_ns = clamp_to(event->last_recv_ns, event->t_ns);
	active_ns = send_ns > recv_ns ? send_ns : recv_ns;
	fill_silence(change, conn, active_ns);
	note_path(conn, event);
	note_bytes(conn, event, change);
	if (is_over)
		return 0;
	note_times(conn, send_ns, recv_ns);
	if ((int64_t)active_ns <= conn->last_active_ns)
		return 0;
	/* Payload proves the connection, whether or not the source said so. */
	if (conn->state == CONN_CONNECTING)
		establish(conn);
	change->type = CHANGE_ACTIVE;
	order_remove(conn->pool, conn);
	conn->last_active_ns = (int64_t)active_ns;
	order_insert(conn->pool, conn);
	conn->idle_is_bound = false;
	conn->silent_since_seen = false;
	return 0;
}

static int apply_peer_closed(struct conn *conn, const struct event *event, struct change *change)
{
	struct conn_rare *rare;

	if (conn->state == CONN_PEER_CLOSED)
		return 0;
	rare = conn_room_take_rare(conn);
	if (!rare)
		return -ENOMEM;
	conns_set_state(conn, CONN_PEER_CLOSED);
	rare->fin_ns = event->t_ns;
	change->type = CHANGE_PEER_CLOSED;
	return 0;
}

/*
 * Drivers say goodbye before they close a connection that has lain idle: libpq and pgJDBC send
 * Terminate, clients of MySQL COM_QUIT, five bytes that nobody answers. For how long a pool keeps
 * its connections shows before that.
 */
static void fill_idle(struct change *change, const struct conn *conn, uint64_t t_ns)
{
	change->idle_ns = change->silence_ns;
	change->idle_since_ns = change->silent_since_ns;
	if (!change->answer_was_owed || conn_last_recv_ns(conn) == 0 ||
	    t_ns - conn_last_send_ns(conn) > GOODBYE_NS)
		return;
	change->idle_ns = conn_last_send_ns(conn) - conn_last_recv_ns(conn);
	change->idle_since_ns = (int64_t)conn_last_recv_ns(conn);
}

static int apply_close(struct table *table, struct conn *conn, const struct event *event,
		       struct change *change)
{
	if ((unsigned int)event->by >= CLOSE_BY_COUNT)
		return -EINVAL;
	change->is_turned_away = totals_is_turned_away(conn, event);
	totals_add(conn->pool, COUNT_EARLY_PEER_CLOSE, change->is_turned_away);
	totals_add(conn->pool, COUNT_CLOSED + event->by, 1);
	fill_silence(change, conn, event->t_ns);
	fill_idle(change, conn, event->t_ns);
	/* Its last figures came with the close: no look at the others. */
	looks_take_back(&table->looks, conn, event->t_ns);
	conns_close(&table->conns, conn);
	change->type = CHANGE_CLOSED;
	change->by = event->by;
	return 0;
}

static int apply_exit(struct table *table, const struct event *event, struct change *change)
{
	struct client *client = owners_find_client(&table->owners, event->client);

	if (!client)
		return -ENOENT;
	client->exited = true;
	change->type = CHANGE_EXITED;
	change->client = client;
	return 0;
}

static int apply_churn(struct table *table, const struct event *event, struct change *change)
{
	struct pool *pool;
	int error = take_pool(table, event, &event->remote, event->netns, &pool);

	if (error < 0)
		return error;
	change->pool = pool;
	if (event->type == EVENT_CHURN)
		error = totals_add_churn(pool, &event->churn);
	if (error < 0)
		return error;
	change->type = event->type == EVENT_PAST ? CHANGE_PAST : CHANGE_CHURNED;
	change->churn = &event->churn;
	return 0;
}

static int apply_to_conn(struct table *table, const struct event *event, struct change *change)
{
	struct conn *conn = table_find_conn(table, event->conn);

	if (!conn)
		return -ENOENT;
	change->conn = conn;
	switch (event->type) {
	case EVENT_ESTABLISHED:
		return apply_established(conn, change);
	case EVENT_FAILED:
		return apply_failed(table, conn, event, change);
	case EVENT_IO:
		return apply_io(table, conn, event, change);
	case EVENT_PEER_CLOSED:
		return apply_peer_closed(conn, event, change);
	case EVENT_CLOSE:
		return apply_close(table, conn, event, change);
	default:
		return -EINVAL;
	}
}

static int apply(struct table *table, const struct event *event, struct change *change)
{
	switch (event->type) {
	case EVENT_OPEN:
		return apply_open(table, event, change);
	case EVENT_SEEN:
		return apply_seen(table, event, change);
	case EVENT_EXIT:
		return apply_exit(table, event, change);
	case EVENT_CHURN:
	case EVENT_PAST:
		return apply_churn(table, event, change);
	case EVENT_LOST:
		table->lost_count += event->lost_count;
		if (table->lost_count < event->lost_count)
			table->lost_count = UINT64_MAX;
		change->type = CHANGE_LOST;
		change->lost_count = event->lost_count;
		return 0;
	case EVENT_END:
		return 0;
	default:
		return apply_to_conn(table, event, change);
	}
}

int table_apply(struct table *table, const struct event *event, struct change *ret_change)
{
	struct change change = {.type = CHANGE_NONE, .t_ns = event->t_ns};
	int error;

	if (event->t_ns < table->now_ns || event->t_ns > INT64_MAX)
		return -ERANGE;
	error = apply(table, event, &change);
	if (error < 0)
		return error;
	table->now_ns = event->t_ns;
	if (change.conn)
		change.pool = change.conn->pool;
	if (change.pool) {
		change.client = change.pool->client;
		change.pool->changed_ns = event->t_ns;
	}
	*ret_change = change;
	return 0;
}

void table_settle(struct table *table)
{
	conns_settle(&table->conns);
}

void table_sweep(struct table *table, uint64_t now_ns)
{
	struct pool *pool = table->owners.first, *next;

	for (; pool; pool = next) {
		next = pool->next;
		if (pool->conn_count > 0 || pool->dossier)
			continue;
		if (pool->client->exited ||
		    (now_ns > pool->changed_ns && now_ns - pool->changed_ns >= POOL_REST_NS))
			owners_drop_pool(&table->owners, pool);
	}
}

/* --- figures --------------------------------------------------------------------------------- */

struct pool *table_first_pool(const struct table *table)
{
	return table->owners.first;
}

uint32_t table_conn_count(const struct table *table)
{
	return table->conns.count;
}

uint32_t table_pool_count(const struct table *table)
{
	return (uint32_t)table->owners.pools.link_count;
}

uint64_t table_overflow_count(const struct table *table)
{
	return table->overflow_count;
}

uint64_t table_lost_count(const struct table *table)
{
	return table->lost_count;
}

uint64_t table_now_ns(const struct table *table)
{
	return table->now_ns;
}

uint64_t table_look_ns(const struct table *table)
{
	return table->looks.last_ns;
}

uint64_t table_look_before_ns(const struct table *table)
{
	return table->looks.before_ns;
}

uint64_t table_late_ns(const struct table *table)
{
	return table->looks.late_ns;
}

struct netaddr table_local(const struct table *table, const struct conn *conn)
{
	const char *ip = texts_at(&table->conns.addresses, conn->address);
	struct netaddr local = {.port = conn->local_port};

	if (ip)
		memcpy(local.ip, ip, sizeof(local.ip));
	return local;
}

const char *table_site(const struct table *table, uint32_t number)
{
	return texts_at(&table->conns.sites, number);
}
