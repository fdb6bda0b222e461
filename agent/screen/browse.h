/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person does with the screen: where the cursor is, how the lines are grouped, sorted and
 * chosen, what is being typed. Keys come in, what has to be done outside comes out.
 */
#ifndef CONNLEAK_SCREEN_BROWSE_H
#define CONNLEAK_SCREEN_BROWSE_H

#include "rows.h"

/* Keys: a character is its code point, these are beyond all of them. */
enum browse_key {
	BROWSE_KEY_UP = 0x110000,
	BROWSE_KEY_DOWN,
	BROWSE_KEY_LEFT,
	BROWSE_KEY_RIGHT,
	BROWSE_KEY_PAGE_UP,
	BROWSE_KEY_PAGE_DOWN,
	BROWSE_KEY_HOME,
	BROWSE_KEY_END,
	BROWSE_KEY_ENTER,
	BROWSE_KEY_ESCAPE,
	BROWSE_KEY_BACKSPACE,
	BROWSE_KEY_TAB,
	BROWSE_KEY_BACKTAB,
	BROWSE_KEY_F1, /* and on, without a gap */
	BROWSE_KEY_F10 = BROWSE_KEY_F1 + 9,
};

enum browse_mode { BROWSE_LIST, BROWSE_DETAIL, BROWSE_HELP, BROWSE_SORT };

enum browse_prompt {
	BROWSE_NO_PROMPT,
	BROWSE_FILTER,
	BROWSE_INTERVAL,
	BROWSE_WRITE,
	BROWSE_SEEK,
};

/* What a key asks for beyond a new picture. */
enum browse_action {
	BROWSE_DRAW, /* nothing beyond it */
	BROWSE_QUIT,
	BROWSE_REPAINT, /* the terminal shows something else than was drawn */
	BROWSE_SAMPLE, /* a new sample at once: the pool in detail, or the interval, has changed */
	BROWSE_SAVE, /* the view, as JSON, into the file in line */
	BROWSE_JUMP, /* replay: to the moment in line */
	BROWSE_PACE, /* replay: speed has changed */
};

/* How long the order of the lines is left alone after a key. */
#define BROWSE_HOLD_NS (15 * NS_PER_SEC)
#define BROWSE_LINE_SIZE 512
#define BROWSE_SPEED_MIN (1.0 / 16)
#define BROWSE_SPEED_MAX 4096.0
#define BROWSE_INTERVAL_MIN_NS (100 * NS_PER_MS)
#define BROWSE_INTERVAL_MAX_NS (3600 * NS_PER_SEC)

struct browse {
	const struct sample *sample; /* borrowed: NULL = none yet */
	struct rows rows; /* of the sample; owned */
	enum browse_mode mode;
	enum rows_group group;
	enum rows_sort sort;
	bool is_reversed;
	struct filter *filter; /* owned; NULL = none */
	char filter_text[BROWSE_LINE_SIZE]; /* what it was made from */
	struct rows_scope scope;
	char scope_name[128]; /* "process orders-api[4711]" */
	uint64_t selected_key; /* 0 = no cursor: the screen stays at the worst */
	uint32_t first; /* the line of rows at the top of the screen */
	uint32_t page; /* lines that the screen has for rows; its drawer sets it */
	uint32_t column_offset; /* columns that are scrolled away */
	uint64_t held_until_ns; /* order is left alone */
	struct sample_row subject; /* BROWSE_DETAIL: whose pool; only what identifies it */
	uint32_t text_first; /* BROWSE_DETAIL, BROWSE_HELP: lines scrolled away */
	uint32_t text_count; /* how many there are; the drawer sets it */
	enum rows_sort sort_choice; /* BROWSE_SORT: under the cursor */
	enum browse_prompt prompt;
	char line[BROWSE_LINE_SIZE]; /* what has been typed */
	char prompt_error[256]; /* what is wrong with it; "" = nothing */
	char message[256]; /* of the last action; "" = none */
	bool is_paused;
	uint64_t interval_ns;
	bool is_replay;
	double speed; /* replay: seconds of the recording in one */
};

/* The list, worst first, with nothing chosen; interval_ns is what it shows as such. */
void browse_init(struct browse *browse, uint64_t interval_ns, bool is_replay);
void browse_clear(struct browse *browse); /* frees what it owns */

/*
 * A new sample to show; it has to live until the next one. now_ns: of any clock that does not go
 * back, the same as for keys. Returns 0 or -ENOMEM.
 */
int browse_show(struct browse *browse, const struct sample *sample, uint64_t now_ns);

/* The sample is about to be freed: until browse_show() only the order of its lines is known. */
void browse_forget(struct browse *browse);

/* A key. Returns an enum browse_action or -ENOMEM. */
int browse_press(struct browse *browse, uint32_t key, uint64_t now_ns);

/* The line under the cursor; where there is none, the first on the screen; NULL = no lines. */
const struct row *browse_current(const struct browse *browse);

/* Whether the order is left alone now. */
bool browse_is_held(const struct browse *browse, uint64_t now_ns);

/* The pool that is shown in detail, in the sample; NULL = gone from it. */
const struct sample_row *browse_subject(const struct browse *browse);

#endif
