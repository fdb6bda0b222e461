// SPDX-License-Identifier: Apache-2.0
/*
 * The same figures as the tables for people, with nothing rounded and nothing shortened. Names from
 * outside are escaped here too, so that a line can be printed as it is.
 */
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/format.h"
#include "core/trace.h"
#include "core/view.h"
#include "sys/proc.h"

#define SECONDS(ns) ((double)(ns) / NS_PER_SEC)

static json_t *string_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* What a connection and a pool have in common. Steals nothing; -1 when out of memory. */
static int set_pool(json_t *object, const struct live *live, const struct pool *pool)
{
	const struct dbkind *kinds = live->options->databases;
	const struct endpoint_rule *rule = dbkind_endpoint(kinds, &pool->remote);
	char comm[COMM_SIZE * 4 + 1], workload[256], remote[ADDR_TEXT_SIZE];
	int r = 0;

	format_comm(pool->client->comm, comm, sizeof(comm));
	client_workload(pool->client, workload, sizeof(workload));
	format_netaddr(&pool->remote, remote, sizeof(remote));
	r |= json_object_set_new(object, "pid", json_integer(pool->client->id.pid));
	r |= json_object_set_new(object, "pstart", json_real(SECONDS(pool->client->id.start_ns)));
	r |= json_object_set_new(object, "comm", json_string(comm));
	r |= json_object_set_new(object, "workload", json_string(workload));
	r |= json_object_set_new(object, "namespace", string_or_null(pool->client->namespace));
	r |= json_object_set_new(object, "pod", string_or_null(pool->client->pod));
	r |= json_object_set_new(object, "container", string_or_null(pool->client->container));
	r |= json_object_set_new(object, "remote", json_string(remote));
	r |= json_object_set_new(object, "endpoint", string_or_null(rule ? rule->name : NULL));
	r |= json_object_set_new(object, "database",
				 string_or_null(dbkind_name(kinds, pool->remote.port)));
	r |= json_object_set_new(object, "netns", json_integer(pool->netns));
	return r;
}

static json_t *finish(json_t *object, int r)
{
	if (!r)
		return object;
	json_decref(object);
	return NULL;
}

json_t *snapshot_conn(const struct live *live, const struct conn *conn)
{
	uint64_t age_ns = (uint64_t)((int64_t)live->now_ns - conn->open_ns);
	json_t *object = json_object();
	char local[ADDR_TEXT_SIZE];
	uint32_t ns_pid;
	int r = object ? 0 : -1;

	if (r)
		return NULL;
	r |= json_object_set_new(object, "conn", json_integer((json_int_t)conn->id));
	r |= set_pool(object, live, conn->pool);
	/* The number that the process has in its own container, where it has one. */
	if (proc_read_ns_pid(live->proc_fd, conn->pool->client->id.pid, &ns_pid) == 0)
		r |= json_object_set_new(object, "ns_pid", json_integer(ns_pid));
	else
		r |= json_object_set_new(object, "ns_pid", json_null());
	r |= json_object_set_new(object, "tid", conn->tid ? json_integer(conn->tid) : json_null());
	if (conn->local.port)
		r |= json_object_set_new(
			object, "local",
			json_string(format_netaddr(&conn->local, local, sizeof(local))));
	else
		r |= json_object_set_new(object, "local", json_null());
	r |= json_object_set_new(object, "state", json_string(conn_state_name(conn->state)));
	r |= json_object_set_new(object, "age_s", json_real(SECONDS(age_ns)));
	r |= json_object_set_new(object, "age_is_bound", json_boolean(conn->age_is_bound));
	r |= json_object_set_new(object, "idle_s",
				 json_real(SECONDS(conn_silence_ns(conn, live->now_ns))));
	r |= json_object_set_new(object, "idle_is_bound", json_boolean(conn->idle_is_bound));
	r |= json_object_set_new(object, "sent", json_integer((json_int_t)conn->sent_bytes));
	r |= json_object_set_new(object, "received",
				 json_integer((json_int_t)conn->received_bytes));
	return finish(object, r);
}

/* {"ECONNREFUSED":3}: only what is not zero. */
static json_t *failures(const struct pool *pool)
{
	json_t *object = json_object();

	for (int i = 0; object && i < FAIL_REASON_COUNT; i++)
		if (pool->totals.failed_count[i])
			(void)json_object_set_new(
				object, fail_reason_name((enum fail_reason)i),
				json_integer((json_int_t)pool->totals.failed_count[i]));
	return object;
}

static json_t *closes(const struct pool *pool)
{
	json_t *object = json_object();

	for (int i = 0; object && i < CLOSE_BY_COUNT; i++)
		(void)json_object_set_new(object, close_by_name((enum close_by)i),
					  json_integer((json_int_t)pool->totals.closed_count[i]));
	return object;
}

static const char *verdict_word(const struct verdict *verdict)
{
	if (!verdict || verdict->state == VERDICT_CLEARED)
		return NULL;
	return verdict->state == VERDICT_SUSPECT ? "suspect" : verdict_kind_name(verdict->kind);
}

static json_t *snapshot_pool(const struct live *live, const struct pool *pool, uint64_t observed_ns)
{
	const struct detector *detector = pipeline_detector(live->pipeline);
	const struct verdict *verdict = detector ? detector_pool_verdict(detector, pool) : NULL;
	double seconds = observed_ns ? SECONDS(observed_ns) : 1;
	json_t *object = json_object();
	int r = object ? 0 : -1;

	if (r)
		return NULL;
	r |= set_pool(object, live, pool);
	r |= json_object_set_new(object, "open", json_integer(pool->conn_count));
	r |= json_object_set_new(object, "connecting", json_integer(pool->connecting_count));
	r |= json_object_set_new(object, "peer_closed", json_integer(pool->peer_closed_count));
	r |= json_object_set_new(object, "stale",
				 json_integer(pool_stale_count(pool, detector, live->now_ns)));
	r |= json_object_set_new(object, "opened",
				 json_integer((json_int_t)pool->totals.opened_count));
	r |= json_object_set_new(object, "established",
				 json_integer((json_int_t)pool->totals.established_count));
	r |= json_object_set_new(object, "failed", failures(pool));
	r |= json_object_set_new(object, "closed", closes(pool));
	r |= json_object_set_new(object, "opens_per_s",
				 json_real((double)pool->totals.opened_count / seconds));
	r |= json_object_set_new(object, "closes_per_s",
				 json_real((double)pool_closed_count(pool) / seconds));
	r |= json_object_set_new(object, "verdict", string_or_null(verdict_word(verdict)));
	return finish(object, r);
}

static json_t *snapshot_lost(const struct live *live)
{
	uint64_t counts[SOURCE_LOST_COUNT];
	json_t *object = json_object();

	source_bpf_lost(live->source, counts);
	for (unsigned int i = 0; object && i < SOURCE_LOST_COUNT; i++) {
		(void)json_object_set_new(object, source_bpf_lost_name(i),
					  json_integer((json_int_t)counts[i]));
	}
	return object;
}

json_t *snapshot_pools(const struct live *live, struct pool *const *pools, size_t count,
		       uint64_t observed_ns)
{
	json_t *object = json_object(), *array = json_array(), *lost;
	int r = object && array ? 0 : -1;

	lost = snapshot_lost(live);
	for (size_t i = 0; !r && i < count; i++)
		r |= json_array_append_new(array, snapshot_pool(live, pools[i], observed_ns));
	r |= json_object_set_new(object, "t", json_real(SECONDS(live->now_ns)));
	r |= json_object_set_new(object, "observed_s", json_real(SECONDS(observed_ns)));
	r |= json_object_set_new(object, "lost",
				 json_integer((json_int_t)source_bpf_lost_sum(live->source)));
	r |= json_object_set_new(object, "lost_by_reason", lost);
	r |= json_object_set_new(object, "pools", array);
	return finish(object, r);
}

int snapshot_print(json_t *object)
{
	return snapshot_write(stdout, object);
}

int snapshot_write(FILE *stream, json_t *object)
{
	int r = -ENOMEM;

	if (!object)
		return r;
	r = 0;
	if (json_dumpf(object, stream, JSON_COMPACT | JSON_REAL_PRECISION(15)) < 0 ||
	    fputc('\n', stream) == EOF || fflush(stream) == EOF)
		r = errno ? -errno : -EIO;
	json_decref(object);
	return r;
}
