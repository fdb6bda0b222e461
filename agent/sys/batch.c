// SPDX-License-Identifier: Apache-2.0
/*
 * One look at the kernel gives samples, ends and exits, each in an order of its own. The table
 * wants one stream that never goes back in time; this makes it.
 *
 * A first look tells of every connection that is open, and most looks after it of few, so an event
 * takes no more room than its type has members, and room that was not needed for a while is given
 * back.
 *
 * Invariant: what batch_next() returns never has a smaller time than what it returned before, over
 * all batches of one struct batch.
 */
#include "batch.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define STRING_COUNT 7 /* of an event, member_of() */
#define ROOM_MIN 4096 /* bytes and slots: not worth giving back */
#define SPARE_LOOKS 8 /* looks that need less than a quarter of the room */

/* Where an event is: slots are sorted, events stay where they are. */
struct slot {
	uint64_t t_ns;
	size_t at; /* in bytes[]; grows in the order of adding */
};

struct batch {
	struct slot *slots;
	size_t count, capacity, position;
	char *bytes; /* events, each as much of it as length_of() says */
	size_t byte_count, byte_capacity;
	uint32_t spare_looks; /* in a row */
	char **strings; /* owned copies of what the events point to */
	size_t string_count, string_capacity;
	const char *last[STRING_COUNT]; /* the copy that was made last, by member; NULL = none */
	uint64_t last_ns;
	struct event event; /* the one that batch_next() returned */
};

struct batch *batch_new(void)
{
	return calloc(1, sizeof(struct batch));
}

/* A look needed little of it, several times in a row: the next large one makes it anew. */
static void give_back(struct batch *batch)
{
	bool is_spare = batch->capacity > ROOM_MIN && batch->count < batch->capacity / 4;

	batch->spare_looks = is_spare ? batch->spare_looks + 1 : 0;
	if (batch->spare_looks < SPARE_LOOKS)
		return;
	free(batch->slots);
	free(batch->bytes);
	batch->slots = NULL;
	batch->bytes = NULL;
	batch->capacity = batch->byte_capacity = 0;
	batch->spare_looks = 0;
	(void)malloc_trim(0); /* what a look has allocated lies between what stays */
}

void batch_reset(struct batch *batch)
{
	for (size_t i = 0; i < batch->string_count; i++)
		free(batch->strings[i]);
	memset(batch->last, 0, sizeof(batch->last));
	give_back(batch);
	batch->string_count = 0;
	batch->count = 0;
	batch->byte_count = 0;
	batch->position = 0;
}

void batch_free(struct batch *batch)
{
	if (!batch)
		return;
	batch_reset(batch);
	free(batch->strings);
	free(batch->slots);
	free(batch->bytes);
	free(batch);
}

/* --- adding ----------------------------------------------------------------------------------- */

_Static_assert(offsetof(struct event, tid) % 8 == 0, "events follow each other aligned");

/* How much of an event its type can have set; what follows in it begins aligned. */
static size_t length_of(enum event_type type)
{
	switch (type) {
	case EVENT_ESTABLISHED:
	case EVENT_PEER_CLOSED:
	case EVENT_CLOSE:
	case EVENT_END:
		return offsetof(struct event, sent_bytes);
	case EVENT_IO:
		return offsetof(struct event, client);
	case EVENT_EXIT:
		return offsetof(struct event, tid);
	case EVENT_OPEN:
	case EVENT_SEEN:
		return offsetof(struct event, lost_count);
	case EVENT_LOST:
	case EVENT_FAILED:
		return offsetof(struct event, churn);
	case EVENT_CHURN:
	case EVENT_PAST:
		break;
	}
	return sizeof(struct event);
}

static const char **member_of(struct event *event, int number)
{
	const char **members[STRING_COUNT] = {
		&event->cgroup,	   &event->exe, &event->site,	   &event->last_site,
		&event->namespace, &event->pod, &event->container,
	};

	return members[number];
}

/*
 * Replaces *text by a copy that lives as long as the batch; *last is the one made last for the same
 * member, which most connections of a process share.
 */
static int keep_string(struct batch *batch, const char **text, const char **last)
{
	char *copy;

	if (!*text)
		return 0;
	if (*last && !strcmp(*last, *text)) {
		*text = *last;
		return 0;
	}
	if (batch->string_count == batch->string_capacity) {
		size_t capacity = batch->string_capacity ? batch->string_capacity * 2 : 64;
		char **strings = realloc(batch->strings, capacity * sizeof(*strings));

		if (!strings)
			return -ENOMEM;
		batch->strings = strings;
		batch->string_capacity = capacity;
	}
	copy = strdup(*text);
	if (!copy)
		return -ENOMEM;
	batch->strings[batch->string_count++] = copy;
	*text = *last = copy;
	return 0;
}

static int make_room(struct batch *batch, size_t length)
{
	if (batch->count == batch->capacity) {
		size_t capacity = batch->capacity ? batch->capacity * 2 : 256;
		struct slot *slots = realloc(batch->slots, capacity * sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		batch->slots = slots;
		batch->capacity = capacity;
	}
	if (batch->byte_capacity - batch->byte_count < length) {
		size_t capacity = batch->byte_capacity ? batch->byte_capacity * 2 : ROOM_MIN;
		char *bytes = realloc(batch->bytes, capacity);

		if (!bytes)
			return -ENOMEM;
		batch->bytes = bytes;
		batch->byte_capacity = capacity;
	}
	return 0;
}

int batch_add(struct batch *batch, const struct event *event)
{
	size_t length = length_of(event->type);
	struct event own = *event;
	int r = make_room(batch, length);

	own.t_ns -= event->t_ns % NS_PER_US;
	for (int i = 0; r == 0 && i < STRING_COUNT; i++)
		r = keep_string(batch, member_of(&own, i), &batch->last[i]);
	if (r < 0)
		return r;
	memcpy(batch->bytes + batch->byte_count, &own, length);
	batch->slots[batch->count++] = (struct slot){.t_ns = own.t_ns, .at = batch->byte_count};
	batch->byte_count += length;
	return 0;
}

/* --- order ------------------------------------------------------------------------------------ */

static const struct event *event_at(const struct batch *batch, size_t at)
{
	return (const struct event *)(const void *)(batch->bytes + at);
}

static int rank(const struct event *event)
{
	return event->type != EVENT_SEEN;
}

static int compare(const void *a, const void *b, void *userdata)
{
	const struct slot *x = a, *y = b;
	const struct event *of_x, *of_y;

	if (x->t_ns != y->t_ns)
		return x->t_ns < y->t_ns ? -1 : 1;
	/*
	 * What was open before comes all at one moment: the longest silent first, which is the
	 * order in which the table keeps them, so that each is added at the end.
	 */
	of_x = event_at(userdata, x->at);
	of_y = event_at(userdata, y->at);
	if (rank(of_x) != rank(of_y))
		return rank(of_x) - rank(of_y);
	if (of_x->type == EVENT_SEEN && of_x->idle_ns != of_y->idle_ns)
		return of_x->idle_ns > of_y->idle_ns ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

void batch_seal(struct batch *batch, uint64_t now_ns)
{
	now_ns -= now_ns % NS_PER_US;
	if (now_ns < batch->last_ns)
		now_ns = batch->last_ns;
	for (size_t i = 0; i < batch->count; i++) {
		struct slot *slot = &batch->slots[i];

		if (slot->t_ns < batch->last_ns)
			slot->t_ns = batch->last_ns;
		if (slot->t_ns > now_ns)
			slot->t_ns = now_ns;
	}
	if (batch->count)
		qsort_r(batch->slots, batch->count, sizeof(*batch->slots), compare, batch);
	batch->last_ns = now_ns;
}

const struct event *batch_next(struct batch *batch)
{
	const struct slot *slot;
	const struct event *event;

	if (batch->position == batch->count)
		return NULL;
	slot = &batch->slots[batch->position++];
	event = event_at(batch, slot->at);
	memset(&batch->event, 0, sizeof(batch->event));
	memcpy(&batch->event, event, length_of(event->type));
	batch->event.t_ns = slot->t_ns;
	return &batch->event;
}
