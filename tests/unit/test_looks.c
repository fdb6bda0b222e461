/* SPDX-License-Identifier: Apache-2.0 */
/* When the source looked, and how late it tells of what was done before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/looks.h"

#define S NS_PER_SEC
#define CONNS 10

/* A use half a second before the look that should tell of it, which one so much later does. */
static void tell(struct looks *looks, struct conn *conn, uint64_t t_s, uint64_t late_s)
{
	struct event event = {.type = EVENT_IO, .t_ns = t_s * S};

	event.last_recv_ns = (t_s - late_s) * S - S / 2;
	looks_note(looks, conn, &event);
	conn->last_active_ns = (int64_t)event.last_recv_ns;
}

static void looks_in_time_are_not_late(void **state)
{
	struct conn conns[CONNS] = {0};
	struct looks looks = {0};

	(void)state;
	for (uint64_t t_s = 100; t_s < 200; t_s++)
		for (int i = 0; i < CONNS; i++)
			tell(&looks, &conns[i], t_s, 0);
	assert_int_equal(looks.late_ns, 0);
	assert_int_equal(looks.last_ns, 199 * S);
	assert_int_equal(looks.before_ns, 198 * S);
}

static void looks_are_as_late_as_all_but_one_in_200_uses(void **state)
{
	static const struct {
		uint32_t one_in;
		uint64_t late_s;
		bool is_late;
	} rows[] = {{7, 3, true}, {101, 3, true}, {401, 3, false}, {3, 8, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conn conns[CONNS] = {0};
		struct looks looks = {0};
		uint32_t n = 0;

		for (uint64_t t_s = 100; t_s < 4000; t_s++, n++)
			tell(&looks, &conns[t_s % CONNS], t_s,
			     n % rows[i].one_in == 0 ? rows[i].late_s : 0);
		if (!rows[i].is_late)
			assert_in_range(looks.late_ns, 0, NS_PER_MS);
		else /* less the look that it should have come with */
			assert_in_range(looks.late_ns, (rows[i].late_s - 1) * S,
					rows[i].late_s * S);
	}
}

static void looks_that_tell_of_the_past_are_not_late(void **state)
{
	struct conn conns[CONNS] = {0};
	struct looks looks = {0};

	(void)state;
	for (uint64_t t_s = 100; t_s < 200; t_s++) {
		struct conn found = {0};

		for (int i = 0; i < CONNS; i++)
			tell(&looks, &conns[i], t_s, 0);
		tell(&looks, &found, t_s, 90); /* the first of a connection that was open before */
		tell(&looks, &conns[0], t_s, 90); /* told again: nothing happened since */
		conns[0].last_active_ns = (int64_t)(t_s * S - S / 2);
	}
	assert_int_equal(looks.late_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(looks_in_time_are_not_late),
		cmocka_unit_test(looks_are_as_late_as_all_but_one_in_200_uses),
		cmocka_unit_test(looks_that_tell_of_the_past_are_not_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
