// SPDX-License-Identifier: Apache-2.0
/* Tables as people read them: columns that fit, names that cannot move the cursor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/view.h"

static const struct view_column two_columns[] = {{"N", VIEW_RIGHT}, {"NAME", VIEW_LEFT}};

static struct event open_event(uint64_t conn, uint32_t pid, const char *comm, uint16_t port)
{
	struct event event = {.type = EVENT_OPEN, .t_ns = conn * NS_PER_SEC, .conn = conn};

	event.client.pid = pid;
	event.client.start_ns = 1;
	snprintf(event.comm, sizeof(event.comm), "%s", comm);
	event.remote.ip[10] = event.remote.ip[11] = 0xff;
	event.remote.ip[12] = 127;
	event.remote.ip[15] = 1;
	event.remote.port = port;
	return event;
}

static void apply(struct table *table, const struct event *event)
{
	struct change change;

	assert_int_equal(table_apply(table, event, &change), 0);
	table_settle(table);
}

static struct view *view_of(const struct table *table, struct conn *const *conns, size_t count,
			    const struct dbkind *kinds, bool with_sites, uint64_t now_ns)
{
	struct view *view = view_connections(with_sites);

	assert_non_null(view);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(view_add_connection(view, table, conns[i], kinds, now_ns), 0);
	return view;
}

static void render_columns_are_as_wide_as_their_cells(void **state)
{
	struct view *view = view_new(two_columns, 2);
	char *text;

	(void)state;
	assert_int_equal(view_add(view, "1"), 0);
	assert_int_equal(view_add(view, "a"), 0);
	assert_int_equal(view_add(view, "1000"), 0);
	assert_int_equal(view_add(view, "caf\xc3\xa9"), 0);
	text = view_render(view);
	assert_string_equal(text, "   N NAME\n   1 a\n1000 caf\xc3\xa9\n");
	free(text);
	view_free(view);
}

static void render_no_rows_prints_the_titles(void **state)
{
	struct view *view = view_new(two_columns, 2);
	char *text = view_render(view);

	(void)state;
	assert_string_equal(text, "N NAME\n");
	free(text);
	view_free(view);
}

/* However small they are: nothing is missing between two of them, and nothing comes twice. */
static void render_some_pieces_are_the_whole(void **state)
{
	struct view *view = view_new(two_columns, 2);
	char cell[24], pieces[8192];
	char *whole;

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(cell, sizeof(cell), "%d", i * i);
		assert_int_equal(view_add(view, cell), 0);
		(void)snprintf(cell, sizeof(cell), "%.*s", i % 7, "caf\xc3\xa9s");
		assert_int_equal(view_add(view, cell), 0);
	}
	whole = view_render(view);
	for (size_t bytes_max = 0; bytes_max < 5000; bytes_max = 2 * bytes_max + 1) {
		uint32_t count = 0;
		char *text = view_render(view), *out = pieces;

		assert_string_equal(text, whole); /* and it begins anew */
		free(text);
		view_rewind(view);
		do {
			text = view_render_some(view, bytes_max);
			assert_non_null(text);
			out = stpcpy(out, text);
			free(text);
			count++;
		} while (!view_is_rendered(view) && count < 200);
		assert_string_equal(pieces, whole);
		assert_true(bytes_max > 0 || count == 100); /* a row each, if need be */
		assert_true(count > 1 || bytes_max > strlen(whole));
	}
	free(whole);
	view_free(view);
}

static void connections_names_from_outside_cannot_move_the_cursor(void **state)
{
	struct table *table = table_new(NULL);
	struct dbkind *kinds = dbkind_new();
	struct event event = open_event(1, 42, "\x1b[2Jevil\n", 5432);
	struct conn **conns;
	struct view *view;
	size_t count;
	char *text;

	(void)state;
	event.local = (struct netaddr){.port = 40123};
	apply(table, &event);
	assert_int_equal(view_collect_conns(table, &conns, &count), 0);
	assert_int_equal(count, 1);
	view = view_of(table, conns, count, kinds, false, 3 * NS_PER_SEC);
	text = view_render(view);
	assert_null(strchr(text, '\x1b'));
	assert_non_null(strstr(text, "\\x1b[2Jevil\\x0a"));
	assert_non_null(strstr(text, " 40123 connecting"));
	assert_non_null(strstr(text, "connecting"));
	assert_int_equal(text[strlen(text) - 1], '\n');
	/* The title and one row. */
	assert_ptr_equal(strchr(strchr(text, '\n') + 1, '\n'), text + strlen(text) - 1);
	free(text);
	view_free(view);
	free(conns);
	dbkind_free(kinds);
	table_free(table);
}

static void connections_sites_are_shown_when_asked_for_and_safe(void **state)
{
	struct table *table = table_new(NULL);
	struct dbkind *kinds = dbkind_new();
	struct event event = open_event(1, 42, "app", 5432);
	struct conn **conns;
	struct view *view;
	size_t count;
	char *text;

	(void)state;
	event.site = "open_orders\x1b[2J (orders.c:7) < main";
	apply(table, &event);
	assert_int_equal(view_collect_conns(table, &conns, &count), 0);
	view = view_of(table, conns, count, kinds, true, NS_PER_SEC);
	text = view_render(view);
	assert_non_null(strstr(text, "OPENED BY"));
	assert_non_null(strstr(text, "LAST USED BY\n"));
	assert_non_null(strstr(text, "open_orders\\x1b[2J (orders.c:7) < main"));
	assert_string_equal(text + strlen(text) - 3, " -\n");
	free(text);
	view_free(view);
	view = view_of(table, conns, count, kinds, false, NS_PER_SEC);
	text = view_render(view);
	assert_null(strstr(text, "OPENED BY"));
	assert_null(strstr(text, "open_orders"));
	free(text);
	view_free(view);
	free(conns);
	dbkind_free(kinds);
	table_free(table);
}

static void connections_age_that_is_a_bound_is_marked(void **state)
{
	struct table *table = table_new(NULL);
	struct dbkind *kinds = dbkind_new();
	struct event event = open_event(1, 42, "app", 5432);
	struct conn **conns;
	struct view *view;
	size_t count;
	char *text;

	(void)state;
	event.type = EVENT_SEEN;
	event.has_idle = true;
	event.idle_ns = event.age_ns = 3 * 3600 * NS_PER_SEC;
	apply(table, &event);
	assert_int_equal(view_collect_conns(table, &conns, &count), 0);
	view = view_of(table, conns, count, kinds, false, NS_PER_SEC);
	text = view_render(view);
	assert_non_null(strstr(text, ">= 3 h"));
	free(text);
	view_free(view);
	free(conns);
	dbkind_free(kinds);
	table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(render_columns_are_as_wide_as_their_cells),
		cmocka_unit_test(render_no_rows_prints_the_titles),
		cmocka_unit_test(render_some_pieces_are_the_whole),
		cmocka_unit_test(connections_names_from_outside_cannot_move_the_cursor),
		cmocka_unit_test(connections_sites_are_shown_when_asked_for_and_safe),
		cmocka_unit_test(connections_age_that_is_a_bound_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
