/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples that wait for the symbolizer, which works on one after the other. Whose turn it is goes
 * by the time that each process's samples have taken: one whose files take seconds to read waits
 * for the others, and they for one sample of it at most.
 */
#ifndef CONNLEAK_SYS_SITE_QUEUE_H
#define CONNLEAK_SYS_SITE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

#define SITE_QUEUE_MAX 512 /* samples of all processes */
#define SITE_QUEUE_EACH_MAX 128 /* of one process: what is copied of it in six seconds */
#define SITE_QUEUE_PROCESSES_MAX 1024 /* with samples, or with time that is remembered */

struct site_queue;

struct site_queue *site_queue_new(void); /* NULL when out of memory */
void site_queue_free(struct site_queue *queue); /* accepts NULL */

/*
 * Takes a copy, without what is beyond stack_bytes. Returns 0, -ENOSPC (counted) when too many
 * wait, of this process or of all, or -ENOMEM (counted).
 */
int site_queue_put(struct site_queue *queue, const struct stack_sample *sample);

/* Whether one more of client's would be taken, memory given. */
bool site_queue_has_room(const struct site_queue *queue, const struct abi_client *client);

/*
 * The oldest sample of the process whose turn it is, NULL when none waits. The caller frees it; as
 * long as it was copied, and no longer.
 */
struct stack_sample *site_queue_take(struct site_queue *queue);

/* A sample of client has taken so long. */
void site_queue_note_time(struct site_queue *queue, const struct abi_client *client,
			  uint64_t spent_ns);

/* Samples that wait, and those that found no room. */
uint32_t site_queue_count(const struct site_queue *queue);
uint64_t site_queue_refused_count(const struct site_queue *queue);

#endif
