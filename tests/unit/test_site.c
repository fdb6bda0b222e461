// SPDX-License-Identifier: Apache-2.0
/*
 * Which function of a stack is named, and how.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "core/site.h"

struct example {
	const char *what;
	struct site_frame frames[8];
	const char *thread;
	const char *line;
};

#define C(name) .function = name, .module = "orders"
#define LIB(name, in) .function = name, .module = in
#define PY(name, path, at) .function = name, .file = path, .line = at, .kind = FRAME_SCRIPT
#define JIT(name) .function = name, .kind = FRAME_JIT

static const struct example examples[] = {
	{"the application's function leads, libc and driver are left out",
	 {{LIB("connect", "libc.so.6")},
	  {LIB("PQconnectPoll", "libpq.so.5")},
	  {C("open_orders"), .file = "/src/orders.c", .line = 41},
	  {C("main")},
	  {LIB("__libc_start_call_main", "libc.so.6")}},
	 NULL,
	 "open_orders (orders.c:41) < main"},
	{"without lines the module stands there",
	 {{LIB("connect", "libc.so.6")}, {C("open_orders")}, {C("main")}},
	 NULL,
	 "open_orders (orders) < main"},
	{"a stripped function is build-id and offset",
	 {{LIB("connect", "libc.so.6")},
	  {.module = "orders",
	   .build_id = "1f2e3d4c5b6a7988",
	   .offset = 0x1a2b,
	   .reason = "stripped"}},
	 NULL,
	 "orders[1f2e3d4c]+0x1a2b (stripped)"},
	{"no application in the stack: the driver",
	 {{LIB("connect", "libc.so.6")}, {LIB("PQconnectPoll", "libpq.so.5")}},
	 NULL,
	 "PQconnectPoll (libpq.so.5)"},
	{"nothing but the runtime: what there is",
	 {{LIB("connect", "libc.so.6")}},
	 NULL,
	 "connect (libc.so.6)"},
	{"Python: its own frames, less those of packages",
	 {{LIB("connect", "libc.so.6")},
	  {LIB("psycopg_connect", "_psycopg.cpython-311-x86_64-linux-gnu.so")},
	  {PY("connect", "/usr/lib/python3/dist-packages/psycopg2/__init__.py", 122)},
	  {PY("OrderRepo.save", "/app/repo.py", 22)},
	  {PY("<module>", "/app/main.py", 9)}},
	 NULL,
	 "OrderRepo.save (repo.py:22) < <module>"},
	{"PHP: its own frames, less those of packages",
	 {{LIB("connect", "libc.so.6")},
	  {LIB("PQconnectdb", "libpq.so.5")},
	  {PY("Driver::connect", "/srv/shop/vendor/doctrine/dbal/Driver.php", 40)},
	  {PY("OrderRepo::save", "/srv/shop/src/OrderRepo.php", 22)},
	  {PY("{main}", "/srv/shop/public/index.php", 9)}},
	 NULL,
	 "OrderRepo::save (OrderRepo.php:22) < {main}"},
	{"Python: a native module is not the program",
	 {{LIB("sock_connect", "_socket.cpython-313-x86_64-linux-gnu.so")},
	  {PY("pool_open", "/app/pool.py", 3)},
	  {PY("<module>", "/app/main.py", 9)}},
	 NULL,
	 "pool_open (pool.py:3) < <module>"},
	{"Python: the pool's own thread, and not the libraries that it calls by ctypes",
	 {{LIB("connect", "libc.so.6")},
	  {LIB("PQconnectPoll", "libpq.so.5")},
	  {LIB("ffi_call", "libffi.so.8")},
	  {LIB("PyCFuncPtr_call", "_ctypes.cpython-311-x86_64-linux-gnu.so")},
	  {PY("Connection.connect", "/usr/lib/python3/dist-packages/psycopg/connection.py", 9)},
	  {PY("ConnectionPool._connect", "/usr/lib/python3/dist-packages/psycopg_pool/pool.py", 7)},
	  {PY("Thread.run", "/usr/lib/python3.11/threading.py", 975)}},
	 NULL,
	 "Connection.connect (connection.py:9) < ConnectionPool._connect"},
	{"Python: nothing but its standard library below a driver",
	 {{LIB("connect", "libc.so.6")},
	  {LIB("PQconnectPoll", "libpq.so.5")},
	  {PY("Thread.run", "/usr/lib/python3.11/threading.py", 975)}},
	 NULL,
	 "PQconnectPoll (libpq.so.5)"},
	{"Go: the standard library and drivers are left out",
	 {{LIB("syscall.Syscall", "app")},
	  {LIB("github.com/lib/pq.(*conn).send", "app")},
	  {LIB("database/sql.(*DB).conn", "app")},
	  {LIB("main.leakRows", "app"), .file = "main.go", .line = 12},
	  {LIB("runtime.goexit", "app")}},
	 NULL,
	 "main.leakRows (main.go:12)"},
	{"Java without a map: the thread, its number left out",
	 {{LIB("Java_sun_nio_ch_Net_connect0", "libnio.so")},
	  {.kind = FRAME_JIT, .reason = "no perf map"},
	  {.kind = FRAME_JIT, .reason = "no perf map"},
	  {LIB("JavaCalls::call_helper", "libjvm.so")}},
	 "orders-worker-17",
	 "code without a name (no perf map) [thread orders-worker-#]"},
	{"Java with one",
	 {{LIB("Java_sun_nio_ch_Net_connect0", "libnio.so")},
	  {JIT("sun.nio.ch.Net.connect")},
	  {JIT("org.postgresql.Driver.connect")},
	  {JIT("com.shop.OrderRepo.save")}},
	 "http-1",
	 "com.shop.OrderRepo.save [thread http-#]"},
	{"recursion is told once",
	 {{C("walk")}, {C("walk")}, {C("walk")}, {C("main")}},
	 NULL,
	 "walk (orders) < main"},
};

static void site_format_names_the_application(void **state)
{
	char line[SITE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		uint32_t count = 0;

		while (count < 8 &&
		       (example->frames[count].function || example->frames[count].module ||
			example->frames[count].reason))
			count++;
		print_message("%s\n", example->what);
		assert_int_equal(
			site_format(example->frames, count, example->thread, line, sizeof(line)),
			strlen(example->line));
		assert_string_equal(line, example->line);
	}
}

static void site_format_long_names_keep_the_thread_and_no_half_caller(void **state)
{
	char name[200], line[SITE_SIZE];
	struct site_frame frames[8];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (int i = 0; i < 8; i++) {
		char *copy = name;

		frames[i] = (struct site_frame){.function = copy, .module = "orders"};
	}
	for (int i = 1; i < 8; i += 2)
		frames[i].function = "other";
	assert_true(site_format(frames, 8, "worker-3", line, sizeof(line)) < SITE_SIZE);
	assert_non_null(strstr(line, " [thread worker-#]"));
	assert_true(site_format(frames, 8, "worker-3", line, 60) < 60);
	assert_int_equal(site_format(frames, 0, "worker-3", line, sizeof(line)), 0);
}

static void site_lead_is_the_first_frame(void **state)
{
	char lead[64];

	(void)state;
	assert_string_equal(site_lead("a (b.c:1) < main", lead, sizeof(lead)), "a (b.c:1)");
	assert_string_equal(site_lead("a (b.c:1)", lead, sizeof(lead)), "a (b.c:1)");
	assert_string_equal(site_lead("abcdef < main", lead, 4), "abc");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(site_format_names_the_application),
		cmocka_unit_test(site_format_long_names_keep_the_thread_and_no_half_caller),
		cmocka_unit_test(site_lead_is_the_first_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
