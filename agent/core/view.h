/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the table looks like to a person: rows of cells, columns as wide as what stands in them.
 */
#ifndef CONNLEAK_CORE_VIEW_H
#define CONNLEAK_CORE_VIEW_H

#include "dbkind.h"
#include "detector.h"
#include "table.h"

enum view_align { VIEW_LEFT, VIEW_RIGHT };

struct view_column {
	const char *title;
	enum view_align align;
};

/* Rows of a fixed number of columns. Cells are copied; columns are borrowed. */
struct view;

struct view *view_new(const struct view_column *columns, size_t column_count);
void view_free(struct view *view);

/* Adds the next cell, left to right, row after row. Returns 0 or -ENOMEM. */
int view_add(struct view *view, const char *cell);

/*
 * Renders title line and rows, without trailing spaces, into one string that the caller frees.
 * NULL when out of memory.
 */
char *view_render(struct view *view);

/*
 * The same in pieces of about bytes_max: title line and first rows, then those that follow, for as
 * long as view_is_rendered() is false. Nothing may be added any more.
 */
char *view_render_some(struct view *view, size_t bytes_max);
bool view_is_rendered(const struct view *view);
void view_rewind(struct view *view); /* begins anew */

/* Of connections: PID COMM WORKLOAD ENDPOINT ... NULL when out of memory. */
struct view *view_connections(bool with_sites);

/* Adds the line of a connection of table. Returns 0 or -ENOMEM. */
int view_add_connection(struct view *view, const struct table *table, const struct conn *conn,
			const struct dbkind *kinds, uint64_t now_ns);

/* "established", "connecting", "peer_closed", "closed" */
const char *conn_state_name(uint8_t state);

/* How many connections of a pool are stale at that moment; 0 without a detector. */
uint32_t pool_stale_count(const struct pool *pool, const struct detector *detector,
			  uint64_t now_ns);

/*
 * All connections, by process, then endpoint, then age: an array the caller frees. Returns 0 or
 * -ENOMEM.
 */
int view_collect_conns(const struct table *table, struct conn ***ret_conns, size_t *ret_count);

#endif
