// SPDX-License-Identifier: Apache-2.0
/* The files of a process are read again when they are other ones, and only then. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/image.h"

static void image_refresh_keeps_files_that_have_not_changed(void **state)
{
	int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct client_id self = {.pid = (uint32_t)getpid()};
	struct image *image;
	uint32_t generation;
	void *code, *more;
	Dwfl *dwfl;

	(void)state;
	assert_int_equal(image_open(proc_fd, self, &image), 0);
	generation = image_generation(image);
	dwfl = image_dwfl(image);
	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(code, MAP_FAILED);
	assert_int_equal(image_refresh(image), 0);
	assert_int_equal(image_generation(image), generation);
	assert_ptr_equal(image_dwfl(image), dwfl);
	more = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, exe_fd, 0);
	assert_ptr_not_equal(more, MAP_FAILED);
	assert_int_equal(image_refresh(image), 0);
	assert_int_not_equal(image_generation(image), generation);
	assert_int_equal(munmap(more, 4096), 0);
	assert_int_equal(munmap(code, 4096), 0);
	image_free(image);
	close(exe_fd);
	close(proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_refresh_keeps_files_that_have_not_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
