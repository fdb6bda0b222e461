// SPDX-License-Identifier: Apache-2.0
/*
 * A file that is replaced whole, in directories that do not want it.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/keep_file.h"

struct place {
	char path[64];
	int fd;
};

static int make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->path, "/tmp/connleak-keep-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->fd >= 0);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	char command[128];

	close(place->fd);
	snprintf(command, sizeof(command), "rm -rf %s", place->path);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static void assert_content(struct place *place, const char *name, const char *expected)
{
	char *bytes;
	size_t length;

	assert_int_equal(keep_file_read(place->fd, name, 100, &bytes, &length), 0);
	assert_int_equal(length, strlen(expected));
	assert_string_equal(bytes, expected);
	free(bytes);
}

static void keep_file_write_replaces_the_whole(void **state)
{
	struct place *place = *state;
	struct stat status;

	assert_int_equal(keep_file_write(place->fd, "f", "one, and long", 13), 0);
	assert_content(place, "f", "one, and long");
	assert_int_equal(keep_file_write(place->fd, "f", "two", 3), 0);
	assert_content(place, "f", "two");
	assert_int_equal(fstatat(place->fd, "f", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(fstatat(place->fd, "f.new", &status, 0), -1);
}

static void keep_file_write_follows_no_link_that_somebody_has_laid(void **state)
{
	struct place *place = *state;

	assert_int_equal(keep_file_write(place->fd, "victim", "mine", 4), 0);
	assert_int_equal(symlinkat("victim", place->fd, "f.new"), 0);
	assert_int_equal(symlinkat("victim", place->fd, "f"), 0);
	assert_int_equal(keep_file_write(place->fd, "f", "new", 3), 0);
	assert_content(place, "victim", "mine");
	assert_content(place, "f", "new");
}

static void keep_file_read_what_is_no_plain_file_is_refused(void **state)
{
	struct place *place = *state;
	char *bytes;
	size_t length;

	assert_int_equal(keep_file_read(place->fd, "f", 9, &bytes, &length), -ENOENT);
	assert_int_equal(mkfifoat(place->fd, "fifo", 0600), 0);
	assert_int_equal(keep_file_read(place->fd, "fifo", 9, &bytes, &length), -EINVAL);
	assert_int_equal(symlinkat("fifo", place->fd, "link"), 0);
	assert_int_equal(keep_file_read(place->fd, "link", 9, &bytes, &length), -ELOOP);
	assert_int_equal(mkdirat(place->fd, "directory", 0700), 0);
	assert_int_equal(keep_file_read(place->fd, "directory", 9, &bytes, &length), -EINVAL);
	assert_int_equal(keep_file_write(place->fd, "f", "0123456789", 10), 0);
	assert_int_equal(keep_file_read(place->fd, "f", 9, &bytes, &length), -EFBIG);
}

static void keep_file_set_aside_keeps_it_under_another_name(void **state)
{
	struct place *place = *state;

	assert_int_equal(keep_file_set_aside(place->fd, "f"), -ENOENT);
	assert_int_equal(keep_file_write(place->fd, "f", "one", 3), 0);
	assert_int_equal(keep_file_set_aside(place->fd, "f"), 0);
	assert_content(place, "f.bad", "one");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
	const struct CMUnitTest tests[] = {
		TEST(keep_file_write_replaces_the_whole),
		TEST(keep_file_write_follows_no_link_that_somebody_has_laid),
		TEST(keep_file_read_what_is_no_plain_file_is_refused),
		TEST(keep_file_set_aside_keeps_it_under_another_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
