/* SPDX-License-Identifier: Apache-2.0 */
/* Connections keep place and number under any order of arrivals and ends, and no chunk is empty. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/conn_room.h"

#define COUNT (5 * CONN_CHUNK + 7)

struct taken {
	struct conn *conn; /* NULL = given back */
	uint32_t number;
};

static void take(struct conn_room *room, struct taken *taken, uint64_t id)
{
	struct conn *conn = conn_room_take(room);
	struct conn blank = {.slot = conn->slot};

	assert_memory_equal(conn, &blank, sizeof(blank));
	conn->id = id;
	*taken = (struct taken){conn, conn_number(conn)};
	assert_int_not_equal(taken->number, 0);
}

static void give_back(struct conn_room *room, struct taken *taken)
{
	conn_room_give_back(room, taken->conn);
	taken->conn = NULL;
}

static uint32_t count_chunks(const struct taken *taken)
{
	uint64_t seen[8] = {0};
	uint32_t count = 0;

	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t chunk = taken[i].number / CONN_CHUNK;

		if (!taken[i].conn || seen[chunk / 64] >> chunk % 64 & 1)
			continue;
		seen[chunk / 64] |= 1ULL << chunk % 64;
		count++;
	}
	return count;
}

static uint32_t count_roomy(const struct conn_room *room)
{
	uint32_t count = 0;

	for (const struct conn_chunk *chunk = room->roomy; chunk; chunk = chunk->next) {
		assert_int_not_equal(chunk->used, 0);
		assert_int_not_equal(chunk->used, UINT32_MAX);
		assert_ptr_equal(chunk->prev ? chunk->prev->next : room->roomy, chunk);
		count++;
	}
	return count;
}

static void assert_all_are_there(const struct conn_room *room, const struct taken *taken)
{
	for (uint32_t i = 0; i < COUNT; i++) {
		if (!taken[i].conn)
			continue;
		assert_ptr_equal(conn_room_at(room, taken[i].number), taken[i].conn);
		assert_int_equal(conn_number(taken[i].conn), taken[i].number);
		assert_int_equal(taken[i].conn->id, i);
	}
	assert_true(count_roomy(room) <= count_chunks(taken));
}

static void conn_room_keeps_places_and_numbers_whatever_goes(void **state)
{
	struct taken taken[COUNT] = {{NULL, 0}};
	struct conn_room room = {.roomy = NULL};
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint32_t at;

		random = random * 6364136223846793005 + 1442695040888963407;
		at = (uint32_t)(random >> 33) % COUNT;
		if (taken[at].conn)
			give_back(&room, &taken[at]);
		else
			take(&room, &taken[at], at);
		if (i % 1000 == 0)
			assert_all_are_there(&room, taken);
	}
	assert_all_are_there(&room, taken);
	for (uint32_t i = 0; i < COUNT; i++)
		if (taken[i].conn)
			give_back(&room, &taken[i]);
	assert_null(room.roomy);
	conn_room_free(&room);
}

static void conn_room_fills_what_others_have_left_first(void **state)
{
	struct taken taken[COUNT];
	struct conn_room room = {.roomy = NULL};

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++)
		take(&room, &taken[i], i);
	assert_int_equal(count_chunks(taken), 6);
	for (uint32_t i = 0; i < 3 * CONN_CHUNK; i += 2)
		give_back(&room, &taken[i]);
	for (uint32_t i = 0; i < 3 * CONN_CHUNK; i += 2)
		take(&room, &taken[i], i);
	assert_int_equal(count_chunks(taken), 6);
	assert_all_are_there(&room, taken);
	for (uint32_t i = 0; i < COUNT; i++)
		give_back(&room, &taken[i]);
	conn_room_free(&room);
}

static void conn_room_keeps_what_is_rare_for_whom_it_is(void **state)
{
	struct taken taken[2 * CONN_CHUNK];
	struct conn_room room = {.roomy = NULL};

	(void)state;
	for (uint32_t i = 0; i < 2 * CONN_CHUNK; i++) {
		take(&room, &taken[i], i);
		assert_int_equal(conn_peer_closed_ns(taken[i].conn), 0);
	}
	/* From the middle to both ends. */
	for (uint32_t i = 0; i < CONN_CHUNK; i += 2) {
		uint32_t at = (i * 5 + 16) % CONN_CHUNK;
		struct conn_rare *rare = conn_room_take_rare(taken[at].conn);

		assert_int_equal(rare->fin_ns, 0);
		rare->fin_ns = 1000 + at;
		assert_ptr_equal(conn_room_take_rare(taken[at].conn), rare);
	}
	for (uint32_t i = 0; i < 2 * CONN_CHUNK; i++)
		assert_int_equal(conn_peer_closed_ns(taken[i].conn),
				 i < CONN_CHUNK && i % 2 == 0 ? 1000 + i : 0);
	give_back(&room, &taken[4]);
	take(&room, &taken[4], 4);
	for (uint32_t i = 0; i < 2 * CONN_CHUNK; i++)
		assert_int_equal(conn_peer_closed_ns(taken[i].conn),
				 i < CONN_CHUNK && i % 2 == 0 && i != 4 ? 1000 + i : 0);
	for (uint32_t i = 0; i < 2 * CONN_CHUNK; i++)
		give_back(&room, &taken[i]);
	conn_room_free(&room);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conn_room_keeps_places_and_numbers_whatever_goes),
		cmocka_unit_test(conn_room_fills_what_others_have_left_first),
		cmocka_unit_test(conn_room_keeps_what_is_rare_for_whom_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
