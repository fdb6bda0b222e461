/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an unwinder went by on its way up a stack: enough to know another stack of the same process
 * to have the same callers, without unwinding it.
 *
 * Why that is so. A step up is a rule that .eh_frame (or the frame pointer, where there is none)
 * gives for an address of code: from which register the frame is counted, and where in the frame
 * the return address and the caller's registers were saved. So by induction: where two stacks have
 * been at the same address of code with the same distances of the registers that point into the
 * stack, the rule is the same, and it reads the same places; where these hold the same return
 * address and the same distances, the next step begins alike. What the places hold else is data:
 * no rule counted a frame from it on the first stack, and it is the same rules on the second.
 *
 * So a trail is: every return address that was taken, every word read that points into the stack
 * (as its distance) or is 0 (which ends a chain of frame pointers), and the same of the registers
 * that a function keeps for its caller. It is no trail where that does not cover the walk: a return
 * address that was not read from the copy, a read from elsewhere (another stack, a signal's), a
 * copy that could have been longer, or more words than there is room for. A word that meets this by
 * chance is a condition too many, and costs a copy of a stack.
 *
 * It says nothing about code that is written while the process runs (JIT), nor about the frames of
 * an interpreter: the same callers are not the same function then. And it holds for as long as the
 * same code is mapped: struct trail_key.
 */
#ifndef CONNLEAK_SYS_STACK_TRAIL_H
#define CONNLEAK_SYS_STACK_TRAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

#define STACK_TRAIL_READS_MAX 1024 /* 64 frames with all the registers they can save */
#define STACK_TRAIL_PCS_MAX 64
/* A pointer to less than this above the stack pointer points into the stack: beyond the copy, so
 * that what ends with it is a condition as well. */
#define STACK_TRAIL_REACH_BYTES (2 * ABI_STACK_BYTES_MAX)

struct stack_trail {
	uint64_t sp;
	struct stack_trail_read {
		uint64_t word;
		uint32_t offset;
	} reads[STACK_TRAIL_READS_MAX];
	uint64_t pcs[STACK_TRAIL_PCS_MAX];
	uint32_t read_count, pc_count;
	bool is_short;
	bool is_broken; /* something was read that the places cannot tell */
};

/*
 * Forgets the walk before. sp is the stack pointer that the copy begins at; is_short: some of the
 * stack could not be copied.
 */
void stack_trail_begin(struct stack_trail *trail, uint64_t sp, bool is_short);

/* A word of the copy was read; or, for the second, one that the copy does not have. */
void stack_trail_note_read(struct stack_trail *trail, uint64_t address, uint64_t word);
void stack_trail_note_miss(struct stack_trail *trail, uint64_t address);

/* A frame was found: the address that it will go on at. The first is that of the sample. */
void stack_trail_note_pc(struct stack_trail *trail, uint64_t pc);

/*
 * What another stack has to have in common with this one. Where that cannot be said place_count is
 * 0.
 */
void stack_trail_finish(const struct stack_trail *trail,
			const __u64 registers[static ABI_REGISTERS_MAX],
			struct trail_places *ret_places);

#endif
