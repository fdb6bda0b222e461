// SPDX-License-Identifier: Apache-2.0
/*
 * Typing at a prompt: at the end of the line only, as there is one line and it is short.
 *
 * Invariant: the line is valid UTF-8, whatever keys come.
 */
#include "browse_line.h"

#include <stdio.h>
#include <string.h>

void browse_line_begin(struct browse *browse, enum browse_prompt prompt)
{
	browse->prompt = prompt;
	browse->prompt_error[0] = '\0';
	browse->line[0] = '\0';
	if (prompt == BROWSE_FILTER)
		(void)snprintf(browse->line, sizeof(browse->line), "%s", browse->filter_text);
	if (prompt == BROWSE_INTERVAL)
		(void)snprintf(browse->line, sizeof(browse->line), "%.3g",
			       (double)browse->interval_ns / NS_PER_SEC);
	if (prompt == BROWSE_WRITE)
		(void)snprintf(browse->line, sizeof(browse->line), "connleak-top.json");
}

static void drop_char(char *line)
{
	size_t length = strlen(line);

	while (length > 0 && ((unsigned char)line[length - 1] & 0xc0) == 0x80)
		length--;
	if (length > 0)
		length--;
	line[length] = '\0';
}

static void drop_word(char *line)
{
	size_t length = strlen(line);

	while (length > 0 && line[length - 1] == ' ')
		length--;
	while (length > 0 && line[length - 1] != ' ')
		length--;
	line[length] = '\0';
}

/* Printable characters: no control ones, no halves of UTF-16. */
static size_t encode(uint32_t code, char bytes[static 5])
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	memset(bytes, 0, 5);
	if (code < 0x80) {
		bytes[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		bytes[0] = (char)(0xc0 | code >> 6);
		bytes[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		bytes[0] = (char)(0xe0 | code >> 12);
		bytes[1] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	bytes[0] = (char)(0xf0 | code >> 18);
	bytes[1] = (char)(0x80 | (code >> 12 & 0x3f));
	bytes[2] = (char)(0x80 | (code >> 6 & 0x3f));
	bytes[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

void browse_line_edit(struct browse *browse, uint32_t key)
{
	size_t length = strlen(browse->line), more;
	char bytes[5];

	if (key == BROWSE_KEY_BACKSPACE)
		drop_char(browse->line);
	if (key == ('u' & 0x1f))
		browse->line[0] = '\0';
	if (key == ('w' & 0x1f))
		drop_word(browse->line);
	more = encode(key, bytes);
	if (more && length + more < sizeof(browse->line))
		memcpy(browse->line + length, bytes, more + 1);
}
