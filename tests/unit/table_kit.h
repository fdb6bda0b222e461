/* SPDX-License-Identifier: Apache-2.0 */
/* A table for a test, and events for it: of one process and one endpoint unless the test says else.
 */
#ifndef CONNLEAK_TESTS_TABLE_KIT_H
#define CONNLEAK_TESTS_TABLE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/format.h"
#include "core/table.h"

#define S NS_PER_SEC

#define TABLE_TEST(function) cmocka_unit_test_setup_teardown(function, make_table, drop_table)

static inline int make_table(void **state)
{
	*state = table_new(NULL);
	return *state ? 0 : -1;
}

static inline int drop_table(void **state)
{
	table_free(*state);
	return 0;
}

static inline struct event on_client(enum event_type type, uint64_t t_ns, uint64_t conn,
				     uint32_t pid)
{
	struct event event = {.type = type, .t_ns = t_ns, .conn = conn};

	event.client = (struct client_id){.pid = pid, .start_ns = 7};
	memcpy(event.comm, "orders-api", 11);
	(void)parse_netaddr("10.0.3.7:5432", &event.remote); /* a constant that is valid */
	return event;
}

static inline int apply(struct table *table, struct event event, struct change *change)
{
	int error = table_apply(table, &event, change);

	return error;
}

/* Applies and settles, and expects success. */
static inline struct change done(struct table *table, struct event event)
{
	struct change change;

	assert_int_equal(apply(table, event, &change), 0);
	table_settle(table);
	return change;
}

static inline struct change open_at(struct table *table, uint64_t t_ns, uint64_t id)
{
	return done(table, on_client(EVENT_OPEN, t_ns, id, 4711));
}

static inline struct event plain(enum event_type type, uint64_t t_ns, uint64_t conn)
{
	return (struct event){.type = type, .t_ns = t_ns, .conn = conn};
}

static inline struct event io(uint64_t t_ns, uint64_t conn, uint64_t send_ns, uint64_t recv_ns)
{
	struct event event = plain(EVENT_IO, t_ns, conn);

	event.sent_bytes = event.received_bytes = t_ns;
	event.last_send_ns = send_ns;
	event.last_recv_ns = recv_ns;
	return event;
}

#endif
