// SPDX-License-Identifier: Apache-2.0
/*
 * Sites of connections and their processes come and go; what names them must not have to be gone
 * through, so a number stays as it is for as long as it is taken, and is given out again then.
 *
 * Invariant: a slot is taken, or it is in the list of free ones. It does not shrink.
 */
#include "numbers.h"

#include <errno.h>
#include <stdlib.h>

#define ROOM_MIN 16

void numbers_free(struct numbers *numbers)
{
	free(numbers->slots);
	*numbers = (struct numbers){0};
}

int numbers_prepare(struct numbers *numbers)
{
	uint32_t room = numbers->room ? 2 * numbers->room : ROOM_MIN;
	union number_slot *slots;

	if (numbers->first_free || numbers->count < numbers->room)
		return 0;
	slots = reallocarray(numbers->slots, room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	numbers->slots = slots;
	numbers->room = room;
	return 0;
}

uint32_t numbers_take(struct numbers *numbers, void *object)
{
	uint32_t number = numbers->first_free;

	if (number)
		numbers->first_free = numbers->slots[number - 1].next_free;
	else
		number = ++numbers->count;
	numbers->slots[number - 1] = (union number_slot){.object = object};
	return number;
}

void numbers_give_back(struct numbers *numbers, uint32_t number)
{
	numbers->slots[number - 1] = (union number_slot){.next_free = numbers->first_free};
	numbers->first_free = number;
}
