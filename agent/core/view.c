// SPDX-License-Identifier: Apache-2.0
/*
 * Tables for people, made from the table of connections. Everything that came from outside is made
 * safe here, in the cell; drawing is somebody else's.
 *
 * Invariant: no cell has a byte that could move a cursor; a table that is rendered in pieces is
 * the same as in one.
 */
#include "view.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "site.h"
#include "trace.h"

#define SITE_COLUMNS_AT 11 /* OPENED BY, LAST USED BY */

/* Cells lie behind one another, each with a NUL: a table of a million cells is one block. */
struct view {
	const struct view_column *columns;
	size_t column_count;
	size_t *widths; /* a column; as the terminal has it */
	char *cells;
	size_t used_bytes, room_bytes;
	size_t cell_count;
	size_t drawn_at; /* where the next row to be drawn begins */
	bool is_begun; /* the titles are drawn */
};

/* Columns on a terminal: names are UTF-8, of which continuation bytes take no room. */
static size_t display_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

struct view *view_new(const struct view_column *columns, size_t column_count)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->columns = columns;
	view->column_count = column_count;
	view->widths = calloc(column_count, sizeof(*view->widths));
	if (!view->widths) {
		free(view);
		return NULL;
	}
	for (size_t c = 0; c < column_count; c++)
		view->widths[c] = display_width(columns[c].title);
	return view;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	free(view->widths);
	free(view->cells);
	free(view);
}

int view_add(struct view *view, const char *cell)
{
	size_t bytes = strlen(cell) + 1, width = display_width(cell);
	size_t *widest = &view->widths[view->cell_count % view->column_count];

	if (view->used_bytes + bytes > view->room_bytes) {
		size_t room = 2 * (view->room_bytes + bytes) + 1024;
		char *cells = realloc(view->cells, room);

		if (!cells)
			return -ENOMEM;
		view->cells = cells;
		view->room_bytes = room;
	}
	memcpy(view->cells + view->used_bytes, cell, bytes);
	view->used_bytes += bytes;
	view->cell_count++;
	if (width > *widest)
		*widest = width;
	return 0;
}

static char *append(char *out, const char *cell, size_t width, enum view_align align, bool last)
{
	size_t pad = width - display_width(cell), length = strlen(cell);

	if (align == VIEW_RIGHT) {
		memset(out, ' ', pad);
		out += pad;
	}
	memcpy(out, cell, length);
	out += length;
	if (align == VIEW_LEFT && !last) {
		memset(out, ' ', pad);
		out += pad;
	}
	if (!last)
		*out++ = ' ';
	return out;
}

/* at: where the row begins. Returns where the next one does. */
static size_t append_row(const struct view *view, size_t at, char **out)
{
	for (size_t c = 0; c < view->column_count; c++) {
		const char *cell = view->cells + at;

		*out = append(*out, cell, view->widths[c], view->columns[c].align,
			      c + 1 == view->column_count);
		at += strlen(cell) + 1;
	}
	*(*out)++ = '\n';
	return at;
}

static void append_titles(const struct view *view, char **out)
{
	for (size_t c = 0; c < view->column_count; c++)
		*out = append(*out, view->columns[c].title, view->widths[c], view->columns[c].align,
			      c + 1 == view->column_count);
	*(*out)++ = '\n';
}

/* Of a line, at most and beyond the bytes of its cells: columns, blanks between them, the end. */
static size_t padding_bytes(const struct view *view)
{
	size_t bytes = 1;

	for (size_t c = 0; c < view->column_count; c++)
		bytes += view->widths[c] + 1;
	return bytes;
}

static size_t title_bytes(const struct view *view)
{
	size_t bytes = padding_bytes(view);

	for (size_t c = 0; c < view->column_count; c++)
		bytes += strlen(view->columns[c].title);
	return bytes;
}

char *view_render_some(struct view *view, size_t bytes_max)
{
	size_t a_line = padding_bytes(view), bytes = 1, rows = 0, at = view->drawn_at;
	char *text, *out;

	assert(view->cell_count % view->column_count == 0);
	if (!view->is_begun)
		bytes += title_bytes(view);
	for (; at < view->used_bytes && (rows == 0 || bytes < bytes_max); rows++, bytes += a_line)
		for (size_t c = 0; c < view->column_count; c++) {
			size_t length = strlen(view->cells + at);

			bytes += length;
			at += length + 1;
		}
	text = out = malloc(bytes);
	if (!text)
		return NULL;
	if (!view->is_begun)
		append_titles(view, &out);
	for (at = view->drawn_at; rows > 0; rows--)
		at = append_row(view, at, &out);
	*out = '\0';
	view->drawn_at = at;
	view->is_begun = true;
	return text;
}

char *view_render(struct view *view)
{
	view_rewind(view);
	return view_render_some(view, SIZE_MAX);
}

void view_rewind(struct view *view)
{
	view->drawn_at = 0;
	view->is_begun = false;
}

bool view_is_rendered(const struct view *view)
{
	return view->is_begun && view->drawn_at == view->used_bytes;
}

const char *conn_state_name(uint8_t state)
{
	static const char *const names[] = {
		[CONN_CONNECTING] = "connecting",
		[CONN_OPEN] = "established",
		[CONN_PEER_CLOSED] = "peer_closed",
		[CONN_CLOSED] = "closed",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

uint32_t pool_stale_count(const struct pool *pool, const struct detector *detector, uint64_t now_ns)
{
	uint32_t count = 0;

	if (!detector)
		return 0;
	/* The longest silent come first. */
	for (const struct conn *conn = pool->oldest; conn; conn = conn_newer(conn)) {
		if (!detector_conn_is_stale(detector, conn, now_ns))
			break;
		count++;
	}
	return count;
}

static const char *endpoint_text(const struct pool *pool, const struct dbkind *kinds, char *buffer,
				 size_t size)
{
	const struct endpoint_rule *rule = dbkind_endpoint(kinds, &pool->remote);
	char addr[ADDR_TEXT_SIZE];

	format_netaddr(&pool->remote, addr, sizeof(addr));
	if (rule)
		snprintf(buffer, size, "%s (%s)", addr, rule->name);
	else
		snprintf(buffer, size, "%s", addr);
	return buffer;
}

static int add_number(struct view *view, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return view_add(view, text);
}

/* "12 s", or ">= 12 s" where it may be more. */
static int add_duration(struct view *view, uint64_t ns, bool is_bound)
{
	char duration[32], text[40];

	format_duration(ns, duration, sizeof(duration));
	snprintf(text, sizeof(text), "%s%s", is_bound ? ">= " : "", duration);
	return view_add(view, text);
}

static int add_bytes(struct view *view, uint64_t bytes)
{
	char text[32];

	return view_add(view, format_bytes(bytes, text, sizeof(text)));
}

/* PID COMM WORKLOAD ENDPOINT DATABASE, with which every row begins. */
static int add_pool_cells(struct view *view, const struct pool *pool, const struct dbkind *kinds)
{
	const char *database = dbkind_name(kinds, pool->remote.port);
	char text[320];
	int r = add_number(view, pool->client->id.pid);

	r |= view_add(view, format_comm(pool->client->comm, text, sizeof(text)));
	r |= view_add(view, client_workload(pool->client, text, sizeof(text)));
	r |= view_add(view, endpoint_text(pool, kinds, text, sizeof(text)));
	r |= view_add(view, database ? database : "?");
	return r;
}

static int add_site(struct view *view, const char *site)
{
	char text[4 * SITE_SIZE];

	return view_add(view, site ? format_safe(site, SITE_SIZE, text, sizeof(text)) : "-");
}

struct view *view_connections(bool with_sites)
{
	static const struct view_column columns[] = {
		{"PID", VIEW_RIGHT},	     {"COMM", VIEW_LEFT},      {"WORKLOAD", VIEW_LEFT},
		{"ENDPOINT", VIEW_LEFT},     {"DATABASE", VIEW_LEFT},  {"PORT", VIEW_RIGHT},
		{"STATE", VIEW_LEFT},	     {"AGE", VIEW_RIGHT},      {"IDLE", VIEW_RIGHT},
		{"SENT", VIEW_RIGHT},	     {"RECEIVED", VIEW_RIGHT}, {"OPENED BY", VIEW_LEFT},
		{"LAST USED BY", VIEW_LEFT},
	};

	_Static_assert(sizeof(columns) / sizeof(columns[0]) == SITE_COLUMNS_AT + 2,
		       "sites are last");
	return view_new(columns, with_sites ? SITE_COLUMNS_AT + 2 : SITE_COLUMNS_AT);
}

int view_add_connection(struct view *view, const struct table *table, const struct conn *conn,
			const struct dbkind *kinds, uint64_t now_ns)
{
	uint64_t age_ns = (uint64_t)((int64_t)now_ns - conn->open_ns);
	int r = add_pool_cells(view, conn->pool, kinds);

	/* What the server calls it by: client_port of pg_stat_activity and others. */
	r |= conn->local_port ? add_number(view, conn->local_port) : view_add(view, "-");
	r |= view_add(view, conn_state_name(conn->state));
	r |= add_duration(view, age_ns, conn->age_is_bound);
	r |= add_duration(view, conn_silence_ns(conn, now_ns), conn->idle_is_bound);
	r |= add_bytes(view, conn_sent_bytes(conn));
	r |= add_bytes(view, conn_received_bytes(conn));
	if (view->column_count > SITE_COLUMNS_AT) {
		r |= add_site(view, table_site(table, conn->site));
		r |= add_site(view, table_site(table, conn->last_site));
	}
	return r ? -ENOMEM : 0;
}

static int compare_uint(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_pools_by_owner(const struct pool *a, const struct pool *b)
{
	int r = compare_uint(a->client->id.pid, b->client->id.pid);

	if (!r)
		r = compare_uint(a->client->id.start_ns, b->client->id.start_ns);
	if (!r)
		r = memcmp(a->remote.ip, b->remote.ip, sizeof(a->remote.ip));
	if (!r)
		r = compare_uint(a->remote.port, b->remote.port);
	return r ? r : compare_uint(a->netns, b->netns);
}

static int compare_pools(const void *x, const void *y)
{
	return compare_pools_by_owner(*(struct pool *const *)x, *(struct pool *const *)y);
}

static int compare_conns(const void *x, const void *y)
{
	const struct conn *a = *(struct conn *const *)x, *b = *(struct conn *const *)y;

	if (a->open_ns != b->open_ns)
		return a->open_ns < b->open_ns ? -1 : 1;
	return compare_uint(a->id, b->id);
}

static struct pool **collect_pools(const struct table *table, size_t *ret_count)
{
	struct pool **pools;
	size_t count = 0, i = 0;

	for (struct pool *pool = table_first_pool(table); pool; pool = pool->next)
		count++;
	pools = calloc(count ? count : 1, sizeof(struct pool *));
	if (!pools)
		return NULL;
	for (struct pool *pool = table_first_pool(table); pool; pool = pool->next)
		pools[i++] = pool;
	qsort(pools, count, sizeof(*pools), compare_pools);
	*ret_count = count;
	return pools;
}

/* Pool by pool: to compare two connections by their owners, a hundred thousand times, takes long.
 */
int view_collect_conns(const struct table *table, struct conn ***ret_conns, size_t *ret_count)
{
	size_t room = table_conn_count(table), pool_count = 0, count = 0;
	struct conn **conns = calloc(room ? room : 1, sizeof(struct conn *));
	struct pool **pools = conns ? collect_pools(table, &pool_count) : NULL;

	if (!pools) {
		free(conns);
		return -ENOMEM;
	}
	for (size_t i = 0; i < pool_count; i++) {
		size_t first = count;

		for (struct conn *conn = pools[i]->oldest; conn && count < room;
		     conn = conn_newer(conn))
			conns[count++] = conn;
		qsort(conns + first, count - first, sizeof(*conns), compare_conns);
	}
	free(pools);
	*ret_conns = conns;
	*ret_count = count;
	return 0;
}
