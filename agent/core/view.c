// SPDX-License-Identifier: Apache-2.0
/*
 * Tables for people, made from the table of connections. Everything that came from outside is made
 * safe here, in the cell; drawing is somebody else's.
 */
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "site.h"
#include "trace.h"

struct view {
	const struct view_column *columns;
	size_t column_count;
	char **cells;
	size_t count, capacity;
};

struct view *view_new(const struct view_column *columns, size_t column_count)
{
	struct view *view = calloc(1, sizeof(*view));

	if (!view)
		return NULL;
	view->columns = columns;
	view->column_count = column_count;
	return view;
}

void view_free(struct view *view)
{
	if (!view)
		return;
	for (size_t i = 0; i < view->count; i++)
		free(view->cells[i]);
	free(view->cells);
	free(view);
}

int view_add(struct view *view, const char *cell)
{
	if (view->count == view->capacity) {
		size_t capacity = view->capacity ? view->capacity * 2 : 64;
		char **cells = realloc(view->cells, capacity * sizeof(*cells));

		if (!cells)
			return -ENOMEM;
		view->cells = cells;
		view->capacity = capacity;
	}
	view->cells[view->count] = strdup(cell);
	if (!view->cells[view->count])
		return -ENOMEM;
	view->count++;
	return 0;
}

/* Columns on a terminal: names are UTF-8, of which continuation bytes take no room. */
static size_t display_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
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

static void measure(const struct view *view, size_t *ret_widths, size_t *ret_bytes)
{
	*ret_bytes = 1;
	for (size_t c = 0; c < view->column_count; c++)
		ret_widths[c] = display_width(view->columns[c].title);
	for (size_t i = 0; i < view->count; i++) {
		size_t width = display_width(view->cells[i]);

		if (width > ret_widths[i % view->column_count])
			ret_widths[i % view->column_count] = width;
		*ret_bytes += strlen(view->cells[i]);
	}
	for (size_t c = 0; c < view->column_count; c++)
		*ret_bytes += (ret_widths[c] + 2) * (view->count / view->column_count + 1) +
			      strlen(view->columns[c].title);
}

char *view_render(const struct view *view)
{
	size_t *widths = calloc(view->column_count, sizeof(*widths));
	size_t bytes, rows = view->count / view->column_count;
	char *text = NULL, *out;

	if (!widths)
		return NULL;
	measure(view, widths, &bytes);
	text = malloc(bytes);
	if (!text)
		goto out;
	out = text;
	for (size_t row = 0; row <= rows; row++) {
		for (size_t c = 0; c < view->column_count; c++) {
			const char *cell = row ? view->cells[(row - 1) * view->column_count + c]
					       : view->columns[c].title;

			out = append(out, cell, widths[c], view->columns[c].align,
				     c + 1 == view->column_count);
		}
		*out++ = '\n';
	}
	*out = '\0';
out:
	free(widths);
	return text;
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
	for (const struct conn *conn = pool->oldest; conn; conn = conn->newer) {
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

struct view *view_connections(struct conn *const *conns, size_t count, const struct dbkind *kinds,
			      bool with_sites, uint64_t now_ns)
{
	static const struct view_column columns[] = {
		{"PID", VIEW_RIGHT},	  {"COMM", VIEW_LEFT},	    {"WORKLOAD", VIEW_LEFT},
		{"ENDPOINT", VIEW_LEFT},  {"DATABASE", VIEW_LEFT},  {"STATE", VIEW_LEFT},
		{"AGE", VIEW_RIGHT},	  {"IDLE", VIEW_RIGHT},	    {"SENT", VIEW_RIGHT},
		{"RECEIVED", VIEW_RIGHT}, {"OPENED BY", VIEW_LEFT}, {"LAST USED BY", VIEW_LEFT},
	};
	size_t column_count = sizeof(columns) / sizeof(columns[0]) - (with_sites ? 0 : 2);
	struct view *view = view_new(columns, column_count);
	int r = 0;

	for (size_t i = 0; view && !r && i < count; i++) {
		const struct conn *conn = conns[i];
		uint64_t age_ns = (uint64_t)((int64_t)now_ns - conn->open_ns);

		r |= add_pool_cells(view, conn->pool, kinds);
		r |= view_add(view, conn_state_name(conn->state));
		r |= add_duration(view, age_ns, conn->age_is_bound);
		r |= add_duration(view, conn_silence_ns(conn, now_ns), conn->idle_is_bound);
		r |= add_bytes(view, conn->sent_bytes);
		r |= add_bytes(view, conn->received_bytes);
		if (with_sites) {
			r |= add_site(view, conn->site);
			r |= add_site(view, conn->last_site);
		}
	}
	if (r) {
		view_free(view);
		return NULL;
	}
	return view;
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

static int compare_conns(const void *x, const void *y)
{
	const struct conn *a = *(struct conn *const *)x, *b = *(struct conn *const *)y;
	int r = compare_pools_by_owner(a->pool, b->pool);

	if (!r && a->open_ns != b->open_ns)
		r = a->open_ns < b->open_ns ? -1 : 1;
	return r ? r : compare_uint(a->id, b->id);
}

int view_collect_conns(const struct table *table, struct conn ***ret_conns, size_t *ret_count)
{
	size_t count = table_conn_count(table), i = 0;
	struct conn **conns = calloc(count ? count : 1, sizeof(struct conn *));

	if (!conns)
		return -ENOMEM;
	for (struct pool *pool = table_first_pool(table); pool; pool = pool->next)
		for (struct conn *conn = pool->oldest; conn && i < count; conn = conn->newer)
			conns[i++] = conn;
	qsort(conns, i, sizeof(*conns), compare_conns);
	*ret_conns = conns;
	*ret_count = i;
	return 0;
}
