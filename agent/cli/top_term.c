// SPDX-License-Identifier: Apache-2.0
/*
 * ncurses knows every terminal and sends only what has changed, which is what counts on a slow
 * line.
 *
 * Invariant: whoever has opened the terminal leaves it as it was: on top_term_close(), and on a
 * signal that kills, from its handler, with what has been prepared for that. Draws nothing of its
 * own.
 */
#include "top_term.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#include "screen/browse.h"

#define ESCAPE_DELAY_MS 50 /* an Esc that is no beginning of a key */
#define MESSAGES_MAX 65536 /* bytes kept of what was written to stderr */

struct top_term {
	SCREEN *screen;
	bool has_colors;
	int messages_fd; /* stands for stderr; -1 = stderr is somewhere else anyway */
	int stderr_fd; /* what stderr was */
	struct sigaction old_actions[6];
};

/* --- when it is killed ------------------------------------------------------------------------ */

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};

/* A handler can reach nothing else. Written before the handlers are set, read by them alone. */
static struct {
	struct termios modes;
	char leave[128]; /* what the terminal has to be sent */
	size_t leave_length;
} rescue;

static void on_fatal(int number)
{
	ssize_t written = write(STDOUT_FILENO, rescue.leave, rescue.leave_length);

	(void)written; /* there is nobody left to tell */
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &rescue.modes);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void append_leave(const char *name)
{
	const char *text = tigetstr(name);
	size_t length;

	if (!text || (intptr_t)text == -1) /* what the library calls "no string" */
		return;
	length = strlen(text);
	if (rescue.leave_length + length > sizeof(rescue.leave))
		return;
	memcpy(rescue.leave + rescue.leave_length, text, length);
	rescue.leave_length += length;
}

static void prepare_rescue(struct top_term *term)
{
	struct sigaction action = {.sa_handler = on_fatal, .sa_flags = SA_RESETHAND};

	rescue.leave_length = 0;
	append_leave("sgr0");
	append_leave("rmkx");
	append_leave("cnorm");
	append_leave("rmcup");
	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++)
		(void)sigaction(fatal_signals[i], &action, &term->old_actions[i]);
}

/* --- stderr ----------------------------------------------------------------------------------- */

/* A line written in between would stand in the middle of the screen and be lost with it. */
static void hold_messages(struct top_term *term)
{
	term->messages_fd = -1;
	if (!isatty(STDERR_FILENO))
		return;
	term->stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	term->messages_fd = memfd_create("connleak-messages", MFD_CLOEXEC);
	if (term->stderr_fd < 0 || term->messages_fd < 0 ||
	    dup2(term->messages_fd, STDERR_FILENO) < 0) {
		(void)close(term->messages_fd);
		term->messages_fd = -1;
	}
}

static void tell_messages(struct top_term *term)
{
	static char text[MESSAGES_MAX];
	off_t size, from;
	ssize_t length, written = 0;

	if (term->messages_fd < 0)
		return;
	(void)dup2(term->stderr_fd, STDERR_FILENO);
	size = lseek(term->messages_fd, 0, SEEK_END);
	from = size > MESSAGES_MAX ? size - MESSAGES_MAX : 0;
	length = pread(term->messages_fd, text, sizeof(text), from);
	if (length > 0)
		written = write(STDERR_FILENO, text, (size_t)length);
	(void)written;
	(void)close(term->messages_fd);
	(void)close(term->stderr_fd);
}

/* --- opening and closing ---------------------------------------------------------------------- */

bool top_term_is_utf8(void)
{
	/* Only what characters are: numbers stay as they are. */
	(void)setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

const char *top_term_obstacle(void)
{
	const char *name = getenv("TERM"), *move;
	static char sentence[200];
	int error = 0;

	if (!name || !*name)
		return "TERM is not set";
	if (setupterm(name, STDOUT_FILENO, &error) != OK) {
		(void)snprintf(sentence, sizeof(sentence),
			       "nothing is known of a terminal of type TERM='%.60s'", name);
		for (char *c = sentence; *c; c++)
			if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
				*c = '?';
		return sentence;
	}
	move = tigetstr("cup");
	(void)del_curterm(cur_term);
	if (!move || (intptr_t)move == -1)
		return "the terminal cannot move its cursor (TERM is 'dumb' or alike)";
	return NULL;
}

static void set_colors(struct top_term *term)
{
	term->has_colors = has_colors() && !getenv("NO_COLOR") && start_color() == OK &&
			   use_default_colors() == OK;
	if (!term->has_colors)
		return;
	(void)init_pair(1, COLOR_GREEN, -1);
	(void)init_pair(2, COLOR_YELLOW, -1);
	(void)init_pair(3, COLOR_RED, -1);
	(void)init_pair(4, COLOR_CYAN, -1);
	(void)init_pair(5, COLOR_BLACK, COLOR_CYAN);
	(void)init_pair(6, COLOR_BLACK, COLOR_GREEN);
}

int top_term_open(struct top_term **ret_term)
{
	struct top_term *term = calloc(1, sizeof(*term));

	if (!term)
		return -ENOMEM;
	if (tcgetattr(STDIN_FILENO, &rescue.modes) < 0) {
		free(term);
		return -ENOTTY;
	}
	(void)set_escdelay(ESCAPE_DELAY_MS);
	term->screen = newterm(NULL, stdout, stdin);
	if (!term->screen) {
		free(term);
		return -ENOTTY;
	}
	prepare_rescue(term);
	hold_messages(term);
	(void)set_term(term->screen);
	set_colors(term);
	(void)cbreak();
	(void)noecho();
	(void)nonl();
	(void)intrflush(stdscr, FALSE);
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)curs_set(0);
	*ret_term = term;
	return 0;
}

void top_term_close(struct top_term *term)
{
	if (!term)
		return;
	(void)endwin();
	for (size_t i = 0; i < sizeof(fatal_signals) / sizeof(fatal_signals[0]); i++)
		(void)sigaction(fatal_signals[i], &term->old_actions[i], NULL);
	delscreen(term->screen);
	tell_messages(term);
	free(term);
}

/* --- drawing ---------------------------------------------------------------------------------- */

void top_term_size(const struct top_term *term, uint32_t *ret_width, uint32_t *ret_height)
{
	int height, width;

	(void)term;
	getmaxyx(stdscr, height, width);
	*ret_width = width > 0 ? (uint32_t)width : 1;
	*ret_height = height > 0 ? (uint32_t)height : 1;
}

void top_term_resize(struct top_term *term)
{
	struct winsize size;

	(void)term;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row || !size.ws_col)
		return;
	(void)resizeterm(size.ws_row, size.ws_col);
	(void)clearok(stdscr, TRUE);
}

/* Every meaning has a look of its own without colour, too. */
static attr_t look_of(const struct top_term *term, const struct grid_cell *cell)
{
	static const attr_t mono[GRID_STYLE_COUNT] = {
		[GRID_BOLD] = A_BOLD,	 [GRID_DIM] = A_DIM,
		[GRID_HEAD] = A_REVERSE, [GRID_KEY] = A_BOLD,
		[GRID_LABEL] = A_NORMAL, [GRID_SUSPECT] = A_NORMAL,
		[GRID_WARNING] = A_BOLD, [GRID_CRITICAL] = A_BOLD | A_UNDERLINE,
	};
	static const attr_t attributes[GRID_STYLE_COUNT] = {
		[GRID_BOLD] = A_BOLD,	 [GRID_DIM] = A_DIM,	   [GRID_KEY] = A_BOLD,
		[GRID_WARNING] = A_BOLD, [GRID_CRITICAL] = A_BOLD,
	};
	static const short pairs[GRID_STYLE_COUNT] = {
		[GRID_HEAD] = 6,    [GRID_LABEL] = 5,	[GRID_GOOD] = 1,
		[GRID_SUSPECT] = 4, [GRID_WARNING] = 2, [GRID_CRITICAL] = 3,
	};

	if (cell->is_selected)
		return A_REVERSE;
	if (!term->has_colors)
		return mono[cell->style];
	return attributes[cell->style] | (attr_t)COLOR_PAIR(pairs[cell->style]);
}

static void show_line(struct top_term *term, const struct grid *grid, uint32_t y)
{
	const struct grid_cell *line = &grid->cells[(size_t)y * grid->width];
	char text[512];
	uint32_t x = 0;

	while (x < grid->width) {
		attr_t look = look_of(term, &line[x]);
		uint32_t begin = x;
		size_t length = 0;

		while (x < grid->width && length < sizeof(text) - 8 &&
		       look_of(term, &line[x]) == look) {
			size_t step = strlen(line[x].text);

			memcpy(text + length, line[x].text, step);
			length += step;
			x++;
		}
		(void)attrset(look);
		/* The last cell of the screen is drawn, and reported as an error. */
		(void)mvaddnstr((int)y, (int)begin, text, (int)length);
	}
}

void top_term_show(struct top_term *term, const struct grid *grid, bool anew)
{
	int height, width;

	getmaxyx(stdscr, height, width);
	(void)width;
	if (anew)
		(void)clearok(curscr, TRUE);
	(void)erase();
	for (uint32_t y = 0; y < grid->height && (int)y < height; y++)
		show_line(term, grid, y);
	(void)refresh();
}

/* --- keys ------------------------------------------------------------------------------------- */

static uint32_t special_key(wint_t key)
{
	static const struct {
		wint_t theirs;
		uint32_t ours;
	} keys[] = {
		{KEY_UP, BROWSE_KEY_UP},	 {KEY_DOWN, BROWSE_KEY_DOWN},
		{KEY_LEFT, BROWSE_KEY_LEFT},	 {KEY_RIGHT, BROWSE_KEY_RIGHT},
		{KEY_PPAGE, BROWSE_KEY_PAGE_UP}, {KEY_NPAGE, BROWSE_KEY_PAGE_DOWN},
		{KEY_HOME, BROWSE_KEY_HOME},	 {KEY_END, BROWSE_KEY_END},
		{KEY_ENTER, BROWSE_KEY_ENTER},	 {KEY_BACKSPACE, BROWSE_KEY_BACKSPACE},
		{KEY_BTAB, BROWSE_KEY_BACKTAB},	 {KEY_DC, BROWSE_KEY_BACKSPACE},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].theirs == key)
			return keys[i].ours;
	if (key >= KEY_F(1) && key <= KEY_F(10))
		return BROWSE_KEY_F1 + (uint32_t)(key - KEY_F(1));
	return 0;
}

static uint32_t plain_key(wint_t key)
{
	switch (key) {
	case '\r':
	case '\n':
		return BROWSE_KEY_ENTER;
	case '\t':
		return BROWSE_KEY_TAB;
	case 0x1b:
		return BROWSE_KEY_ESCAPE;
	case 0x7f:
	case 0x08:
		return BROWSE_KEY_BACKSPACE;
	default:
		return (uint32_t)key;
	}
}

bool top_term_key(struct top_term *term, uint32_t *ret_key)
{
	wint_t key;
	int kind;

	(void)term;
	while ((kind = get_wch(&key)) != ERR) {
		*ret_key = kind == KEY_CODE_YES ? special_key(key) : plain_key(key);
		if (*ret_key)
			return true;
	}
	return false;
}
