// SPDX-License-Identifier: Apache-2.0
/*
 * Keys and what they do, apart from any terminal: the same tests run that a person would make.
 *
 * Invariant: while the order is held, a line moves neither on the screen nor under the cursor;
 * where it may move, the cursor stays on the same pool, and that on the same line of the screen as
 * far as there are lines. Draws nothing (screen.c) and asks for nothing but by its result.
 */
#include "browse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "browse_line.h"
#include "number.h"

void browse_init(struct browse *browse, uint64_t interval_ns, bool is_replay)
{
	*browse = (struct browse){
		.interval_ns = interval_ns,
		.is_replay = is_replay,
		.speed = 1,
		.page = 1,
	};
}

void browse_clear(struct browse *browse)
{
	rows_clear(&browse->rows);
	filter_free(browse->filter);
	browse->filter = NULL;
	browse->sample = NULL;
}

bool browse_is_held(const struct browse *browse, uint64_t now_ns)
{
	return browse->selected_key && now_ns < browse->held_until_ns;
}

const struct row *browse_current(const struct browse *browse)
{
	uint32_t at = browse->first;

	if (browse->selected_key)
		at = rows_find(&browse->rows, browse->selected_key);
	return at < browse->rows.count ? &browse->rows.rows[at] : NULL;
}

const struct sample_row *browse_subject(const struct browse *browse)
{
	for (uint32_t i = 0; browse->sample && i < browse->sample->row_count; i++)
		if (sample_row_equal(&browse->sample->rows[i], &browse->subject))
			return &browse->sample->rows[i];
	return NULL;
}

/* --- the lines -------------------------------------------------------------------------------- */

static void scroll_into_range(struct browse *browse)
{
	uint32_t count = browse->rows.count;

	if (browse->first + browse->page > count)
		browse->first = count > browse->page ? count - browse->page : 0;
}

/* So that the line at is on the screen. */
static void scroll_to(struct browse *browse, uint32_t at)
{
	if (at < browse->first)
		browse->first = at;
	if (at >= browse->first + browse->page)
		browse->first = at - browse->page + 1;
	scroll_into_range(browse);
}

/* After the lines have been made anew: at was the cursor's place. */
static void restore_cursor(struct browse *browse, uint32_t at)
{
	uint32_t on_screen = at - browse->first,
		 now = rows_find(&browse->rows, browse->selected_key);

	if (!browse->selected_key) {
		scroll_into_range(browse);
		return;
	}
	if (now == UINT32_MAX) {
		/* It has gone: what stands there now is the next best. */
		now = at < browse->rows.count ? at : browse->rows.count - 1;
		browse->selected_key = browse->rows.count ? browse->rows.rows[now].key : 0;
	}
	if (!browse->rows.count)
		now = 0;
	browse->first = now > on_screen ? now - on_screen : 0;
	scroll_to(browse, now);
}

static int make_rows(struct browse *browse, bool hold)
{
	struct rows_query query = {
		.group = browse->group,
		.sort = browse->sort,
		.is_reversed = browse->is_reversed,
		.filter = browse->filter,
		.scope = browse->scope,
	};
	uint32_t at = rows_find(&browse->rows, browse->selected_key);
	struct rows rows;
	int r;

	if (!browse->sample)
		return 0;
	r = rows_make(browse->sample, &query, hold ? &browse->rows : NULL, &rows);
	if (r < 0)
		return r;
	rows_clear(&browse->rows);
	browse->rows = rows;
	restore_cursor(browse, at == UINT32_MAX ? browse->first : at);
	return 0;
}

/* Other lines than before: back to the worst. */
static int start_over(struct browse *browse)
{
	browse->selected_key = 0;
	browse->first = 0;
	return make_rows(browse, false);
}

int browse_show(struct browse *browse, const struct sample *sample, uint64_t now_ns)
{
	browse->sample = sample;
	return make_rows(browse, browse_is_held(browse, now_ns));
}

void browse_forget(struct browse *browse)
{
	browse->sample = NULL;
	for (uint32_t i = 0; i < browse->rows.count; i++)
		browse->rows.rows[i].pool = NULL;
}

/* --- the list --------------------------------------------------------------------------------- */

static void move(struct browse *browse, int64_t steps)
{
	uint32_t at = rows_find(&browse->rows, browse->selected_key);
	int64_t to;

	if (!browse->rows.count)
		return;
	if (!browse->selected_key || at == UINT32_MAX)
		to = browse->first + (steps > 0 ? steps - 1 : 0); /* the cursor appears */
	else
		to = at + steps;
	if (to < 0)
		to = 0;
	if (to >= browse->rows.count)
		to = browse->rows.count - 1;
	browse->selected_key = browse->rows.rows[to].key;
	scroll_to(browse, (uint32_t)to);
}

static int set_group(struct browse *browse, int step)
{
	browse->group = (enum rows_group)(((int)browse->group + step + ROWS_GROUP_COUNT) %
					  ROWS_GROUP_COUNT);
	browse->scope = (struct rows_scope){0};
	return start_over(browse);
}

static const char *or_unknown(const char *text)
{
	return text ? text : "?";
}

static void name_scope(struct browse *browse, const struct row *row)
{
	const struct sample_row *pool = row->pool;
	char *name = browse->scope_name;
	size_t size = sizeof(browse->scope_name);

	switch (browse->scope.group) {
	case ROWS_PROCESSES:
		(void)snprintf(name, size, "process %s[%u]", or_unknown(pool->comm),
			       pool->client.pid);
		break;
	case ROWS_WORKLOADS:
		(void)snprintf(name, size, "workload %s", or_unknown(pool->workload));
		break;
	case ROWS_ENDPOINTS:
		(void)snprintf(name, size, "endpoint %s",
			       pool->endpoint ? pool->endpoint : or_unknown(pool->database));
		break;
	case ROWS_SITES:
		(void)snprintf(name, size, "site %s", or_unknown(row->site));
		break;
	case ROWS_POOLS:
	case ROWS_GROUP_COUNT:
		break;
	}
}

/* Into the pools of a group, or into a pool. */
static int enter(struct browse *browse)
{
	const struct row *row = browse_current(browse);
	int r;

	if (!row)
		return BROWSE_DRAW;
	if (browse->group != ROWS_POOLS) {
		browse->scope = (struct rows_scope){browse->group, row->key};
		name_scope(browse, row);
		browse->group = ROWS_POOLS;
		r = start_over(browse);
		return r < 0 ? r : BROWSE_DRAW;
	}
	browse->mode = BROWSE_DETAIL;
	browse->text_first = 0;
	browse->subject = (struct sample_row){
		.client = row->pool->client,
		.remote = row->pool->remote,
		.netns = row->pool->netns,
	};
	return BROWSE_SAMPLE;
}

/* Out of what was entered, else off the line. */
static int leave(struct browse *browse)
{
	uint64_t key = browse->scope.key;
	int r = 0;

	if (browse->scope.group != ROWS_POOLS) {
		browse->group = browse->scope.group;
		browse->scope = (struct rows_scope){0};
		r = start_over(browse);
		browse->selected_key = rows_find(&browse->rows, key) == UINT32_MAX ? 0 : key;
		if (browse->selected_key)
			scroll_to(browse, rows_find(&browse->rows, key));
	} else if (browse->selected_key) {
		r = start_over(browse);
	} else if (browse->filter) {
		filter_free(browse->filter);
		browse->filter = NULL;
		browse->filter_text[0] = '\0';
		r = start_over(browse);
	}
	return r < 0 ? r : BROWSE_DRAW;
}

static int choose_sort(struct browse *browse, enum rows_sort sort)
{
	browse->sort = sort;
	browse->held_until_ns = 0;
	return make_rows(browse, false);
}

static int press_move(struct browse *browse, uint32_t key)
{
	int64_t page = browse->page > 1 ? browse->page - 1 : 1;

	switch (key) {
	case 'k':
	case BROWSE_KEY_UP:
		move(browse, -1);
		break;
	case 'j':
	case BROWSE_KEY_DOWN:
		move(browse, 1);
		break;
	case BROWSE_KEY_PAGE_UP:
	case 'b' & 0x1f:
		move(browse, -page);
		break;
	case BROWSE_KEY_PAGE_DOWN:
	case 'f' & 0x1f:
	case ' ':
		move(browse, page);
		break;
	case BROWSE_KEY_HOME:
	case 'g':
		move(browse, -(int64_t)UINT32_MAX);
		break;
	case BROWSE_KEY_END:
	case 'G':
		move(browse, UINT32_MAX);
		break;
	default:
		return 0;
	}
	return 1;
}

static void press_columns(struct browse *browse, uint32_t key)
{
	if (key == BROWSE_KEY_RIGHT && browse->column_offset < 16)
		browse->column_offset++;
	if (key == BROWSE_KEY_LEFT && browse->column_offset > 0)
		browse->column_offset--;
}

/* What replay adds: speed, and back and forth. */
static int press_replay(struct browse *browse, uint32_t key)
{
	static const struct {
		uint32_t key;
		const char *jump;
	} jumps[] = {{'[', "-1m"}, {']', "+1m"}, {'{', "-10m"}, {'}', "+10m"}};

	for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++)
		if (key == jumps[i].key) {
			(void)snprintf(browse->line, sizeof(browse->line), "%s", jumps[i].jump);
			return BROWSE_JUMP;
		}
	if ((key == '+' || key == '>') && browse->speed < BROWSE_SPEED_MAX)
		browse->speed *= 2;
	else if ((key == '-' || key == '<') && browse->speed > BROWSE_SPEED_MIN)
		browse->speed /= 2;
	else if (key == 't')
		browse_line_begin(browse, BROWSE_SEEK);
	else
		return BROWSE_DRAW;
	return key == 't' ? BROWSE_DRAW : BROWSE_PACE;
}

static void open_text(struct browse *browse, enum browse_mode mode)
{
	browse->mode = mode;
	browse->text_first = 0;
}

static int press_list(struct browse *browse, uint32_t key)
{
	int r = 0;

	switch (key) {
	case BROWSE_KEY_ENTER:
		return enter(browse);
	case BROWSE_KEY_ESCAPE:
	case BROWSE_KEY_BACKSPACE:
		return leave(browse);
	case BROWSE_KEY_TAB:
		r = set_group(browse, 1);
		break;
	case BROWSE_KEY_BACKTAB:
		r = set_group(browse, -1);
		break;
	case 's':
	case BROWSE_KEY_F1 + 5:
		browse->mode = BROWSE_SORT;
		browse->sort_choice = browse->sort;
		break;
	case 'r':
	case 'I':
		browse->is_reversed = !browse->is_reversed;
		r = choose_sort(browse, browse->sort);
		break;
	case '/':
	case BROWSE_KEY_F1 + 3:
		browse_line_begin(browse, BROWSE_FILTER);
		break;
	case BROWSE_KEY_LEFT:
	case BROWSE_KEY_RIGHT:
		press_columns(browse, key);
		break;
	default:
		if (browse->is_replay)
			return press_replay(browse, key);
	}
	return r < 0 ? r : BROWSE_DRAW;
}

/* --- text: detail and help -------------------------------------------------------------------- */

static void scroll_text(struct browse *browse, int64_t lines)
{
	int64_t last = (int64_t)browse->text_count - browse->page;
	int64_t to = browse->text_first + lines;

	if (to > last)
		to = last;
	browse->text_first = to > 0 ? (uint32_t)to : 0;
}

static int press_text(struct browse *browse, uint32_t key)
{
	int64_t page = browse->page > 1 ? browse->page - 1 : 1;

	switch (key) {
	case 'k':
	case BROWSE_KEY_UP:
		scroll_text(browse, -1);
		break;
	case 'j':
	case BROWSE_KEY_DOWN:
		scroll_text(browse, 1);
		break;
	case BROWSE_KEY_PAGE_UP:
		scroll_text(browse, -page);
		break;
	case BROWSE_KEY_PAGE_DOWN:
	case ' ':
		scroll_text(browse, page);
		break;
	case BROWSE_KEY_HOME:
	case 'g':
		browse->text_first = 0;
		break;
	case BROWSE_KEY_END:
	case 'G':
		scroll_text(browse, UINT32_MAX);
		break;
	case BROWSE_KEY_ESCAPE:
	case BROWSE_KEY_BACKSPACE:
	case BROWSE_KEY_ENTER:
	case BROWSE_KEY_LEFT:
		browse->mode = BROWSE_LIST;
		break;
	default:
		return browse->is_replay ? press_replay(browse, key) : BROWSE_DRAW;
	}
	return BROWSE_DRAW;
}

static int press_sort(struct browse *browse, uint32_t key)
{
	enum rows_sort *choice = &browse->sort_choice;

	switch (key) {
	case 'k':
	case BROWSE_KEY_UP:
		*choice = *choice ? *choice - 1 : ROWS_SORT_COUNT - 1;
		break;
	case 'j':
	case BROWSE_KEY_DOWN:
		*choice = (*choice + 1) % ROWS_SORT_COUNT;
		break;
	case BROWSE_KEY_ENTER:
		browse->mode = BROWSE_LIST;
		return choose_sort(browse, *choice);
	case BROWSE_KEY_ESCAPE:
	case BROWSE_KEY_BACKSPACE:
		browse->mode = BROWSE_LIST;
		break;
	default:
		break;
	}
	return BROWSE_DRAW;
}

/* --- what a line that was typed does ---------------------------------------------------------- */

/* The filter is tried with every key; one that is wrong leaves the one before. */
static int try_filter(struct browse *browse, const char *text)
{
	struct filter *filter;
	int r = filter_parse(text, &filter, browse->prompt_error, sizeof(browse->prompt_error));

	if (r == -EINVAL)
		return 0;
	if (r < 0)
		return r;
	browse->prompt_error[0] = '\0';
	filter_free(browse->filter);
	browse->filter = filter;
	return start_over(browse);
}

static int accept_filter(struct browse *browse)
{
	if (browse->prompt_error[0])
		return BROWSE_DRAW; /* still asking */
	(void)snprintf(browse->filter_text, sizeof(browse->filter_text), "%s", browse->line);
	browse->prompt = BROWSE_NO_PROMPT;
	if (!browse->line[0]) {
		filter_free(browse->filter);
		browse->filter = NULL;
	}
	return BROWSE_DRAW;
}

static int accept_interval(struct browse *browse)
{
	double seconds;

	if (!number_parse(browse->line, false, &seconds) ||
	    !(seconds * NS_PER_SEC >= BROWSE_INTERVAL_MIN_NS) ||
	    !(seconds * NS_PER_SEC <= BROWSE_INTERVAL_MAX_NS)) {
		(void)snprintf(browse->prompt_error, sizeof(browse->prompt_error),
			       "not a number of seconds from 0.1 to 3600");
		return BROWSE_DRAW;
	}
	browse->interval_ns = (uint64_t)(seconds * NS_PER_SEC);
	browse->prompt = BROWSE_NO_PROMPT;
	return BROWSE_SAMPLE;
}

static int accept(struct browse *browse)
{
	enum browse_prompt prompt = browse->prompt;

	if (prompt == BROWSE_FILTER)
		return accept_filter(browse);
	if (prompt == BROWSE_INTERVAL)
		return accept_interval(browse);
	browse->prompt = BROWSE_NO_PROMPT;
	if (!browse->line[0])
		return BROWSE_DRAW;
	return prompt == BROWSE_WRITE ? BROWSE_SAVE : BROWSE_JUMP;
}

static int press_prompt(struct browse *browse, uint32_t key)
{
	int r = 0;

	if (key == BROWSE_KEY_ENTER)
		return accept(browse);
	if (key == BROWSE_KEY_ESCAPE) {
		if (browse->prompt == BROWSE_FILTER)
			r = try_filter(browse, browse->filter_text);
		browse->prompt = BROWSE_NO_PROMPT;
		browse->prompt_error[0] = '\0';
		return r < 0 ? r : BROWSE_DRAW;
	}
	browse_line_edit(browse, key);
	browse->prompt_error[0] = '\0';
	if (browse->prompt == BROWSE_FILTER)
		r = try_filter(browse, browse->line);
	return r < 0 ? r : BROWSE_DRAW;
}

int browse_press(struct browse *browse, uint32_t key, uint64_t now_ns)
{
	browse->message[0] = '\0';
	browse->held_until_ns = now_ns + BROWSE_HOLD_NS;
	if (key == ('l' & 0x1f))
		return BROWSE_REPAINT;
	if (browse->prompt)
		return press_prompt(browse, key);
	if (browse->mode == BROWSE_SORT && key != 'q')
		return press_sort(browse, key);
	switch (key) {
	case 'q':
	case BROWSE_KEY_F10:
		if (browse->mode == BROWSE_LIST || key == BROWSE_KEY_F10)
			return BROWSE_QUIT;
		browse->mode = BROWSE_LIST;
		return BROWSE_DRAW;
	case 'h':
	case '?':
	case BROWSE_KEY_F1:
		open_text(browse, BROWSE_HELP);
		return BROWSE_DRAW;
	case 'p':
		browse->is_paused = !browse->is_paused;
		return BROWSE_PACE;
	case 'd':
		browse_line_begin(browse, BROWSE_INTERVAL);
		return BROWSE_DRAW;
	case 'w':
		browse_line_begin(browse, BROWSE_WRITE);
		return BROWSE_DRAW;
	default:
		break;
	}
	if (browse->mode != BROWSE_LIST)
		return press_text(browse, key);
	return press_move(browse, key) ? BROWSE_DRAW : press_list(browse, key);
}
