// SPDX-License-Identifier: Apache-2.0
/*
 * Any keys on the screen, at any size: what is drawn stays in its place, and nothing that is typed
 * can move a cursor. The first two bytes are the size; one of 0x80 and more is a key that is no
 * character.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen/screen.h"

#define ROWS 5
#define KEYS_MAX 256

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sample *samples[2];

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* Pools of three processes to two servers; the second sample has one less. */
static struct sample *make_sample(uint32_t row_count)
{
	static const char *const names[] = {"orders-api", "billing", "caf\xc3\xa9"};
	struct sample *sample = sample_new();

	require(sample && !sample_reserve(sample, row_count), "memory");
	sample->now_ns = 900 * NS_PER_SEC;
	for (uint32_t i = 0; i < row_count; i++) {
		struct sample_row *row = sample_add_row(sample);

		require(row && !sample_copy_safe(sample, names[i % 3], &row->comm), "memory");
		row->client.pid = 7 + i % 3;
		row->remote.port = (uint16_t)(5432 + i % 2);
		row->open_count = 10 + i;
		row->limit = i % 2 ? 20 : 0;
		row->exited = i == 4;
	}
	return sample;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	samples[0] = make_sample(ROWS);
	samples[1] = make_sample(ROWS - 1);
	return 0;
}

static uint32_t key_of(uint8_t byte)
{
	uint32_t special = byte - 0x80U;

	if (byte < 0x80)
		return byte;
	if (special < BROWSE_KEY_F10 - BROWSE_KEY_UP + 1)
		return BROWSE_KEY_UP + special;
	return special * 0x2345; /* any other character */
}

static void draw(struct browse *browse, uint32_t width, uint32_t height)
{
	struct screen_facts facts = {.source = "own probes"};
	struct grid grid;
	char *text;
	uint32_t lines = 0;

	require(!grid_init(&grid, width, height, width % 2), "memory");
	screen_draw(browse, &facts, &grid);
	text = grid_render(&grid);
	require(text != NULL, "memory");
	for (const char *at = text; *at; at++) {
		require(*at == '\n' || (uint8_t)*at >= 0x20, "a line is text");
		lines += *at == '\n';
	}
	require(lines == grid.height, "as many lines as the screen has");
	free(text);
	grid_clear(&grid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct browse browse;
	uint64_t now_ns = 0;
	int action = BROWSE_DRAW;

	if (size < 2 || size > KEYS_MAX)
		return 0;
	browse_init(&browse, NS_PER_SEC, data[0] % 3 == 0);
	for (size_t i = 2; i < size && action != BROWSE_QUIT; i++) {
		if (i % 4 == 2)
			require(!browse_show(&browse, samples[i / 4 % 2], now_ns), "memory");
		now_ns += data[i] * 100 * NS_PER_MS;
		action = browse_press(&browse, key_of(data[i]), now_ns);
		require(action >= 0 && action <= BROWSE_PACE, "an action");
		require(memchr(browse.line, '\0', sizeof(browse.line)) != NULL, "a line ends");
		if (i % 8 == 7)
			draw(&browse, data[0] % 160, data[1] % 60);
	}
	draw(&browse, data[0] % 160, data[1] % 60);
	browse_clear(&browse);
	return 0;
}
