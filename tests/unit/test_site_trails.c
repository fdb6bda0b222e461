// SPDX-License-Identifier: Apache-2.0
/*
 * Trails in memory that is shared with the probe, here with this test.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/site_trails.h"

#define SECOND 1000000000ULL

static struct site_trails *trails;
static struct trail *shared;
static int fd;

/* Without the map of ways: of which trails a key has, the probe is not told. */
static int begin(void **state)
{
	size_t bytes = ABI_TRAILS_MAX * sizeof(struct trail);

	(void)state;
	fd = memfd_create("trails", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)(bytes + 4096)), 0);
	shared = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	assert_int_equal(site_trails_new(-1, fd, &trails), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	site_trails_free(trails);
	munmap(shared, ABI_TRAILS_MAX * sizeof(struct trail));
	close(fd);
	return 0;
}

static struct trail_key key_of(uint32_t pid, uint64_t ip)
{
	return (struct trail_key){.client = {.pid = pid, .start_ns = 1}, .ip = ip};
}

static struct trail_places places_of(uint64_t value)
{
	return (struct trail_places){.place_count = 1, .places = {8}, .values = {value}};
}

static void learn(uint32_t pid, uint64_t ip, uint64_t value, const char *site, uint64_t now_ns)
{
	struct trail_key key = key_of(pid, ip);
	struct trail_places places = places_of(value);

	site_trails_learn(trails, &key, &places, site, now_ns);
}

/* What the probe would find; NULL = nothing. */
static const struct trail *find(uint32_t pid, uint64_t ip, uint64_t value)
{
	struct trail_key key = key_of(pid, ip);

	for (uint32_t i = 0; i < ABI_TRAILS_MAX; i++) {
		assert_int_equal(shared[i].sequence % 2, 0);
		if (shared[i].number && memcmp(&shared[i].key, &key, sizeof(key)) == 0 &&
		    shared[i].places.values[0] == value)
			return &shared[i];
	}
	return NULL;
}

static uint64_t number_of(uint32_t pid, uint64_t ip, uint64_t value)
{
	const struct trail *trail = find(pid, ip, value);

	return trail ? trail->number : 0;
}

static void site_trails_find_learned_gives_its_line(void **state)
{
	(void)state;
	learn(7, 1, 100, "save_order < main", SECOND);
	learn(7, 1, 200, "load_order < main", SECOND);
	assert_string_equal(site_trails_find(trails, number_of(7, 1, 100)), "save_order < main");
	assert_string_equal(site_trails_find(trails, number_of(7, 1, 200)), "load_order < main");
	assert_int_equal(find(7, 1, 100)->due_ns, SECOND + SITE_TRAIL_TRUST_NS);
	assert_null(site_trails_find(trails, 0));
	assert_null(site_trails_find(trails, number_of(7, 1, 200) + 1));
}

static void site_trails_learn_again_keeps_number_and_trust(void **state)
{
	uint64_t number, sequence;

	(void)state;
	learn(7, 1, 100, "save_order", SECOND);
	number = number_of(7, 1, 100);
	sequence = find(7, 1, 100)->sequence;
	learn(7, 1, 100, "save_order", 10 * SECOND);
	assert_int_equal(number_of(7, 1, 100), number);
	assert_int_equal(find(7, 1, 100)->due_ns, 10 * SECOND + SITE_TRAIL_TRUST_NS);
	assert_true(find(7, 1, 100)->sequence > sequence);
}

static void site_trails_learn_another_name_is_another_number(void **state)
{
	uint64_t number;

	(void)state;
	learn(7, 1, 100, "orders+0x123 (stripped)", SECOND);
	number = number_of(7, 1, 100);
	learn(7, 1, 100, "save_order", 10 * SECOND);
	assert_int_not_equal(number_of(7, 1, 100), number);
	assert_string_equal(site_trails_find(trails, number), "orders+0x123 (stripped)");
	assert_string_equal(site_trails_find(trails, number_of(7, 1, 100)), "save_order");
}

static void site_trails_learn_one_way_too_many_drops_the_one_asked_for_longest_ago(void **state)
{
	(void)state;
	learn(8, 1, 1, "another", SECOND);
	for (uint64_t i = 0; i < ABI_TRAIL_WAYS; i++)
		learn(7, 1, i, "site", SECOND);
	assert_non_null(site_trails_find(trails, number_of(7, 1, 0)));
	learn(7, 1, 100, "site", SECOND);
	assert_non_null(find(7, 1, 0));
	assert_null(find(7, 1, 1));
	assert_non_null(find(7, 1, 100));
	assert_non_null(find(8, 1, 1)); /* older, and not of this key */
}

static void site_trails_learn_more_than_there_is_room_for_drops_old_ones(void **state)
{
	uint64_t first;

	(void)state;
	learn(1, 1, 1, "first", SECOND);
	first = number_of(1, 1, 1);
	for (uint32_t i = 0; i < SITE_TRAIL_LINES_EACH * ABI_TRAILS_MAX; i++) {
		char site[32];

		(void)snprintf(site, sizeof(site), "site %u", i);
		learn(i + 2, 1, 1, site, SECOND);
		assert_string_equal(site_trails_find(trails, number_of(i + 2, 1, 1)), site);
		if (i == ABI_TRAILS_MAX) {
			assert_null(find(1, 1, 1));
			/* The probe may have noted it just before. */
			assert_string_equal(site_trails_find(trails, first), "first");
		}
	}
	assert_null(site_trails_find(trails, first));
}

static void site_trails_learn_gives_out_numbers_of_sixteen_bits(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 300; i++) {
		uint64_t number;

		learn(7, 1, i % 9, i % 2 ? "one" : "other", SECOND);
		number = number_of(7, 1, i % 9);
		assert_in_range(number, 1, 65535);
		assert_string_equal(site_trails_find(trails, number), i % 2 ? "one" : "other");
	}
	for (uint64_t number = 0; number < 70000; number++)
		(void)site_trails_find(trails, number);
}

static void site_trails_forget_client_forgets_that_one(void **state)
{
	(void)state;
	learn(7, 1, 100, "save_order", SECOND);
	learn(8, 1, 100, "save_order", SECOND);
	site_trails_forget_client(trails, 7);
	assert_null(find(7, 1, 100));
	assert_non_null(find(8, 1, 100));
}

static void site_trails_learn_nonsense_is_ignored(void **state)
{
	struct trail_places places = {.place_count = ABI_TRAIL_PLACES_MAX + 1};
	struct trail_key key = key_of(7, 1);

	(void)state;
	site_trails_learn(trails, &key, &places, "site", SECOND);
	places.place_count = 0;
	site_trails_learn(trails, &key, &places, "site", SECOND);
	assert_null(find(7, 1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(site_trails_find_learned_gives_its_line, begin,
						end),
		cmocka_unit_test_setup_teardown(site_trails_learn_again_keeps_number_and_trust,
						begin, end),
		cmocka_unit_test_setup_teardown(site_trails_learn_another_name_is_another_number,
						begin, end),
		cmocka_unit_test_setup_teardown(
			site_trails_learn_one_way_too_many_drops_the_one_asked_for_longest_ago,
			begin, end),
		cmocka_unit_test_setup_teardown(
			site_trails_learn_more_than_there_is_room_for_drops_old_ones, begin, end),
		cmocka_unit_test_setup_teardown(site_trails_learn_gives_out_numbers_of_sixteen_bits,
						begin, end),
		cmocka_unit_test_setup_teardown(site_trails_forget_client_forgets_that_one, begin,
						end),
		cmocka_unit_test_setup_teardown(site_trails_learn_nonsense_is_ignored, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
