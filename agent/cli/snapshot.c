// SPDX-License-Identifier: Apache-2.0
/*
 * The same figures as the tables for people, with nothing rounded and nothing shortened. Names from
 * outside are escaped here too, so that a line can be printed as it is. Pools are a sample, which
 * has a JSON form of its own (sample_json.c).
 */
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/format.h"
#include "core/site.h"
#include "core/view.h"
#include "sys/proc.h"

#define SECONDS(ns) ((double)(ns) / NS_PER_SEC)

static json_t *string_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

/* A moment that is 0 where it is not known. */
static json_t *moment_or_null(uint64_t ns)
{
	return ns ? json_real(SECONDS(ns)) : json_null();
}

/* Whose connection it is, and where to. Steals nothing; -1 when out of memory. */
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
	r |= json_object_set_new(object, "pstart", moment_or_null(pool->client->id.start_ns));
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

static int set_site(json_t *object, const char *key, const char *site)
{
	char text[4 * SITE_SIZE];

	if (!site)
		return json_object_set_new(object, key, json_null());
	return json_object_set_new(object, key,
				   json_string(format_safe(site, SITE_SIZE, text, sizeof(text))));
}

/* The number that the process has in its own container; null where it is unknown. */
static json_t *ns_pid_json(const struct live *live, struct client_id id,
			   struct snapshot_process *process)
{
	if (process->id.pid != id.pid || process->id.start_ns != id.start_ns) {
		process->id = id;
		if (proc_read_ns_pid(live->proc_fd, id.pid, &process->ns_pid) < 0)
			process->ns_pid = 0;
	}
	return process->ns_pid ? json_integer(process->ns_pid) : json_null();
}

json_t *snapshot_conn(const struct live *live, const struct conn *conn,
		      struct snapshot_process *process)
{
	uint64_t age_ns = (uint64_t)((int64_t)live->now_ns - conn->open_ns);
	json_t *object = json_object();
	const struct table *table = pipeline_table(live->pipeline);
	struct netaddr local = table_local(table, conn);
	char text[ADDR_TEXT_SIZE];
	int r = object ? 0 : -1;

	if (r)
		return NULL;
	r |= json_object_set_new(object, "conn", json_integer((json_int_t)conn->id));
	r |= set_pool(object, live, conn->pool);
	r |= json_object_set_new(object, "ns_pid",
				 ns_pid_json(live, conn->pool->client->id, process));
	r |= json_object_set_new(object, "tid", conn->tid ? json_integer(conn->tid) : json_null());
	if (local.port)
		r |= json_object_set_new(object, "local",
					 json_string(format_netaddr(&local, text, sizeof(text))));
	else
		r |= json_object_set_new(object, "local", json_null());
	r |= json_object_set_new(object, "state", json_string(conn_state_name(conn->state)));
	r |= json_object_set_new(object, "age_s", json_real(SECONDS(age_ns)));
	r |= json_object_set_new(object, "age_is_bound", json_boolean(conn->age_is_bound));
	r |= json_object_set_new(object, "idle_s",
				 json_real(SECONDS(conn_silence_ns(conn, live->now_ns))));
	r |= json_object_set_new(object, "idle_is_bound", json_boolean(conn->idle_is_bound));
	r |= json_object_set_new(object, "sent", json_integer((json_int_t)conn_sent_bytes(conn)));
	r |= json_object_set_new(object, "received",
				 json_integer((json_int_t)conn_received_bytes(conn)));
	r |= set_site(object, "site", table_site(table, conn->site));
	r |= set_site(object, "last_site", table_site(table, conn->last_site));
	return finish(object, r);
}

int snapshot_sample(const struct live *live, const struct ledger *ledger, bool with_sites,
		    struct sample **ret_sample)
{
	struct sample_scene scene = {
		.table = pipeline_table(live->pipeline),
		.detector = pipeline_detector(live->pipeline),
		.ledger = ledger,
		.databases = live->options->databases,
		.now_ns = live->now_ns,
		.since_ns = source_bpf_attached_ns(live->source),
		.realtime_at_zero_ns = live->realtime_at_zero_ns,
		.lost_count = source_bpf_lost_sum(live->source),
		.with_sites = with_sites,
	};
	uint64_t counts[SOURCE_LOST_COUNT];
	struct sample *sample;
	int r = sample_take(&scene, &sample);

	if (r < 0)
		return r;
	source_bpf_lost(live->source, counts);
	for (unsigned int i = 0; r == 0 && i < SOURCE_LOST_COUNT; i++)
		r = sample_add_loss(sample, source_bpf_lost_name(i), counts[i]);
	if (r < 0) {
		sample_free(sample);
		return r;
	}
	*ret_sample = sample;
	return 0;
}

int snapshot_print(json_t *object)
{
	return snapshot_write(stdout, object);
}

static int put(FILE *stream, json_t *object)
{
	int r = -ENOMEM;

	if (!object)
		return r;
	r = 0;
	if (json_dumpf(object, stream, SNAPSHOT_JSON) < 0 || fputc('\n', stream) == EOF)
		r = errno ? -errno : -EIO;
	json_decref(object);
	return r;
}

int snapshot_put_conn(FILE *stream, const struct live *live, const struct conn *conn,
		      struct snapshot_process *process)
{
	return put(stream, snapshot_conn(live, conn, process));
}

int snapshot_write(FILE *stream, json_t *object)
{
	int r = put(stream, object);

	if (r == 0 && fflush(stream) == EOF)
		r = errno ? -errno : -EIO;
	return r;
}
