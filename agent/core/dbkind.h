/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ports are watched, what database stands behind a port, and which names and limits the
 * operator has given to endpoints.
 */
#ifndef CONNLEAK_CORE_DBKIND_H
#define CONNLEAK_CORE_DBKIND_H

#include "types.h"

struct dbkind;

struct endpoint_rule {
	char name[64];
	uint8_t ip[16]; /* network byte order, v4 as mapped */
	uint8_t prefix_bits; /* of the 128; an IPv4 /24 is 120 */
	uint16_t port; /* 0 = every watched port */
	uint64_t limit; /* connections that the server takes; 0 = unknown */
};

/* Starts with the well-known ports of design. NULL when out of memory. */
struct dbkind *dbkind_new(void);
void dbkind_free(struct dbkind *kinds);

/*
 * Replaces the watched ports by a list: "5432,6000-6010,orders=7000". A number that is a well-known
 * port keeps its database name, and the ports of endpoints stay watched. Returns 0, -EINVAL (with
 * one sentence naming the offending value in ret_error) or -ENOMEM; on error nothing has changed.
 * Ports given twice are refused.
 */
int dbkind_set_ports(struct dbkind *kinds, const char *list, char *ret_error, size_t error_size);

/*
 * Adds an endpoint "NAME=ADDR[/LEN][:PORT][,limit=N]" (an IPv6 address in brackets when a port
 * follows). A port that is not watched yet becomes watched, with the database kind NAME.
 * Errors as dbkind_set_ports().
 */
int dbkind_add_endpoint(struct dbkind *kinds, const char *text, char *ret_error, size_t error_size);

/* Whether the port is in the list; in host order. */
bool dbkind_is_watched(const struct dbkind *kinds, uint16_t port);

/*
 * "postgresql", or the configured name; NULL where the port is not watched, or is watched but
 * nobody has said what it is ("6000-6010"). Valid until the ports are set anew.
 */
const char *dbkind_name(const struct dbkind *kinds, uint16_t port);

/* One bit a watched port, port % 8 of byte port / 8: what the kernel side filters by. */
void dbkind_port_bitmap(const struct dbkind *kinds, uint8_t ret_bitmap[static 8192]);

/*
 * The same, of the watched ports of databases where it does not mean work that a client was the
 * last to send. Clients of MySQL and of HTTP/2 send what has no answer, when they have got all that
 * they wait for: to close a prepared statement, to acknowledge a frame. Those of Redis ask for work
 * where there is none, again and again, and wait (BRPOP).
 */
void dbkind_one_way_bitmap(const struct dbkind *kinds, uint8_t ret_bitmap[static 8192]);

/* Whether it is one of those. */
bool dbkind_is_one_way(const struct dbkind *kinds, uint16_t port);

/* The most specific rule (longest prefix, then one with a port) that matches; NULL = none. */
const struct endpoint_rule *dbkind_endpoint(const struct dbkind *kinds,
					    const struct netaddr *remote);

/* 127.0.0.1 in two network namespaces is two servers; any other address is one. */
bool dbkind_is_loopback(const struct netaddr *addr);

#endif
