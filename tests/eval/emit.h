/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a simulated connection to the events of a source.
 */
#ifndef CONNLEAK_EVAL_EMIT_H
#define CONNLEAK_EVAL_EMIT_H

#include "world.h"

/* The connection has something to tell at the next look. */
void emit_touch(struct sim_conn *conn);

void emit_open(struct sim_conn *conn);
void emit_seen(struct sim_conn *conn); /* also of a known connection: another client holds it */
void emit_io(struct sim_conn *conn); /* if there is anything new */
void emit_opener(struct sim_conn *conn, enum opener_state state);
void emit_plain(struct sim_conn *conn, enum event_type type);
void emit_failed(struct sim_conn *conn, const char *error);
void emit_close(struct sim_conn *conn, enum close_by by);
void emit_exit(struct world *world, const struct sim_client *client);
void emit_end(struct world *world);

#endif
