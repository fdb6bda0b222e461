// SPDX-License-Identifier: Apache-2.0
/*
 * The one place that says what is evaluated, and what of it the detector may be tuned on. The
 * held-out families have other pools, other loads and other shapes of leaks; their figures are
 * reported apart, and a mend that is made because of one of them makes it a tuned-on one.
 *
 * Rates are leaks an hour.
 */
#include <string.h>

#include "scenario.h"

#define T SPLIT_TUNED
#define H SPLIT_HELD_OUT

static const struct family families[] = {
	/* --- leaks ---------------------------------------------------------------------------- */
	{"leak-demand", CLASS_LEAK, T, build_leak,
	 "pool=go|tomcat|mongo-node|hikari-elastic,load=poisson|diurnal|mmpp,rate=3600|600|60,"
	 "after=0|1h",
	 2},
	{"leak-slow", CLASS_LEAK, T, build_leak,
	 "pool=go|tomcat|hikari-elastic,load=poisson|diurnal,rate=6,after=0|1h", 2},
	{"leak-day", CLASS_LEAK, T, build_leak,
	 "pool=go|tomcat|mongo-node,load=diurnal|mmpp,rate=600|60,after=24h", 1},
	{"leak-twenty", CLASS_LEAK, T, build_leak,
	 "pool=pgxpool|pgbouncer|mysql2,max=20,load=poisson|mmpp,rate=60|12,after=0|1h", 2},
	{"leak-beside", CLASS_LEAK, T, build_leak_beside,
	 "beside=hikari|tomcat,pool=go|tomcat|hikari-elastic,load=poisson,rate=1200|360|60,after="
	 "1h",
	 1},
	{"leak-ways", CLASS_LEAK, T, build_leak,
	 "leak=tx|cancel,pool=go|pgxpool,max=60,load=poisson,rate=60|600,after=1h", 2},
	{"leak-orphan", CLASS_LEAK, T, build_leak_strays,
	 "leak=orphan,pool=node-pg|hikari,rate=60|600,after=0|1h", 2},
	{"leak-client", CLASS_LEAK, T, build_leak_strays,
	 "leak=client,pool=mongo-node,rate=12|60,after=0|1h", 2},
	{"leak-thread", CLASS_LEAK, T, build_leak_strays,
	 "leak=thread,pool=thread,rate=12|60,after=0|1h", 2},
	{"leak-fork", CLASS_LEAK, T, build_leak_strays, "leak=fork,pool=go,rate=60,after=0|1h", 2},
	{"leak-cw", CLASS_LEAK, T, build_leak_close_wait,
	 "pool=mysql2,idle=0,load=bursts,sidle=30|120,dur=4h", 3},
	{"leak-failover", CLASS_LEAK, T, build_leak_failover, "pool=hikari,after=1h", 3},
	{"leak-reload", CLASS_LEAK, T, build_leak_reload,
	 "pool=hikari|hikari-ping,every=3600,load=poisson|diurnal", 1},
	{"leak-nopool", CLASS_LEAK, T, build_leak_sessions, "rate=60|600,after=0|1h", 3},

	{"held-leak-demand", CLASS_LEAK, H, build_leak,
	 "pool=pymongo|npgsql|proxysql,max=80,load=bursts|onoff|sawtooth,rate=1800|120|20,"
	 "after=0|3h",
	 2},
	{"held-leak-shapes", CLASS_LEAK, H, build_leak,
	 "shape=burst|growing|window|request|periodic,pool=pymongo|npgsql,load=night|poisson,"
	 "rate=60,after=2h",
	 2},
	{"held-leak-twenty", CLASS_LEAK, H, build_leak,
	 "pool=go-redis|knex|sqlalchemy,max=20,keep=10,load=bursts|diurnal,rate=60|20,after=0|2h",
	 2},
	{"held-leak-day", CLASS_LEAK, H, build_leak,
	 "pool=npgsql|go-redis,max=90,load=night|sawtooth,rate=120,after=24h", 1},
	{"held-leak-attach", CLASS_LEAK, H, build_leak,
	 "pool=go|npgsql,load=mmpp,rate=60,after=0|1h,attach=1800", 3},
	{"held-leak-ways", CLASS_LEAK, H, build_leak,
	 "leak=tx|cancel,pool=npgsql|pymongo,load=bursts,rate=120,after=2h", 2},
	{"held-leak-orphan", CLASS_LEAK, H, build_leak_strays,
	 "leak=orphan,pool=c3p0|jedis,load=onoff,rate=120,after=2h", 2},
	{"held-leak-client", CLASS_LEAK, H, build_leak_strays,
	 "leak=client,clients=3,pool=pymongo,load=bursts,rate=20,after=2h", 3},
	{"held-leak-thread", CLASS_LEAK, H, build_leak_strays,
	 "leak=thread,pool=django-kept,load=mmpp,rate=30,after=2h,skew=4", 3},
	{"held-leak-cw", CLASS_LEAK, H, build_leak_close_wait,
	 "pool=c3p0|jedis,keepalive=0,idle=0,load=bursts,restarts=3,dur=8h", 2},
	{"held-leak-nopool", CLASS_LEAK, H, build_leak_sessions,
	 "load=bursts|night,rate=120,after=2h", 3},

	{"leak-small", CLASS_EXHAUSTED, T, build_exhausted,
	 "pool=hikari|psycopg|rails|node-pg|psycopg2-threaded,load=poisson|diurnal,rps=6,rate=60|"
	 "12,after=0|1h",
	 2},
	{"leak-small-modes", CLASS_EXHAUSTED, T, build_exhausted,
	 "pool=hikari|psycopg|rails|node-pg|mysql2|pgxpool,load=mmpp,rps=4|8,rate=60|12,after=1h",
	 2},
	{"leak-small-stacks", CLASS_EXHAUSTED, T, build_exhausted,
	 "pool=c3p0|dbcp2|sqlalchemy|sequelize|jedis,load=mmpp,rps=9,rate=60|20,after=2h", 2},
	{"leak-small-seven", CLASS_EXHAUSTED, T, build_exhausted,
	 "pool=knex|npgsql|go-redis|tomcat,max=7,min=7,load=mmpp|bursts,rps=5,rate=40|15,after="
	 "3h",
	 2},
	{"held-dry-default", CLASS_EXHAUSTED, H, build_exhausted,
	 "pool=knex|hikari-ping|pgbouncer,load=diurnal|bursts,rps=15,rate=30|120,after=4h", 1},
	{"held-dry-set", CLASS_EXHAUSTED, H, build_exhausted,
	 "pool=hikari|psycopg|go,max=6|25,keep=25,load=poisson,rps=2|25,service=0.005,rate=45,"
	 "after=0",
	 1},
	{"held-dry-ways", CLASS_EXHAUSTED, H, build_exhausted,
	 "leak=tx|cancel,pool=pgxpool|rails|npgsql,max=16,load=mmpp,factor=6,rps=3,rate=10,"
	 "after=8h",
	 1},
	{"held-dry-shapes", CLASS_EXHAUSTED, H, build_exhausted,
	 "shape=request|periodic|burst|window,pool=tomcat|jedis|c3p0,max=12,load=diurnal,low=0.4,"
	 "rps=12,rate=8,after=6h,dur=10h",
	 1},
	{"held-dry-office", CLASS_EXHAUSTED, H, build_exhausted,
	 "shape=request,pool=sequelize|dbcp2|mongo-node,max=8,load=night,rps=2,rate=6,after=2h,"
	 "dur=22h",
	 2},

	{"leak-fast", CLASS_EXHAUSTED, T, build_leak_fast,
	 "pool=hikari|psycopg|tomcat|mysql2,max=10|20|50|100,rate=360|1800|3600,after=0|1h", 1},

	/* --- health --------------------------------------------------------------------------- */
	{"steady", CLASS_ORDINARY, T, build_steady,
	 "pool=hikari|hikari-ping|hikari-elastic|tomcat|dbcp2|go|pgxpool|node-pg|mysql2|"
	 "mongo-node|django|django-kept|rails|pgbouncer|psycopg2-threaded,load=poisson|diurnal|"
	 "mmpp|bursts",
	 3},
	{"nights", CLASS_ORDINARY, T, build_steady,
	 "pool=hikari-ping|tomcat|go|mysql2|mongo-node|dbcp2|rails|node-pg|pgxpool,load=night", 12},
	{"on-off", CLASS_ORDINARY, T, build_steady, "pool=hikari|tomcat|go|mysql2,load=onoff", 3},
	{"deploys", CLASS_ORDINARY, T, build_deploys,
	 "pool=hikari|go|node-pg|tomcat,load=diurnal|poisson", 2},
	{"prefork", CLASS_ORDINARY, T, build_prefork, "load=diurnal|mmpp,rps=6", 3},
	{"tenants", CLASS_ORDINARY, T, build_tenants, "pool=node-pg|hikari,max=4,rps=4", 2},
	{"churn", CLASS_ORDINARY, T, build_churn, "load=poisson|diurnal|bursts,rps=1", 3},
	{"crons", CLASS_ORDINARY, T, build_crons, "jobs=1|4", 4},
	{"listeners", CLASS_ORDINARY, T, build_listeners,
	 "pool=node-pg|go|mongo-node,load=diurnal|bursts", 3},
	{"restarts", CLASS_HOSTILE, T, build_restart,
	 "pool=hikari|tomcat|go|mongo-node|mysql2,load=poisson|diurnal", 2},
	{"batch-jobs", CLASS_HOSTILE, T, build_batch, "load=diurnal|mmpp,stream=0|1", 3},
	{"lazy-pools", CLASS_HOSTILE, T, build_lazy_pools, "pool=hikari|go|mysql2,load=mmpp", 3},
	{"websockets", CLASS_HOSTILE, T, build_websockets, "load=poisson|diurnal,visitors=10|40",
	 4},
	{"websockets-long", CLASS_HOSTILE, T, build_websockets,
	 "load=diurnal,visitors=30,stay=3h,gap=6h", 4},
	{"websockets-workers", CLASS_HOSTILE, T, build_websockets,
	 "load=poisson|diurnal,visitors=10,workers=12", 1},
	{"websockets-pool", CLASS_HOSTILE, T, build_websockets,
	 "pool=node-pg|tomcat|go,load=diurnal|mmpp,visitors=15", 3},
	{"websockets-retired", CLASS_HOSTILE, T, build_websockets,
	 "pool=hikari|hikari-elastic,load=diurnal|mmpp,visitors=15|40,stay=2h,gap=6h", 2},
	{"holders", CLASS_HOSTILE, T, build_holders, "pool=tomcat|node-pg|go,load=diurnal|mmpp", 3},
	{"stalls", CLASS_TROUBLE, T, build_stalls,
	 "pool=tomcat|go|mongo-node|hikari-elastic,load=diurnal|mmpp,share=1|0.2", 1},
	{"tenants-shared", CLASS_HOSTILE, T, build_tenants,
	 "pool=hikari|rails,max=2,shared=1,load=poisson", 3},
	{"tenants-spares", CLASS_HOSTILE, T, build_tenants,
	 "shared=1,spares=1,rps=1|3,load=poisson|bursts", 2},
	{"lazy-fixed", CLASS_HOSTILE, T, build_lazy_pools,
	 "pool=hikari|psycopg,load=poisson,pools=16", 3},
	{"analysts", CLASS_HOSTILE, T, build_analysts, "load=diurnal,shared=0|1", 4},
	{"handed-on", CLASS_HOSTILE, T, build_handed_on, "load=diurnal|night|mmpp,people=8|20", 3},
	{"standby", CLASS_HOSTILE, T, build_standby, "pool=hikari|tomcat|go,every=1800", 3},
	{"threads-tail", CLASS_HOSTILE, T, build_steady,
	 "pool=thread,skew=3|6,load=diurnal|mmpp|bursts", 3},
	{"threads-end", CLASS_HOSTILE, T, build_steady,
	 "pool=thread,max=60,life=900|7200,reap=0|300,load=mmpp|bursts,skew=3", 2},
	{"openers-end", CLASS_HOSTILE, T, build_steady,
	 "pool=hikari|tomcat|dbcp2|psycopg2-threaded,openers=adder|workers|requests,life=600,"
	 "load=bursts|mmpp",
	 2},
	{"consumers", CLASS_HOSTILE, T, build_consumers, "load=poisson,workers=30", 6},
	{"tails", CLASS_HOSTILE, T, build_steady,
	 "pool=go|tomcat|hikari-elastic,load=mmpp|bursts,tail=0.01,tail_s=20", 3},
	{"beside", CLASS_HOSTILE, T, build_steady,
	 "beside=hikari|tomcat,pool=go|tomcat|hikari-elastic,load=diurnal|mmpp", 2},
	{"attach", CLASS_HOSTILE, T, build_steady,
	 "pool=go|tomcat|mongo-node,load=mmpp|diurnal,attach=2h", 2},

	{"held-steady", CLASS_ORDINARY, H, build_steady,
	 "pool=c3p0|pymongo|sqlalchemy|psycopg|sequelize|knex|npgsql|jedis|go-redis|proxysql,"
	 "load=poisson|night|sawtooth|batch",
	 3},
	{"held-deploys", CLASS_ORDINARY, H, build_deploys,
	 "pool=npgsql|knex|pymongo,load=sawtooth,every=50m,overlap=10m", 2},
	{"held-tenants", CLASS_ORDINARY, H, build_tenants,
	 "pool=knex|mongo-node,max=5,tenants=25,rps=4,load=bursts", 2},
	{"held-churn", CLASS_ORDINARY, H, build_churn, "load=sawtooth|night|onoff,rps=1", 3},
	{"held-crons", CLASS_ORDINARY, H, build_crons, "jobs=7,every=20m", 4},
	{"held-listeners", CLASS_ORDINARY, H, build_listeners,
	 "pool=sqlalchemy|pymongo,load=batch|sawtooth,listeners=15", 3},
	{"held-restarts", CLASS_HOSTILE, H, build_restart,
	 "pool=c3p0|npgsql|jedis|pymongo,load=bursts,every=70m", 2},
	{"held-batch", CLASS_HOSTILE, H, build_batch,
	 "pool=npgsql|go-redis,load=sawtooth,stream=0|1,every=45m,jobs=15", 2},
	{"held-lazy-pools", CLASS_HOSTILE, H, build_lazy_pools,
	 "pool=npgsql|dbcp2|knex,pools=14,load=bursts", 2},
	{"held-websockets", CLASS_HOSTILE, H, build_websockets, "load=onoff|mmpp,visitors=25", 4},
	{"held-websockets-pool", CLASS_HOSTILE, H, build_websockets,
	 "pool=knex|npgsql,load=onoff|night,visitors=25,stay=2h", 3},
	{"held-holders", CLASS_HOSTILE, H, build_holders,
	 "pool=npgsql|sequelize|mysql2,load=onoff|bursts,holders=15", 2},
	{"held-tenants-shared", CLASS_HOSTILE, H, build_tenants,
	 "pool=psycopg|c3p0,max=3,tenants=25,shared=1,load=mmpp", 3},
	{"held-lazy-fixed", CLASS_HOSTILE, H, build_lazy_pools,
	 "pool=c3p0|tomcat,load=bursts,pools=24", 3},
	{"held-analysts", CLASS_HOSTILE, H, build_analysts, "load=night,people=20,shared=0|1", 3},
	{"held-handed-on", CLASS_HOSTILE, H, build_handed_on,
	 "load=poisson|onoff|sawtooth,people=14", 3},
	{"held-standby", CLASS_HOSTILE, H, build_standby, "pool=c3p0|npgsql|psycopg,every=1200", 3},
	{"held-threads", CLASS_HOSTILE, H, build_steady,
	 "pool=thread,max=100,skew=8,load=night|sawtooth|bursts", 3},
	{"held-openers-end", CLASS_HOSTILE, H, build_steady,
	 "pool=c3p0|jedis|npgsql,openers=workers|requests,life=300|3600,load=onoff|sawtooth", 2},
	{"held-consumers", CLASS_HOSTILE, H, build_consumers, "load=onoff,workers=60", 4},
	{"held-tails", CLASS_HOSTILE, H, build_steady,
	 "pool=npgsql|pymongo|proxysql,load=bursts|sawtooth,tail=0.005,tail_s=60", 2},
	{"held-attach", CLASS_HOSTILE, H, build_steady,
	 "pool=npgsql|go-redis,load=night|bursts,attach=5h", 3},

	/* --- other verdicts ------------------------------------------------------------------- */
	{"saturated", CLASS_SATURATED, T, build_saturated,
	 "pool=hikari|node-pg|rails|pgbouncer,load=poisson", 3},
	{"held-saturated", CLASS_SATURATED, H, build_saturated,
	 "pool=c3p0|sqlalchemy|psycopg|npgsql,max=20,load=mmpp", 3},
	{"spike", CLASS_TROUBLE, T, build_spike, "pool=tomcat|go|mongo-node", 4},
	{"held-spike", CLASS_TROUBLE, H, build_spike, "pool=npgsql|pymongo,max=100", 4},
	{"slow-database", CLASS_TROUBLE, T, build_slow_database, "pool=hikari-elastic|pgbouncer",
	 4},
	{"held-slow-database", CLASS_TROUBLE, H, build_slow_database,
	 "pool=npgsql|sqlalchemy|go-redis,by=12|60", 2},
	{"network", CLASS_TROUBLE, T, build_network, "pool=go|tomcat|hikari", 4},
	{"held-network", CLASS_TROUBLE, H, build_network, "pool=npgsql|proxysql,load=bursts", 4},
	{"storm-churn", CLASS_STORM, T, build_storm_churn, "pool=hikari|go", 5},
	{"storm-retry", CLASS_STORM, T, build_storm_retry, "", 6},
	{"held-storm", CLASS_STORM, H, build_storm_churn, "pool=npgsql|rails,by=1200|300", 3},
	{"held-storm-retry", CLASS_STORM, H, build_storm_retry, "conns=5|80,by=2000", 3},
	{"oversized", CLASS_OVERSIZED, T, build_oversized, "pool=hikari,new=40|25", 4},
	{"held-oversized", CLASS_OVERSIZED, H, build_oversized, "pool=psycopg,max=8,new=60|20", 4},
};

const struct family *families_all(uint32_t *ret_count)
{
	*ret_count = sizeof(families) / sizeof(families[0]);
	return families;
}

const struct family *family_find(const char *name)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(families[i].name, name) == 0)
			return &families[i];
	return NULL;
}
