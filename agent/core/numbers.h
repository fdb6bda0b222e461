/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of four bytes for objects, for those of whom many name one and have no room for a
 * pointer.
 */
#ifndef CONNLEAK_CORE_NUMBERS_H
#define CONNLEAK_CORE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

union number_slot {
	void *object;
	uint32_t next_free; /* of one that nobody has: the next of these; 0 = it is the last */
};

/* All zero is an empty one. */
struct numbers {
	union number_slot *slots; /* by number less 1; owned */
	uint32_t count, room;
	uint32_t first_free; /* 0 = none */
};

/* The objects are their owner's. */
void numbers_free(struct numbers *numbers);

/* Makes sure that the next numbers_take() has one to give. Returns 0 or -ENOMEM. */
int numbers_prepare(struct numbers *numbers);

/* A number for object, not 0: its own until it is given back. numbers_prepare() comes before. */
uint32_t numbers_take(struct numbers *numbers, void *object);
void numbers_give_back(struct numbers *numbers, uint32_t number);

/* The object of a number that is taken; NULL for 0. */
static inline void *numbers_at(const struct numbers *numbers, uint32_t number)
{
	return number ? numbers->slots[number - 1].object : NULL;
}

#endif
