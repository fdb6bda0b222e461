// SPDX-License-Identifier: Apache-2.0
/*
 * What is on the screen in the middle of an outage belongs in the ticket: all figures of it, also
 * those that had no room.
 *
 * Invariant: a file that is there already is never written over.
 * Does not choose what is shown (screen/rows.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/format.h"
#include "sample_json.h"
#include "top.h"

/* The pools that have passed, in the order of the screen: rows of the sample, which owns them. */
static int choose_pools(const struct top *top, struct sample *ret_view)
{
	const struct browse *browse = &top->browse;
	struct rows_query query = {
		.group = ROWS_POOLS,
		.sort = browse->sort,
		.is_reversed = browse->is_reversed,
		.filter = browse->filter,
		.scope = browse->scope,
	};
	struct rows rows;
	int r = rows_make(top->sample, &query, NULL, &rows);

	if (r < 0)
		return r;
	*ret_view = *top->sample;
	ret_view->row_count = rows.count;
	ret_view->rows = calloc(rows.count ? rows.count : 1, sizeof(struct sample_row));
	for (uint32_t i = 0; ret_view->rows && i < rows.count; i++)
		ret_view->rows[i] = *rows.rows[i].pool;
	rows_clear(&rows);
	return ret_view->rows ? 0 : -ENOMEM;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t written = write(fd, text, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		length -= (size_t)written;
	}
	return 0;
}

/* Only what is new: a key that is pressed by mistake must not destroy a file. */
static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644), r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text, strlen(text));
	if (r == 0)
		r = write_all(fd, "\n", 1);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

void top_save(struct top *top, const char *path)
{
	struct sample view = {0};
	char shown[120], *text = NULL;
	int r = top->sample ? choose_pools(top, &view) : -ENODATA;

	if (r == 0) {
		text = sample_json_print(&view);
		r = text ? write_file(path, text) : -ENOMEM;
	}
	(void)format_safe(path, SIZE_MAX, shown, sizeof(shown));
	if (r < 0)
		(void)snprintf(top->browse.message, sizeof(top->browse.message),
			       "cannot write %s: %s", shown, strerror(-r));
	else
		(void)snprintf(top->browse.message, sizeof(top->browse.message),
			       "wrote %u pool%s to %s", view.row_count,
			       view.row_count == 1 ? "" : "s", shown);
	if (view.rows)
		free(view.rows);
	free(text);
}
