// SPDX-License-Identifier: Apache-2.0
/* Work of a process of its own: its result is told once, and work that hangs holds up nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/aside.h"

#define LONG_MS 30000

struct place {
	char path[32];
	int fd; /* of the directory */
};

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	strcpy(place->path, "/tmp/test-aside-XXXXXX");
	if (!mkdtemp(place->path))
		return -1;
	place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = place;
	return place->fd < 0 || mkfifoat(place->fd, "gate", 0600) < 0 ||
	       mkfifoat(place->fd, "begun", 0600) < 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	(void)unlinkat(place->fd, "gate", 0);
	(void)unlinkat(place->fd, "begun", 0);
	(void)unlinkat(place->fd, "file", 0);
	close(place->fd);
	rmdir(place->path);
	free(place);
	return 0;
}

static int make_file(void *userdata)
{
	struct place *place = userdata;
	int fd = openat(place->fd, "file", O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd < 0 ? -errno : 0;
}

/* As a disk does that does not answer. */
static int hang(void *userdata)
{
	struct place *place = userdata;

	return openat(place->fd, "gate", O_RDONLY) < 0 ? -errno : 0;
}

static void let_through(const struct place *place)
{
	int fd;

	do {
		fd = openat(place->fd, "gate", O_WRONLY | O_NONBLOCK); /* ENXIO: not there yet */
	} while (fd < 0 && errno == ENXIO);
	assert_true(fd >= 0);
	close(fd);
}

static void begin_work_is_done_and_its_result_told_once(void **state)
{
	struct place *place = *state;
	struct aside aside = {0};
	int r = 1;

	assert_int_equal(aside_begin(&aside, place->fd, make_file, place), 0);
	assert_true(aside_wait(&aside, LONG_MS, &r));
	assert_int_equal(r, 0);
	assert_false(aside_is_busy(&aside));
	assert_false(aside_is_done(&aside, &r));
	assert_int_equal(faccessat(place->fd, "file", F_OK, 0), 0);
	/* Again: now it is there. */
	assert_int_equal(aside_begin(&aside, place->fd, make_file, place), 0);
	assert_true(aside_wait(&aside, LONG_MS, &r));
	assert_int_equal(r, -EEXIST);
}

static void begin_work_that_hangs_holds_up_nobody(void **state)
{
	struct place *place = *state;
	struct aside aside = {0};
	int r = 1;

	assert_int_equal(aside_begin(&aside, place->fd, hang, place), 0);
	assert_false(aside_is_done(&aside, &r));
	assert_false(aside_wait(&aside, 20, &r));
	assert_true(aside_is_busy(&aside));
	assert_int_equal(aside_begin(&aside, place->fd, make_file, place), -EBUSY);
	let_through(place);
	assert_true(aside_wait(&aside, LONG_MS, &r));
	assert_int_equal(r, 0);
}

static void abandon_ends_it(void **state)
{
	struct place *place = *state;
	struct aside aside = {0};
	pid_t pid;

	assert_int_equal(aside_begin(&aside, place->fd, hang, place), 0);
	pid = aside.pid;
	aside_abandon(&aside);
	assert_false(aside_is_busy(&aside));
	/* Unless it has been reaped already. */
	assert_true(waitpid(pid, NULL, 0) == pid || errno == ECHILD);
	aside_abandon(&aside);
}

static void killed_work_is_no_success(void **state)
{
	struct place *place = *state;
	struct aside aside = {0};
	int r = 0;

	assert_int_equal(aside_begin(&aside, place->fd, hang, place), 0);
	assert_int_equal(kill(aside.pid, SIGKILL), 0);
	assert_true(aside_wait(&aside, LONG_MS, &r));
	assert_int_equal(r, -ECHILD);
}

static int tell_and_hang(void *userdata)
{
	struct place *place = userdata;

	return openat(place->fd, "begun", O_WRONLY) < 0 ? -errno : hang(place);
}

/* Whoever comes after an agent that was killed is not to be told that it is still there. */
static void locks_end_with_us_and_not_with_what_hangs(void **state)
{
	struct place *place = *state;
	struct aside aside = {0};
	int fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), begun, r = 1;

	assert_int_equal(flock(place->fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(aside_begin(&aside, place->fd, tell_and_hang, place), 0);
	begun = openat(place->fd, "begun", O_RDONLY); /* waits for that */
	assert_true(begun >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	close(place->fd);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_false(aside_is_done(&aside, &r));
	place->fd = fd;
	let_through(place);
	assert_true(aside_wait(&aside, LONG_MS, &r));
	assert_int_equal(r, 0);
	close(begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(begin_work_is_done_and_its_result_told_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(begin_work_that_hangs_holds_up_nobody, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(abandon_ends_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed_work_is_no_success, set_up, tear_down),
		cmocka_unit_test_setup_teardown(locks_end_with_us_and_not_with_what_hangs, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
