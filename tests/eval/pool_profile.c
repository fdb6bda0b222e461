// SPDX-License-Identifier: Apache-2.0
/*
 * The pools in use, with the defaults that they come with: a detector that is right about
 * round-robin pools with tidy limits only is right about nothing.
 *
 * One model with these parameters stands for all of them; what no parameter covers (partition
 * arrays, fairness of waiters) does not show on the wire.
 */
#include "pool_profile.h"

#include <stddef.h>
#include <string.h>

static const struct pool_profile profiles[] = {
	{"hikari", 10, 10, KEEP_ALL, REUSE_BAG, .lifetime_s = 1800, .lifetime_jitter = 0.25,
	 .sweep_s = 30, .wait_s = 30, .step = 1, .connecting_max = 1},
	{"hikari-ping", 10, 10, KEEP_ALL, REUSE_BAG, .lifetime_s = 1800, .lifetime_jitter = 0.25,
	 .sweep_s = 30, .keepalive_s = 120, .wait_s = 30, .step = 1, .connecting_max = 1},
	{"hikari-elastic", 50, 5, KEEP_ALL, REUSE_BAG, .idle_s = 600, .lifetime_s = 1800,
	 .lifetime_jitter = 0.25, .sweep_s = 30, .wait_s = 30, .step = 1, .connecting_max = 1},
	{"tomcat", 100, 10, KEEP_ALL, REUSE_LIFO, .idle_s = 60, .sweep_s = 5, .wait_s = 30,
	 .step = 1},
	{"c3p0", 15, 3, KEEP_ALL, REUSE_LIFO, .sweep_s = 30, .step = 3},
	{"dbcp2", 8, 0, KEEP_ALL, REUSE_LIFO, .sweep_s = 30, .step = 1},
	{"go", 0, 0, 2, REUSE_LIFO, .sweep_s = 30, .step = 1},
	{"pgxpool", 8, 0, KEEP_ALL, REUSE_LIFO, .idle_s = 1800, .lifetime_s = 3600, .sweep_s = 60,
	 .validate_s = 1, .step = 1},
	{"node-pg", 10, 0, KEEP_ALL, REUSE_LIFO, .idle_s = 10, .sweep_s = 1, .step = 1,
	 .notices_fin = true},
	/* Its idle timeout of 60 s counts only where maxIdle is below connectionLimit. */
	{"mysql2", 10, 0, KEEP_ALL, REUSE_LIFO, .sweep_s = 1, .step = 1, .notices_fin = true},
	/* minconn is opened at once; what is returned beyond it is closed; no waiting at maxconn.
	 */
	{"psycopg2-threaded", 10, 2, 2, REUSE_LIFO, .sweep_s = 30, .wait_s = 0.001, .step = 1},
	{"mongo-node", 100, 0, KEEP_ALL, REUSE_LIFO, .leaves_mute = true, .sweep_s = 30, .step = 1,
	 .connecting_max = 2, .monitors = 2, .notices_fin = true},
	{"pymongo", 100, 0, KEEP_ALL, REUSE_LIFO, .leaves_mute = true, .sweep_s = 30, .step = 1,
	 .connecting_max = 2, .monitors = 2},
	{"sqlalchemy", 15, 0, 5, REUSE_FIFO, .sweep_s = 30, .wait_s = 30, .step = 1},
	{"psycopg", 4, 4, KEEP_ALL, REUSE_FIFO, .lifetime_s = 3600, .lifetime_jitter = 0.05,
	 .sweep_s = 10, .wait_s = 30, .step = 1},
	{"django", 16, 0, 0, REUSE_THREAD, .sweep_s = 60, .step = 1},
	{"django-kept", 16, 0, KEEP_ALL, REUSE_THREAD, .lifetime_s = 600, .sweep_s = 60, .step = 1},
	{"rails", 5, 0, KEEP_ALL, REUSE_LIFO, .idle_s = 300, .sweep_s = 60, .keepalive_s = 600,
	 .wait_s = 5, .step = 1},
	{"sequelize", 5, 0, KEEP_ALL, REUSE_LIFO, .idle_s = 10, .sweep_s = 1, .wait_s = 60,
	 .step = 1, .notices_fin = true},
	{"knex", 10, 2, KEEP_ALL, REUSE_LIFO, .idle_s = 30, .sweep_s = 1, .wait_s = 30, .step = 1,
	 .notices_fin = true},
	{"npgsql", 100, 0, KEEP_ALL, REUSE_FIFO, .idle_s = 300, .lifetime_s = 3600, .sweep_s = 10,
	 .wait_s = 15, .step = 1},
	{"jedis", 8, 0, KEEP_ALL, REUSE_LIFO, .leaves_mute = true, .idle_s = 60, .sweep_s = 30,
	 .keepalive_s = 30, .step = 1},
	{"go-redis", 40, 0, KEEP_ALL, REUSE_LIFO, .leaves_mute = true, .idle_s = 1800,
	 .sweep_s = 60, .wait_s = 4, .step = 1},
	{"pgbouncer", 20, 0, KEEP_ALL, REUSE_LIFO, .idle_s = 600, .lifetime_s = 3600, .sweep_s = 1,
	 .validate_s = 30, .wait_s = 120, .step = 1, .notices_fin = true},
	{"proxysql", 200, 0, 20, REUSE_RANDOM, .sweep_s = 3, .keepalive_s = 9, .wait_s = 10,
	 .step = 1, .notices_fin = true},
	{"thread", 40, 0, KEEP_ALL, REUSE_THREAD, .sweep_s = 60, .step = 1},
};

const struct pool_profile *pool_profile_find(const char *name)
{
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		if (strcmp(profiles[i].name, name) == 0)
			return &profiles[i];
	return NULL;
}
