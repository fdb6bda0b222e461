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

#define X86_64_SP 7
#define X86_64_PC 16
#define ARM64_SP 31
#define ARM64_PC 32

struct unwinder {
	const struct stack_sample *sample; /* of the run under way */
	uint64_t stack_address;
	uint64_t *addresses;
	uint32_t count;
};

struct unwinder *unwinder_new(void)
{
	return calloc(1, sizeof(struct unwinder));
}

void unwinder_free(struct unwinder *unwinder)
{
	free(unwinder);
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
	const struct unwinder *unwinder = context;
	uint64_t offset = address - unwinder->stack_address;

	(void)dwfl;
	if (address < unwinder->stack_address ||
	    unwinder->sample->stack_bytes < sizeof(*ret_word) ||
	    offset > unwinder->sample->stack_bytes - sizeof(*ret_word))
		return false;
	memcpy(ret_word, unwinder->sample->stack + offset, sizeof(*ret_word));
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
	const struct unwinder *unwinder = context;
	const __u64 *registers = unwinder->sample->registers;
	Dwarf_Word words[ABI_REGISTERS_MAX];

	for (unsigned i = 0; i < ABI_REGISTERS_MAX; i++)
		words[i] = registers[i];
	if (unwinder->sample->machine == MACHINE_X86_64)
		return dwfl_thread_state_registers(thread, 0, X86_64_PC + 1, words);
	if (!dwfl_thread_state_registers(thread, 0, ARM64_SP + 1, words))
		return false;
	dwfl_thread_state_register_pc(thread, registers[ARM64_PC]);
	return true;
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
	/* A return address belongs to the instruction before it, maybe to another function. */
	unwinder->addresses[unwinder->count++] = is_exact ? pc : pc - 1;
	return unwinder->count < UNWIND_FRAMES_MAX ? DWARF_CB_OK : DWARF_CB_ABORT;
}

uint32_t unwinder_run(struct unwinder *unwinder, struct image *image,
		      const struct stack_sample *sample,
		      uint64_t ret_addresses[static UNWIND_FRAMES_MAX])
{
	Dwfl *dwfl = image_dwfl(image);
	bool is_x86 = sample->machine == MACHINE_X86_64;

	if (!is_x86 && sample->machine != MACHINE_ARM64)
		return 0;
	unwinder->sample = sample;
	unwinder->stack_address = sample->registers[is_x86 ? X86_64_SP : ARM64_SP];
	unwinder->addresses = ret_addresses;
	unwinder->count = 0;
	/* What cannot be walked further ends the walk; what was found stays. */
	if (dwfl_pid(dwfl) >= 0 ||
	    dwfl_attach_state(dwfl, NULL, (pid_t)image_client(image).pid, &callbacks, unwinder))
		(void)dwfl_getthread_frames(dwfl, 1, on_frame, unwinder);
	if (unwinder->count == 0) {
		ret_addresses[0] = sample->registers[is_x86 ? X86_64_PC : ARM64_PC];
		unwinder->count = 1;
	}
	unwinder->sample = NULL;
	return unwinder->count;
}
