// SPDX-License-Identifier: Apache-2.0
/*
 * A config file and its drop-ins: the order of names, the last value, and every problem by place.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/config_set.h"

struct place {
	char directory[64], file[128], drop_ins[128];
	char problems[4096]; /* a line each, without the directory */
	struct config_set set;
	struct options options;
};

static void note(void *userdata, const char *problem)
{
	struct place *place = userdata;
	size_t used = strlen(place->problems);

	assert_null(strchr(problem, '\n'));
	assert_memory_equal(problem, place->directory, strlen(place->directory));
	snprintf(place->problems + used, sizeof(place->problems) - used, "%s\n",
		 problem + strlen(place->directory) + 1);
}

static int make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	strcpy(place->directory, "/tmp/connleak-config-XXXXXX");
	assert_non_null(mkdtemp(place->directory));
	snprintf(place->file, sizeof(place->file), "%s/c", place->directory);
	snprintf(place->drop_ins, sizeof(place->drop_ins), "%s/c.d", place->directory);
	assert_int_equal(mkdir(place->drop_ins, 0700), 0);
	assert_int_equal(options_init(&place->options), 0);
	*state = place;
	return 0;
}

static int remove_place(void **state)
{
	struct place *place = *state;
	char command[128];

	config_set_clear(&place->set);
	options_free(&place->options);
	snprintf(command, sizeof(command), "rm -rf %s", place->directory);
	assert_int_equal(system(command), 0);
	free(place);
	return 0;
}

static void write_file(const struct place *place, const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", place->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int load(struct place *place, bool may_be_missing)
{
	return config_set_load(place->file, may_be_missing, note, place, &place->set);
}

static int apply(struct place *place)
{
	return config_set_apply(&place->set, &place->options, NULL, NULL, note, place);
}

static void config_set_load_drop_ins_override_in_order_of_names(void **state)
{
	struct place *place = *state;

	write_file(place, "c", "interval = 2\ncomm = a\n");
	write_file(place, "c.d/20.conf", "interval = 20\ncomm = c\n");
	write_file(place, "c.d/10.conf", "interval = 10\n[detector]\nT0 = 7\n");
	write_file(place, "c.d/.30.conf", "not read\n");
	write_file(place, "c.d/40.conf~", "not read\n");
	write_file(place, "c.d/.conf", "not read\n");
	assert_int_equal(load(place, false), 0);
	assert_int_equal(place->set.file_count, 3);
	assert_int_equal(apply(place), 0);
	assert_int_equal(place->options.interval_ns, 20 * NS_PER_SEC);
	assert_int_equal(place->options.comm_count, 2);
	assert_string_equal(place->options.comms[1], "c");
	assert_int_equal(place->options.settings.t0_ns, 7 * NS_PER_SEC);
	assert_string_equal(place->problems, "");
}

static void config_set_load_missing_file_needs_permission(void **state)
{
	struct place *place = *state;

	write_file(place, "c.d/a.conf", "interval = 3\n");
	assert_int_equal(load(place, true), 0);
	assert_int_equal(place->set.file_count, 1);
	config_set_clear(&place->set);
	assert_int_equal(load(place, false), -EINVAL);
	assert_string_equal(place->problems, "c: No such file or directory\n");
}

static void config_set_load_nothing_there_is_nothing_wrong(void **state)
{
	struct place *place = *state;

	assert_int_equal(rmdir(place->drop_ins), 0);
	assert_int_equal(load(place, true), 0);
	assert_int_equal(place->set.file_count, 0);
	assert_int_equal(apply(place), 0);
}

static void config_set_every_problem_is_told(void **state)
{
	struct place *place = *state;

	write_file(place, "c", "prot = 1\ninterval = never\nport = 1\nnonsense\n");
	write_file(place, "c.d/x.conf", "[detector]\nT0 = x\nTT = 1\n");
	assert_int_equal(load(place, false), -EINVAL);
	assert_int_equal(apply(place), -EINVAL);
	assert_non_null(strstr(place->problems, "c:1: unknown key 'prot' (did you mean 'port'?)"));
	assert_non_null(strstr(place->problems, "\nc:4: not KEY = VALUE: 'nonsense'\n"));
	assert_non_null(strstr(place->problems, "\nc:2: interval 'never': "));
	assert_non_null(strstr(place->problems, "\nc.d/x.conf:2: "));
	assert_non_null(strstr(place->problems, "\nc.d/x.conf:3: "));
	assert_true(dbkind_is_watched(place->options.databases, 1));
	assert_false(dbkind_is_watched(place->options.databases, 5432));
}

static void config_set_load_what_is_no_file_is_told(void **state)
{
	struct place *place = *state;
	char path[300];

	write_file(place, "c", "");
	snprintf(path, sizeof(path), "%s/dir.conf", place->drop_ins);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/fifo.conf", place->drop_ins);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load(place, false), -EINVAL);
	assert_string_equal(place->problems, "c.d/dir.conf: Is a directory\n"
					     "c.d/fifo.conf: not a regular file\n");
}

static void config_set_load_drop_ins_are_bounded(void **state)
{
	struct place *place = *state;
	char name[32];

	for (int i = 0; i <= CONFIG_DROP_INS_MAX; i++) {
		snprintf(name, sizeof(name), "c.d/%03d.conf", i);
		write_file(place, name, "interval = 1\n");
	}
	assert_int_equal(load(place, true), -EINVAL);
	assert_int_equal(place->set.file_count, 0);
	assert_string_equal(place->problems, "c.d: more than 256 files\n");
}

static void config_set_load_directory_that_is_a_file_is_told(void **state)
{
	struct place *place = *state;

	assert_int_equal(rmdir(place->drop_ins), 0);
	write_file(place, "c.d", "");
	assert_int_equal(load(place, true), -EINVAL);
	assert_string_equal(place->problems, "c.d: Not a directory\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
	const struct CMUnitTest tests[] = {
		TEST(config_set_load_drop_ins_override_in_order_of_names),
		TEST(config_set_load_missing_file_needs_permission),
		TEST(config_set_load_nothing_there_is_nothing_wrong),
		TEST(config_set_every_problem_is_told),
		TEST(config_set_load_what_is_no_file_is_told),
		TEST(config_set_load_drop_ins_are_bounded),
		TEST(config_set_load_directory_that_is_a_file_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
