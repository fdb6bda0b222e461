// SPDX-License-Identifier: Apache-2.0
/*
 * One process's stacks may take long: large files, or files that somebody has made to take long. In
 * one queue all others would wait behind it.
 *
 * Invariant: who has had the least time is next. A process is never so far behind or ahead that it
 * would have the symbolizer to itself for what others have had before it came: it begins with the
 * time of whoever was next last (base_ns).
 */
#include "site_queue.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

struct waiting {
	struct waiting *next;
	struct stack_sample *sample; /* owned; only as long as its stack */
};

struct process {
	struct abi_client client;
	uint64_t had_ns; /* time, counted from that of the process it met when it came */
	struct waiting *first, **last;
	uint32_t count;
	UT_hash_handle hh;
};

struct site_queue {
	struct process *processes;
	uint64_t base_ns;
	uint32_t count;
	uint64_t refused_count;
};

struct site_queue *site_queue_new(void)
{
	return calloc(1, sizeof(struct site_queue));
}

static void drop_process(struct site_queue *queue, struct process *process)
{
	HASH_DEL(queue->processes, process);
	free(process);
}

void site_queue_free(struct site_queue *queue)
{
	struct stack_sample *sample;
	struct process *process, *next;

	if (!queue)
		return;
	while ((sample = site_queue_take(queue)))
		free(sample);
	HASH_ITER(hh, queue->processes, process, next)
	{
		drop_process(queue, process);
	}
	free(queue);
}

static struct process *find_process(const struct site_queue *queue, const struct abi_client *client)
{
	struct process *process;

	HASH_FIND(hh, queue->processes, client, sizeof(*client), process);
	return process;
}

/* Of those that wait for nothing, the one that others are owed the least by. */
static void forget_idle(struct site_queue *queue)
{
	struct process *process, *next, *least = NULL;

	HASH_ITER(hh, queue->processes, process, next)
	{
		if (process->count == 0 && (!least || process->had_ns < least->had_ns))
			least = process;
	}
	if (least)
		drop_process(queue, least);
}

static struct process *get_process(struct site_queue *queue, const struct abi_client *client)
{
	struct process *process = find_process(queue, client);

	if (process)
		return process;
	if (HASH_COUNT(queue->processes) >= SITE_QUEUE_PROCESSES_MAX)
		forget_idle(queue);
	process = HASH_COUNT(queue->processes) < SITE_QUEUE_PROCESSES_MAX
			  ? calloc(1, sizeof(*process))
			  : NULL;
	if (!process)
		return NULL;
	process->client = *client;
	process->had_ns = queue->base_ns;
	process->last = &process->first;
	HASH_ADD(hh, queue->processes, client, sizeof(process->client), process);
	if (hash_took(process))
		return process;
	free(process);
	return NULL;
}

static struct waiting *copy_sample(const struct stack_sample *sample)
{
	size_t length = offsetof(struct stack_sample, stack);
	struct waiting *waiting = malloc(sizeof(*waiting));

	length += sample->stack_bytes <= ABI_STACK_BYTES_MAX ? sample->stack_bytes
							     : ABI_STACK_BYTES_MAX;
	if (!waiting)
		return NULL;
	waiting->next = NULL;
	waiting->sample = malloc(length);
	if (!waiting->sample) {
		free(waiting);
		return NULL;
	}
	memcpy(waiting->sample, sample, length);
	return waiting;
}

bool site_queue_has_room(const struct site_queue *queue, const struct abi_client *client)
{
	const struct process *process = find_process(queue, client);

	return queue->count < SITE_QUEUE_MAX && (!process || process->count < SITE_QUEUE_EACH_MAX);
}

int site_queue_put(struct site_queue *queue, const struct stack_sample *sample)
{
	struct process *process = get_process(queue, &sample->client);
	struct waiting *waiting = NULL;
	int r = process ? 0 : -ENOMEM;

	if (process && !site_queue_has_room(queue, &sample->client))
		r = -ENOSPC;
	if (r == 0) {
		waiting = copy_sample(sample);
		r = waiting ? 0 : -ENOMEM;
	}
	if (r < 0) {
		queue->refused_count++;
		return r;
	}
	/* Time that it did not ask for is nothing that it could make up for now. */
	if (process->count == 0 && process->had_ns < queue->base_ns)
		process->had_ns = queue->base_ns;
	*process->last = waiting;
	process->last = &waiting->next;
	process->count++;
	queue->count++;
	return 0;
}

static struct process *whose_turn(const struct site_queue *queue)
{
	struct process *process, *next, *least = NULL;

	HASH_ITER(hh, queue->processes, process, next)
	{
		if (process->count > 0 && (!least || process->had_ns < least->had_ns))
			least = process;
	}
	return least;
}

struct stack_sample *site_queue_take(struct site_queue *queue)
{
	struct process *process = whose_turn(queue);
	struct stack_sample *sample;
	struct waiting *waiting;

	if (!process)
		return NULL;
	waiting = process->first;
	sample = waiting->sample;
	process->first = waiting->next;
	if (!process->first)
		process->last = &process->first;
	process->count--;
	queue->count--;
	queue->base_ns = process->had_ns;
	free(waiting);
	return sample;
}

void site_queue_note_time(struct site_queue *queue, const struct abi_client *client,
			  uint64_t spent_ns)
{
	struct process *process = find_process(queue, client);

	if (process)
		process->had_ns += spent_ns;
}

uint32_t site_queue_count(const struct site_queue *queue)
{
	return queue->count;
}

uint64_t site_queue_refused_count(const struct site_queue *queue)
{
	return queue->refused_count;
}
