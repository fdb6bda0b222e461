// SPDX-License-Identifier: Apache-2.0
/*
 * Distributions build without frame pointers, so the way up a stack is in .eh_frame, and libdw
 * reads that. It is made for a stopped process; here it is handed the past: the registers and the
 * bytes that the probe has copied, while the process went on long ago.
 *
 * Invariant: memory outside the copy does not exist: reading the process now would be reading
 * another stack. Where there is no .eh_frame (JIT code), libdw follows frame pointers.
 */
#include "stack_unwind.h"

#include <stdlib.h>
#include <string.h>

#include "stack_trail.h"

/* Words of struct pt_regs (arch/.../include/asm/ptrace.h), and what DWARF calls them. */
#if defined(__x86_64__)
#define SP_WORD 19
#define PC_WORD 16
#define CS_WORD 17
#define USER_CS 0x33 /* of a 64-bit program; others have stacks of their own kind */
/* rax rdx rcx rbx rsi rdi rbp rsp r8-r15 rip */
static const uint8_t words_of_dwarf[] = {10, 12, 11, 5, 13, 14, 4, SP_WORD, 9,
					 8,  7,	 6,  3, 2,  1,	0, PC_WORD};
#elif defined(__aarch64__)
#define SP_WORD 31
#define PC_WORD 32
static const uint8_t words_of_dwarf[] = {0,  1,	 2,  3,	 4,  5,	 6,  7,	 8,  9,	     10,
					 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,     21,
					 22, 23, 24, 25, 26, 27, 28, 29, 30, SP_WORD};
#else
#error "the registers of this machine are not known"
#endif

#define DWARF_COUNT (sizeof(words_of_dwarf) / sizeof(words_of_dwarf[0]))

struct unwinder {
	const struct stack_sample *sample; /* of the run under way */
	const struct image *image;
	uint64_t stack_address;
	uint64_t *addresses;
	uint32_t count;
	struct stack_trail trail;
};

_Static_assert(UNWIND_FRAMES_MAX <= STACK_TRAIL_PCS_MAX, "a trail has room for all frames");

struct unwinder *unwinder_new(void)
{
	return calloc(1, sizeof(struct unwinder));
}

void unwinder_free(struct unwinder *unwinder)
{
	free(unwinder);
}

uint64_t unwinder_strip_signature(const struct image *image, uint64_t word)
{
	/* Sizes of a user's address space in bits, the large ones first. */
	static const unsigned sizes[] = {52, 48, 47, 42, 39, 36};
	const char *path;
	uint64_t offset;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t address = word & ((1ULL << sizes[i]) - 1);

		if (address != word && image_find_file(image, address, &path, &offset))
			return address;
	}
	return word;
}

/* libdw takes a return address that is signed as it is, and finds nothing there. */
static uint64_t plain_word(const struct unwinder *unwinder, uint64_t word)
{
#if defined(__aarch64__)
	return unwinder_strip_signature(unwinder->image, word);
#else
	(void)unwinder;
	return word;
#endif
}

static pid_t next_thread(Dwfl *dwfl, void *context, void **ret_thread)
{
	(void)dwfl;
	if (*ret_thread)
		return 0;
	*ret_thread = context;
	return 1;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **ret_thread)
{
	(void)dwfl;
	(void)tid;
	*ret_thread = context;
	return true;
}

static bool read_memory(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *context)
{
	struct unwinder *unwinder = context;
	uint64_t offset = address - unwinder->stack_address;

	(void)dwfl;
	if (address < unwinder->stack_address ||
	    unwinder->sample->stack_bytes < sizeof(*ret_word) ||
	    offset > unwinder->sample->stack_bytes - sizeof(*ret_word)) {
		stack_trail_note_miss(&unwinder->trail, address);
		return false;
	}
	memcpy(ret_word, unwinder->sample->stack + offset, sizeof(*ret_word));
	/* As it stands there, which is what the probe will see; one with a signature makes no
	 * trail. */
	stack_trail_note_read(&unwinder->trail, address, *ret_word);
	*ret_word = plain_word(unwinder, *ret_word);
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct unwinder *unwinder = context;
	Dwarf_Word words[DWARF_COUNT];

	for (size_t i = 0; i < DWARF_COUNT; i++)
		words[i] = plain_word(unwinder, unwinder->sample->registers[words_of_dwarf[i]]);
	if (!dwfl_thread_state_registers(thread, 0, DWARF_COUNT, words))
		return false;
	/* On x86_64 it is one of them, elsewhere it has no number. */
	dwfl_thread_state_register_pc(thread, unwinder->sample->registers[PC_WORD]);
	return true;
}

/* Whether the registers are those of a program of our own kind. */
static bool is_readable(const struct stack_sample *sample)
{
#ifdef CS_WORD
	if ((sample->registers[CS_WORD] & 0xffff) != USER_CS)
		return false;
#endif
	return sample->has_registers;
}

static const Dwfl_Thread_Callbacks callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

static int on_frame(Dwfl_Frame *frame, void *context)
{
	struct unwinder *unwinder = context;
	bool is_exact = false;
	Dwarf_Addr pc;

	if (!dwfl_frame_pc(frame, &pc, &is_exact) || pc == 0)
		return DWARF_CB_ABORT;
	stack_trail_note_pc(&unwinder->trail, pc);
	/* A return address belongs to the instruction before it, maybe to another function. */
	unwinder->addresses[unwinder->count++] = is_exact ? pc : pc - 1;
	return unwinder->count < UNWIND_FRAMES_MAX ? DWARF_CB_OK : DWARF_CB_ABORT;
}

uint32_t unwinder_run(struct unwinder *unwinder, struct image *image,
		      const struct stack_sample *sample,
		      uint64_t ret_addresses[static UNWIND_FRAMES_MAX])
{
	Dwfl *dwfl = image_dwfl(image);

	stack_trail_begin(&unwinder->trail, sample->registers[SP_WORD],
			  sample->stack_bytes < sample->wanted_bytes);
	if (!is_readable(sample))
		return 0;
	unwinder->sample = sample;
	unwinder->image = image;
	unwinder->stack_address = sample->registers[SP_WORD];
	unwinder->addresses = ret_addresses;
	unwinder->count = 0;
	/* What cannot be walked further ends the walk; what was found stays. */
	if (dwfl_pid(dwfl) >= 0 ||
	    dwfl_attach_state(dwfl, NULL, (pid_t)image_client(image).pid, &callbacks, unwinder))
		(void)dwfl_getthread_frames(dwfl, 1, on_frame, unwinder);
	if (unwinder->count == 0) {
		ret_addresses[0] = sample->registers[PC_WORD];
		unwinder->count = 1;
	}
	unwinder->sample = NULL;
	unwinder->image = NULL;
	return unwinder->count;
}

void unwinder_read_trail(const struct unwinder *unwinder, const struct stack_sample *sample,
			 struct trail_places *ret_places)
{
	stack_trail_finish(&unwinder->trail, sample->registers, ret_places);
}
