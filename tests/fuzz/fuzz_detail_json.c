/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an agent's explanation of a process. Whatever is taken has to be drawable: at a
 * small size, with no more lines than the grid has.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/detail_json.h"
#include "core/format.h"
#include "screen/screen_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void draw(const struct sample_row *row, const struct detail *detail)
{
	struct columns_scene scene = {.now_ns = NS_PER_SEC, .utf8 = true};
	struct screen_page page = {.lines = 20};
	struct grid grid;
	char *text;

	require(!grid_init(&grid, 60, 20, true), "memory");
	page.grid = &grid;
	screen_draw_detail(&page, &scene, row, detail);
	text = grid_render(&grid);
	require(text != NULL, "memory");
	for (const char *c = text; *c; c++)
		require((uint8_t)*c >= 0x20 || *c == '\n', "no control character is drawn");
	free(text);
	grid_clear(&grid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sample_row row = {.client = {.pid = 4711}, .comm = "orders-api"};
	struct detail *detail = NULL;
	char error[200];

	require(!parse_netaddr("10.0.3.7:5432", &row.remote), "an address");
	if (detail_json_decode((const char *)data, size, &row, &detail, error, sizeof(error)))
		return 0;
	for (uint32_t i = 0; i < detail->conn_count; i++)
		require(!detail->conns[i].site || format_is_safe(detail->conns[i].site),
			"sites are printable");
	draw(&row, detail);
	detail_free(detail);
	return 0;
}
