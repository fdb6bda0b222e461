// SPDX-License-Identifier: Apache-2.0
/*
 * The way up a stack that is known: our own, from registers and a copy as the probe takes them.
 */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "sys/image.h"
#include "sys/proc.h"
#include "sys/stack_unwind.h"
#include "sys/symbol.h"

struct place {
	int proc_fd;
	struct image *image;
	struct unwinder *unwinder;
	struct stack_sample sample;
};

static int open_place(void **state)
{
	static struct place place;
	struct client_id id = {.pid = (uint32_t)getpid()};

	memset(&place, 0, sizeof(place));
	place.proc_fd = proc_open();
	place.unwinder = unwinder_new();
	*state = &place;
	return place.proc_fd >= 0 && place.unwinder ? image_open(place.proc_fd, id, &place.image)
						    : -1;
}

static int close_place(void **state)
{
	struct place *place = *state;

	image_free(place->image);
	unwinder_free(place->unwinder);
	close(place->proc_fd);
	return 0;
}

/* By the kernel, as the probe does it: what stands between variables is not for us to read. */
static void copy_stack(struct stack_sample *sample, uint64_t sp)
{
	struct iovec to = {.iov_base = sample->stack, .iov_len = sizeof(sample->stack)};
	struct iovec from = {.iov_base = (void *)(uintptr_t)sp, .iov_len = sizeof(sample->stack)};
	ssize_t n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);

	assert_true(n > 0);
	sample->stack_bytes = (uint32_t)n;
}

static void fill_registers(struct stack_sample *sample, const ucontext_t *context)
{
	const mcontext_t *machine = &context->uc_mcontext;
#if defined(__x86_64__)
	/* struct pt_regs, word by word */
	static const int names[] = {REG_R15, REG_R14, REG_R13, REG_R12, REG_RBP, REG_RBX, REG_R11,
				    REG_R10, REG_R9,  REG_R8,  REG_RAX, REG_RCX, REG_RDX, REG_RSI,
				    REG_RDI, REG_RAX, REG_RIP, -1,	REG_EFL, REG_RSP, -1};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sample->registers[i] = names[i] < 0 ? 0 : (uint64_t)machine->gregs[names[i]];
	sample->registers[17] = 0x33;
	copy_stack(sample, sample->registers[19]);
#elif defined(__aarch64__)
	memcpy(sample->registers, machine->regs, 31 * sizeof(uint64_t));
	sample->registers[31] = machine->sp;
	sample->registers[32] = machine->pc;
	copy_stack(sample, machine->sp);
#endif
	sample->has_registers = 1;
}

/* Nothing of these is inlined, and none is a tail call: each has something left to do. */
static __attribute__((noinline)) int borrow_connection(struct stack_sample *sample)
{
	ucontext_t context;
	int r = getcontext(&context);

	fill_registers(sample, &context);
	return r;
}

static __attribute__((noinline)) int save_order(struct stack_sample *sample)
{
	volatile char order[300] = "";

	return borrow_connection(sample) + order[7];
}

static __attribute__((noinline)) int handle_request(struct stack_sample *sample)
{
	volatile int status = save_order(sample);

	return status;
}

static void unwinder_run_walks_up_to_whoever_called(void **state)
{
	static const char *const names[] = {"borrow_connection", "save_order", "handle_request",
					    "unwinder_run_walks_up_to_whoever_called"};
	struct place *place = *state;
	uint64_t addresses[UNWIND_FRAMES_MAX];
	uint32_t count;

	assert_int_equal(handle_request(&place->sample), 0);
	count = unwinder_run(place->unwinder, place->image, &place->sample, addresses);
	assert_true(count > 4);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct symbol symbol;

		symbol_find(place->image, addresses[i], &symbol);
		assert_string_equal(symbol.function, names[i]);
	}
}

static void unwinder_run_with_a_cut_stack_keeps_what_it_has(void **state)
{
	struct place *place = *state;
	uint64_t addresses[UNWIND_FRAMES_MAX];

	assert_int_equal(handle_request(&place->sample), 0);
	place->sample.stack_bytes = 7;
	assert_int_equal(unwinder_run(place->unwinder, place->image, &place->sample, addresses), 1);
	place->sample.has_registers = 0;
	assert_int_equal(unwinder_run(place->unwinder, place->image, &place->sample, addresses), 0);
}

static void strip_signature_leaves_an_address_and_takes_what_stands_above_it(void **state)
{
	const struct place *place = *state;
	uint64_t code = (uint64_t)(uintptr_t)&open_place;

	assert_int_equal(unwinder_strip_signature(place->image, code), code);
	for (unsigned bit = 52; bit < 64; bit++)
		assert_int_equal(unwinder_strip_signature(place->image, code | 1ULL << bit), code);
	assert_int_equal(unwinder_strip_signature(place->image, code | 0xaa5f000000000000), code);
	/* No address, with or without. */
	assert_int_equal(unwinder_strip_signature(place->image, 0), 0);
	assert_int_equal(unwinder_strip_signature(place->image, 0xaa5f000000000010),
			 0xaa5f000000000010);
	assert_int_equal(unwinder_strip_signature(place->image, UINT64_MAX), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unwinder_run_walks_up_to_whoever_called, open_place,
						close_place),
		cmocka_unit_test_setup_teardown(unwinder_run_with_a_cut_stack_keeps_what_it_has,
						open_place, close_place),
		cmocka_unit_test_setup_teardown(
			strip_signature_leaves_an_address_and_takes_what_stands_above_it,
			open_place, close_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
