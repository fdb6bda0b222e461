// SPDX-License-Identifier: Apache-2.0
/*
 * Threads that end, in a tree that looks like /proc: what is told of them, and of whom nothing can
 * be said.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/format.h"
#include "sys/opener_watch.h"
#include "sys/proc.h"

#define PID 4121
#define CONNS 4

struct world {
	char path[64];
	int fd;
	struct table *table;
	struct opener_watch *watch;
	uint64_t now_ns; /* CLOCK_MONOTONIC, and the table's */
	uint64_t boot_offset_ns;
	uint64_t start_ticks; /* of the process */
};

static uint64_t ns_of(clockid_t clock)
{
	struct timespec now;

	assert_int_equal(clock_gettime(clock, &now), 0);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* A thread of the process; tid == PID is the process itself, too. */
static void put_thread(const struct world *world, uint32_t pid, uint32_t tid, char state,
		       uint64_t start_ticks)
{
	char path[128], text[256];
	int fd, length;

	for (int part = 0; part < 3; part++) {
		static const char *const names[] = {"%s/%u", "%s/%u/task", "%s/%u/task/%u"};

		(void)snprintf(path, sizeof(path), names[part], world->path, pid, tid);
		(void)mkdir(path, 0700); /* may be there */
	}
	length = snprintf(text, sizeof(text),
			  "%u (a) b) %c 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 9 18 %llu 20\n", tid,
			  state, (unsigned long long)start_ticks);
	for (int file = 0; file < 2; file++) {
		if (file == 1 && tid != pid)
			break;
		(void)snprintf(path, sizeof(path), file ? "%s/%u/stat" : "%s/%u/task/%u/stat",
			       world->path, pid, tid);
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		assert_int_equal(write(fd, text, (size_t)length), length);
		close(fd);
	}
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	strcpy(world->path, "/tmp/connleak-openers-XXXXXX");
	assert_non_null(mkdtemp(world->path));
	world->fd = open(world->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world->table = table_new(NULL);
	world->watch = opener_watch_new(world->fd, 5 * NS_PER_SEC, 10 * NS_PER_SEC);
	/* Not the machine's time: it may have been started a minute ago. */
	world->now_ns = 600 * NS_PER_SEC;
	world->boot_offset_ns = ns_of(CLOCK_BOOTTIME) - ns_of(CLOCK_MONOTONIC);
	world->start_ticks = (world->now_ns + world->boot_offset_ns) / proc_tick_ns() - 100;
	put_thread(world, PID, PID, 'S', world->start_ticks);
	*state = world;
	return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	opener_watch_free(world->watch);
	table_free(world->table);
	close(world->fd);
	nftw(world->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(world);
	return 0;
}

static void apply(struct world *world, const struct event *event)
{
	struct change change;

	assert_int_equal(table_apply(world->table, event, &change), 0);
	table_settle(world->table);
}

static void open_conn(struct world *world, uint64_t id, uint32_t pid, uint32_t tid)
{
	struct event event = {
		.type = EVENT_OPEN,
		.t_ns = world->now_ns,
		.conn = id,
		.client = {.pid = pid, .start_ns = world->start_ticks * proc_tick_ns()},
		.tid = tid,
	};

	assert_int_equal(parse_netaddr("10.0.3.7:5432", &event.remote), 0);
	apply(world, &event);
	event = (struct event){
		.type = EVENT_ESTABLISHED, .t_ns = world->now_ns, .conn = event.conn};
	apply(world, &event);
}

static void use_conn(struct world *world, uint64_t id)
{
	struct event event = {.type = EVENT_IO,
			      .t_ns = world->now_ns,
			      .conn = id,
			      .sent_bytes = 10,
			      .received_bytes = 20,
			      .last_send_ns = world->now_ns - 2000,
			      .last_recv_ns = world->now_ns - 1000};

	apply(world, &event);
}

/* Bit pairs by connection, enum opener_state; applies what is told, as the live commands do. */
static uint32_t look(struct world *world, double after_s)
{
	struct event event;
	uint32_t told = 0;

	world->now_ns += (uint64_t)(after_s * 1e9);
	opener_watch_look(world->watch, world->table, world->now_ns);
	while (opener_watch_next(world->watch, &event)) {
		assert_int_equal(event.type, EVENT_IO);
		assert_int_equal(event.t_ns, world->now_ns);
		if (event.conn < 16)
			told |= (uint32_t)event.opener << (2 * event.conn);
		apply(world, &event);
	}
	return told;
}

static uint32_t ended(uint64_t id)
{
	return OPENER_ENDED << (2 * id);
}

static void opener_watch_look_ended_thread_is_told_once(void **state)
{
	struct world *world = *state;

	put_thread(world, PID, 5001, 'S', world->start_ticks + 10);
	open_conn(world, 1, PID, 5001);
	open_conn(world, 2, PID, 5002);
	assert_int_equal(look(world, 6), 0); /* not silent for long enough */
	assert_int_equal(look(world, 6), ended(2));
	assert_int_equal(look(world, 60), 0);
	/* It is no look at counters, and the connection is as silent as before. */
	assert_int_equal(table_look_ns(world->table), 0);
	assert_int_equal(conn_silence_ns(table_find_conn(world->table, 2), world->now_ns),
			 72 * NS_PER_SEC);
}

static void opener_watch_look_of_zombie_thread_says_ended(void **state)
{
	struct world *world = *state;

	put_thread(world, PID, 5001, 'Z', world->start_ticks + 10);
	open_conn(world, 1, PID, 5001);
	assert_int_equal(look(world, 20), ended(1));
}

static void opener_watch_look_thread_id_of_another_says_ended(void **state)
{
	struct world *world = *state;
	uint64_t open_ticks;

	open_conn(world, 1, PID, 5001);
	open_conn(world, 2, PID, 5002);
	open_ticks = (world->now_ns + world->boot_offset_ns) / proc_tick_ns();
	put_thread(world, PID, 5001, 'S', open_ticks - 1);
	put_thread(world, PID, 5002, 'S', open_ticks + 500);
	assert_int_equal(look(world, 20), ended(2));
}

static void opener_watch_look_process_out_of_sight_says_nothing(void **state)
{
	struct world *world = *state;

	/* No such process; one that is a zombie; another one with the same pid. */
	open_conn(world, 1, 77, 5001);
	put_thread(world, 78, 78, 'Z', world->start_ticks);
	open_conn(world, 2, 78, 5002);
	put_thread(world, 79, 79, 'S', world->start_ticks + 300);
	open_conn(world, 3, 79, 5003);
	assert_int_equal(look(world, 20), 0);
}

static void opener_watch_look_two_ended_the_others_are_asked_for(void **state)
{
	struct world *world = *state;
	uint32_t told;

	put_thread(world, PID, 5003, 'S', world->start_ticks + 10);
	open_conn(world, 1, PID, 5001);
	open_conn(world, 2, PID, 5002);
	open_conn(world, 3, PID, 5003);
	open_conn(world, 4, PID, 5004);
	open_conn(world, 5, PID, 0); /* nobody knows who */
	world->now_ns += 20 * NS_PER_SEC;
	use_conn(world, 3);
	use_conn(world, 4);
	told = look(world, 1);
	assert_int_equal(told, ended(1) | ended(2) | ended(4) | OPENER_RUNNING << 6);
	assert_int_equal(look(world, 6), 0);
	/* It ends later. */
	put_thread(world, PID, 5003, 'X', world->start_ticks + 10);
	assert_int_equal(look(world, 6), ended(3));
}

static void opener_watch_look_handed_over_is_not_asked_for(void **state)
{
	struct world *world = *state;
	struct event event = {.type = EVENT_SEEN, .conn = 1};

	open_conn(world, 1, PID, 5001);
	put_thread(world, 80, 80, 'S', world->start_ticks);
	event.t_ns = world->now_ns;
	event.client = (struct client_id){world->start_ticks * proc_tick_ns(), 80};
	apply(world, &event);
	assert_int_equal(look(world, 20), 0);
}

/* All of them in the end, however many, and never too many at a time. */
static void opener_watch_look_many_threads_are_bounded(void **state)
{
	struct world *world = *state;
	uint32_t told_count = 0, looks = 0, most = 0;
	struct event event;

	for (uint32_t i = 0; i < 1000; i++)
		open_conn(world, 100 + i, PID, 6000 + i);
	world->now_ns += 20 * NS_PER_SEC;
	for (; told_count < 1000 && looks < 100; looks++) {
		uint32_t count = 0;

		world->now_ns += 6 * NS_PER_SEC;
		opener_watch_look(world->watch, world->table, world->now_ns);
		while (opener_watch_next(world->watch, &event)) {
			count++;
			apply(world, &event);
		}
		told_count += count;
		most = count > most ? count : most;
	}
	assert_int_equal(told_count, 1000);
	assert_true(most <= 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opener_watch_look_ended_thread_is_told_once, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(opener_watch_look_of_zombie_thread_says_ended,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(opener_watch_look_thread_id_of_another_says_ended,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(opener_watch_look_process_out_of_sight_says_nothing,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			opener_watch_look_two_ended_the_others_are_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(opener_watch_look_handed_over_is_not_asked_for,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(opener_watch_look_many_threads_are_bounded, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
