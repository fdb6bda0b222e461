// SPDX-License-Identifier: Apache-2.0
/*
 * The way from a stack to names, on this very process.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "sys/proc.h"
#include "sys/resolver.h"
#include "sys/symbol.h"

static void symbol_demangle_knows_cpp_and_both_of_rust(void **state)
{
	static const char *const names[][2] = {
		{"main", "main"},
		{"_ZN9OrderRepo4saveEi", "OrderRepo::save"},
		{"_ZN4shop6orders4save17h0123456789abcdefE", "shop::orders::save"},
		{"_RNvNtCs1234_4shop6orders4save", "shop::orders::save"},
		{"save.isra.0", "save"},
		{"save.part.1.cold", "save"},
		{"main.(*Orders).save", "main.(*Orders).save"},
		{"_Z", "_Z"},
		{"_ZN", "_ZN"},
	};
	char plain[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		symbol_demangle(names[i][0], plain, sizeof(plain));
		assert_string_equal(plain, names[i][1]);
	}
}

static void symbol_from_v8_tells_line_with_and_without_a_column(void **state)
{
	static const struct {
		const char *name, *function, *file;
		uint32_t line;
	} names[] = {
		{"LazyCompile:~save /app/orders.js:41:7", "save", "/app/orders.js", 41},
		{"LazyCompile:*save /app/orders.js:41", "save", "/app/orders.js", 41},
		{"JS:~ file:///app/orders.js:1:1", "(anonymous)", "file:///app/orders.js", 1},
		{"Function:^Socket.write node:net:933:12", "Socket.write", "node:net", 933},
		{"LazyCompile:~handleWriteReq node:internal/stream_base_commons:45",
		 "handleWriteReq", "node:internal/stream_base_commons", 45},
		{"Script:~ node:", "(anonymous)", "node:", 0},
		{"Builtin:Call", "Call", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct symbol symbol = {0};

		symbol_from_v8(names[i].name, &symbol);
		assert_string_equal(symbol.function, names[i].function);
		assert_string_equal(symbol.file, names[i].file);
		assert_int_equal(symbol.line, names[i].line);
		assert_string_equal(symbol.module, names[i].file[0] ? "" : "node");
	}
}

#ifdef __x86_64__

/* struct pt_regs by the names of the signal context; orig_ax, cs, flags and ss are not among them.
 */
static const int order[] = {REG_R15, REG_R14, REG_R13, REG_R12,	   REG_RBP, REG_RBX, REG_R11,
			    REG_R10, REG_R9,  REG_R8,  REG_RAX,	   REG_RCX, REG_RDX, REG_RSI,
			    REG_RDI, REG_RAX, REG_RIP, REG_CSGSFS, REG_EFL, REG_RSP};

static struct stack_sample sample;

static volatile int answers;

/* It reads the stack as the probe does, whoever has what there. */
static __attribute__((noinline, no_sanitize_address)) void open_orders(void)
{
	const uint8_t *stack;
	ucontext_t context;

	memset(&sample, 0, sizeof(sample));
	getcontext(&context);
	sample.has_registers = 1;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		sample.registers[i] = (uint64_t)context.uc_mcontext.gregs[order[i]];
	sample.registers[17] = 0x33; /* cs, which is not among the saved ones */
	stack = (const uint8_t *)(uintptr_t)sample.registers[19];
	sample.stack_bytes = 4096;
	for (uint32_t i = 0; i < sample.stack_bytes; i++)
		sample.stack[i] = ((const volatile uint8_t *)stack)[i];
	answers = sample.stack[0];
}

static __attribute__((noinline)) void handle_request(void)
{
	open_orders();
	answers++; /* or it would be a jump, and no caller */
}

static void resolver_run_names_functions_of_a_copied_stack(void **state)
{
	int proc_fd = proc_open();
	struct resolver *resolver = resolver_new(proc_fd);
	struct site_answer answer;

	(void)state;
	handle_request();
	sample.client.pid = (uint32_t)getpid();
	sample.id = 17;
	memcpy(sample.thread_comm, "worker-3", 9);
	resolver_run(resolver, &sample, &answer);
	assert_int_equal(answer.id, 17);
	assert_non_null(strstr(answer.site, "open_orders (test_symbol.c:"));
	assert_non_null(strstr(answer.site, " < handle_request < "));
	assert_non_null(strstr(answer.site, " [thread worker-#]"));
	assert_int_equal(answer.has_layout, 0);
	resolver_free(resolver);
	close(proc_fd);
}

static void resolver_run_survives_nonsense(void **state)
{
	int proc_fd = proc_open();
	struct resolver *resolver = resolver_new(proc_fd);
	struct site_answer answer;

	(void)state;
	handle_request();
	sample.client.pid = (uint32_t)getpid();
	for (unsigned i = 0; i < 200; i++) {
		for (uint32_t at = 0; at < sample.stack_bytes; at += 8)
			sample.stack[at + i % 8] ^= (uint8_t)(i * 31 + at);
		sample.registers[i % 17] += i * 4096 + i;
		sample.stack_bytes = i % 3 ? 2048 : i;
		resolver_run(resolver, &sample, &answer);
		assert_true(memchr(answer.site, 0, sizeof(answer.site)) != NULL);
	}
	sample.has_registers = 0;
	resolver_run(resolver, &sample, &answer);
	assert_string_equal(answer.site, "");
	resolver_free(resolver);
	close(proc_fd);
}

#endif

static void resolver_run_process_gone_says_so(void **state)
{
	static struct stack_sample gone = {.client.pid = 0x3fffff, .client.start_ns = 1};
	int proc_fd = proc_open();
	struct resolver *resolver = resolver_new(proc_fd);
	struct site_answer answer;

	(void)state;
	resolver_run(resolver, &gone, &answer);
	assert_string_equal(answer.site,
			    "unknown code (the process ended before its stack was read)");
	resolver_free(resolver);
	close(proc_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(symbol_demangle_knows_cpp_and_both_of_rust),
		cmocka_unit_test(symbol_from_v8_tells_line_with_and_without_a_column),
#ifdef __x86_64__
		cmocka_unit_test(resolver_run_names_functions_of_a_copied_stack),
		cmocka_unit_test(resolver_run_survives_nonsense),
#endif
		cmocka_unit_test(resolver_run_process_gone_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
