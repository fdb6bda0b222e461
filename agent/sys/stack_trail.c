// SPDX-License-Identifier: Apache-2.0
/*
 * A pool opens its connections at one place, and unwinding each of them tells the same. What is
 * gathered here lets the probe see that it is the same.
 *
 * Invariant: in doubt there is no trail. One place too many costs a copy of a stack, one too few
 * could name the wrong function.
 */
#include "stack_trail.h"

#include <string.h>

/*
 * Words of struct pt_regs that the calling convention keeps: the only registers that a frame
 * further up can be counted from. Of the frame at the system call itself it is the stack pointer,
 * or one of these.
 */
#if defined(__x86_64__)
static const uint8_t kept_words[] = {0, 1, 2, 3, 4, 5}; /* r15 r14 r13 r12 rbp rbx */
#define LINK_WORD (-1)
#elif defined(__aarch64__)
static const uint8_t kept_words[] = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
#define LINK_WORD 30 /* a function that calls nothing keeps its return address there */
#else
#error "the registers of this machine are not known"
#endif

static bool points_into_stack(const struct stack_trail *trail, uint64_t word)
{
	return word >= trail->sp && word - trail->sp < STACK_TRAIL_REACH_BYTES;
}

void stack_trail_begin(struct stack_trail *trail, uint64_t sp, bool is_short)
{
	trail->sp = sp;
	trail->is_short = is_short;
	trail->read_count = trail->pc_count = 0;
	trail->is_broken = false;
}

void stack_trail_note_read(struct stack_trail *trail, uint64_t address, uint64_t word)
{
	uint64_t offset = address - trail->sp;

	if (offset % sizeof(word) != 0 || offset > PLACE_INDEX ||
	    trail->read_count == STACK_TRAIL_READS_MAX) {
		trail->is_broken = true;
		return;
	}
	trail->reads[trail->read_count++] = (struct stack_trail_read){
		.word = word,
		.offset = (uint32_t)offset,
	};
}

/* Above the copy the walk ends for any stack that came the same way; elsewhere is another story. */
void stack_trail_note_miss(struct stack_trail *trail, uint64_t address)
{
	if (trail->is_short || !points_into_stack(trail, address))
		trail->is_broken = true;
}

void stack_trail_note_pc(struct stack_trail *trail, uint64_t pc)
{
	if (trail->pc_count == STACK_TRAIL_PCS_MAX)
		trail->is_broken = true;
	else
		trail->pcs[trail->pc_count++] = pc;
}

static bool is_return_address(const struct stack_trail *trail, uint64_t word)
{
	for (uint32_t i = 1; i < trail->pc_count; i++)
		if (trail->pcs[i] == word)
			return true;
	return false;
}

static bool add_place(struct trail_places *places, uint32_t place, uint64_t value)
{
	for (uint32_t i = 0; i < places->place_count; i++)
		if (places->places[i] == place)
			return true; /* read twice */
	if (places->place_count == ABI_TRAIL_PLACES_MAX)
		return false;
	places->places[places->place_count] = (uint16_t)place;
	places->values[places->place_count] = value;
	places->place_count++;
	return true;
}

/* A word that the walk may depend on, whoever else does. */
static bool add_word(const struct stack_trail *trail, uint32_t place, uint64_t word,
		     struct trail_places *places)
{
	if (points_into_stack(trail, word))
		return add_place(places, place | PLACE_RELATIVE, word - trail->sp);
	if (word == 0 || is_return_address(trail, word))
		return add_place(places, place, word);
	return true;
}

static bool add_registers(const struct stack_trail *trail, const __u64 *registers,
			  struct trail_places *places)
{
	bool fits = true;

	for (size_t i = 0; i < sizeof(kept_words); i++)
		fits &= add_word(trail, PLACE_REGISTER | kept_words[i], registers[kept_words[i]],
				 places);
	if (LINK_WORD >= 0)
		fits &= add_place(places, PLACE_REGISTER | (uint32_t)LINK_WORD,
				  registers[LINK_WORD >= 0 ? LINK_WORD : 0]);
	return fits;
}

static bool add_reads(const struct stack_trail *trail, struct trail_places *places)
{
	bool fits = true;

	for (uint32_t i = 0; i < trail->read_count; i++)
		fits &= add_word(trail, trail->reads[i].offset, trail->reads[i].word, places);
	return fits;
}

/* By place, registers last: neighbours on the stack are compared with one reading of it. */
static void sort_places(struct trail_places *places)
{
	const uint16_t order = PLACE_INDEX | PLACE_REGISTER;

	for (uint32_t i = 1; i < places->place_count; i++) {
		uint16_t place = places->places[i];
		uint64_t value = places->values[i];
		uint32_t at = i;

		for (; at > 0 && (places->places[at - 1] & order) > (place & order); at--) {
			places->places[at] = places->places[at - 1];
			places->values[at] = places->values[at - 1];
		}
		places->places[at] = place;
		places->values[at] = value;
	}
}

/* Each caller was taken from a place that is compared. */
static bool covers_callers(const struct stack_trail *trail, const struct trail_places *places)
{
	for (uint32_t i = 1; i < trail->pc_count; i++) {
		bool is_covered = false;

		for (uint32_t j = 0; j < places->place_count && !is_covered; j++)
			is_covered = !(places->places[j] & PLACE_RELATIVE) &&
				     places->values[j] == trail->pcs[i];
		if (!is_covered)
			return false;
	}
	return true;
}

void stack_trail_finish(const struct stack_trail *trail,
			const __u64 registers[static ABI_REGISTERS_MAX],
			struct trail_places *ret_places)
{
	memset(ret_places, 0, sizeof(*ret_places));
	if (trail->is_broken || trail->pc_count < 2 ||
	    !add_registers(trail, registers, ret_places) || !add_reads(trail, ret_places) ||
	    !covers_callers(trail, ret_places))
		ret_places->place_count = 0;
	sort_places(ret_places);
}
