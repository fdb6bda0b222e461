/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The columns of the screen of pools: which of them a width has room for, and what stands in them.
 */
#ifndef CONNLEAK_SCREEN_COLUMNS_H
#define CONNLEAK_SCREEN_COLUMNS_H

#include "grid.h"
#include "rows.h"

#define COLUMNS_MAX 20
#define COLUMNS_TEXT_SIZE 400 /* the longest cell, with its NUL */

/* When and how lines are drawn. */
struct columns_scene {
	uint64_t now_ns;
	int64_t realtime_at_zero_ns; /* as sample.h */
	enum rows_group group;
	enum rows_sort sort; /* its column is marked */
	bool utf8;
};

struct columns_place {
	unsigned int column;
	uint32_t width;
};

struct columns_layout {
	struct columns_place places[COLUMNS_MAX]; /* from left to right, one blank between them */
	uint32_t count;
};

/*
 * What fits in width columns, the most telling ones first. offset > 0: as many columns behind the
 * first ones are scrolled away, and the others follow in their order, as many as there is room for.
 */
void columns_fit(const struct columns_scene *scene, uint32_t width, uint32_t offset,
		 struct columns_layout *ret_layout);

/* All columns, as wide as what stands in them, for text that nobody scrolls. */
void columns_fit_content(const struct columns_scene *scene, const struct rows *rows,
			 struct columns_layout *ret_layout);
uint32_t columns_width(const struct columns_layout *layout);

/* Titles, and one line, at line y of the grid. */
void columns_draw_titles(const struct columns_scene *scene, const struct columns_layout *layout,
			 struct grid *grid, uint32_t y);
void columns_draw_row(const struct columns_scene *scene, const struct columns_layout *layout,
		      const struct row *row, struct grid *grid, uint32_t y);

/* "leak: 12 since 14:02, full in 39 min (25 min - 2 h)", shorter where width is; "-" = none. */
const char *columns_verdict_text(const struct columns_scene *scene, const struct sample_row *pool,
				 uint32_t width, char *buffer, size_t size);

/* The style that a pool's verdict has: of the worst that is held against it. */
enum grid_style columns_severity_style(const struct sample_row *pool);

/* "10.0.3.7:5432" or "orders-db"; "12", "4.5k"; "0.5", "12", "1.2k", "-". Each returns buffer. */
const char *columns_endpoint_text(const struct sample_row *pool, char *buffer, size_t size);
const char *columns_count_text(uint64_t count, char *buffer, size_t size);
const char *columns_rate_text(double rate, char *buffer, size_t size);

#endif
