// SPDX-License-Identifier: Apache-2.0
/*
 * Every key on one page, and what the screen's words mean. The man page says the same at length.
 */
#include "screen_text.h"

#include "filter.h"

static const char *const keys[] = {
	"Up Down j k PgUp PgDn  move; for 15 s after a key no line changes its place",
	"Home End g G           first and last line",
	"Left Right             other columns, where there is no room for all",
	"Enter                  one pool in detail; of a group: its pools",
	"Esc                    back; off the line; then: without the filter",
	"Tab Shift-Tab          group by process, workload, endpoint, site, or not",
	"s F6                   sort by another column;  r I  the other way round",
	"/ F4                   filter (see below)",
	"p                      pause, and go on",
	"d                      seconds between two looks",
	"w                      write what is shown into a file, as JSON",
	"h ? F1                 this help",
	"Ctrl-L                 draw the screen anew",
	"q F10                  quit; q in one pool or in this help: back",
};

static const char *const replay_keys[] = {
	"+ -                    twice, half as fast",
	"[ ]  { }               a minute, ten minutes back and on",
	"t                      go to 14:02, 14:02:30, t=830, +5m, -30s or 50%",
};

static const char *const words[] = {
	"SEV         CRIT WARN info: a verdict stands; susp: suspected; gone: ended",
	"OPEN/LIMIT  open connections; of the server's limit, or ~ a learned ceiling",
	"BUSY        an answer of the database is owed to them",
	"IDLE        silent, but no longer than is normal in this pool",
	"STALE       much longer than is normal in this pool: leaked, or not needed",
	"COURSE      how many were open over the last five minutes",
	"VERDICT     what is held against the pool, how many connections it names,",
	"            since when, and when the limit is reached (at best and at worst)",
};

static const char *const examples[] = {
	"orders            in any name           !batch          not in any name",
	"pod:orders-7d     in the pod's name     db:mysql|redis  one of them",
	"stale>5 fill>=80  < <= = != >= >        left<30m        full in half an hour",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void add_all(struct screen_page *page, const char *title, const char *const *lines,
		    size_t count)
{
	screen_add_line(page, GRID_BOLD, title);
	for (size_t i = 0; i < count; i++)
		screen_add(page, GRID_PLAIN, "  %s", lines[i]);
}

void screen_draw_help(struct screen_page *page, bool is_replay)
{
	add_all(page, "Keys", keys, COUNT_OF(keys));
	if (is_replay)
		add_all(page, "Keys of a replay", replay_keys, COUNT_OF(replay_keys));
	screen_add_line(page, GRID_PLAIN, "");
	add_all(page, "Columns", words, COUNT_OF(words));
	screen_add_line(page, GRID_PLAIN, "");
	add_all(page, "Filter: words, all of which must hold", examples, COUNT_OF(examples));
	screen_add_wrapped(page, GRID_PLAIN, 11, "  Names:   " FILTER_NAMES);
	screen_add_wrapped(page, GRID_PLAIN, 11, "  Figures: " FILTER_FIGURES);
}
