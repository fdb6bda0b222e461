/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a stack is one that has been unwound before. The agent has left every word that the
 * unwinder went by; where all of them stand on this stack too, it has the same callers, and neither
 * copy nor unwinding would tell more (agent/sys/stack_trail.h).
 */
#ifndef CONNLEAK_TRAIL_BPF_H
#define CONNLEAK_TRAIL_BPF_H

#include "stack.bpf.h"

/*
 * Elements of trails by what a caller has to be. Inserted, changed and deleted: agent. Read:
 * find_trail().
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, ABI_TRAILS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct trail_key);
	__type(value, struct trail_ways);
} trail_ways SEC(".maps");

/* Written: agent, in the memory that it shares. Read: find_trail(). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_TRAILS_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct trail);
} trails SEC(".maps");

/*
 * One thread comes the same way with the same stack pointer, and its stack, or another's, begins at
 * a multiple of 2 KB at least (Go's; others are whole pages).
 */
#define SP_BITS 0x7ff

static __always_inline void mask_digits(__u8 comm[ABI_COMM_SIZE])
{
	for (int i = 0; i < ABI_COMM_SIZE; i++)
		if (comm[i] >= '0' && comm[i] <= '9')
			comm[i] = '#';
}

static __always_inline void fill_trail_key(struct trail_key *key, struct task_struct *task,
					   const struct caller *caller)
{
	const __u64 *comm = (const __u64 *)task->comm;
	const __u64 *process = (const __u64 *)task->group_leader->comm;
	__u64 *words = (__u64 *)key->thread_comm;

	key->client.pid = task->tgid;
	key->client.start_ns = task->group_leader->start_boottime;
	key->ip = caller->ip;
	key->code_pages = task->mm ? task->mm->exec_vm : 0;
	key->exec_id = task->self_exec_id;
	words[0] = comm[0];
	words[1] = comm[1];
	key->is_process_comm = words[0] == process[0] && words[1] == process[1];
	mask_digits(key->thread_comm);
	key->sp_bits = caller->sp & SP_BITS;
}

/*
 * A saved frame pointer and the return address mostly stand side by side, and come in one reading,
 * which costs more than all the rest.
 */
struct stack_words {
	__u64 words[2];
	__u32 index; /* of the second of them; 0 = there is none */
};

static __always_inline bool read_stack(struct stack_words *at, const struct caller *caller,
				       __u32 index, bool is_pair, __u64 *ret_word)
{
	const void *address = (const void *)(caller->sp + index);

	if (at->index && at->index == index) {
		*ret_word = at->words[1];
		return true;
	}
	at->index = is_pair ? index + 8 : 0;
	if (is_pair ? bpf_probe_read_user(at->words, 16, address)
		    : bpf_probe_read_user(at->words, 8, address))
		return false;
	*ret_word = at->words[0];
	return true;
}

/*
 * Not static: the verifier then goes through it once and by itself, not once for each way (a static
 * one took 634,000 of the million instructions that it goes through at most). Hence the look at the
 * pointers, and no bool.
 */
__noinline int is_on_trail(const struct trail *trail, const struct caller *caller)
{
	const struct trail_places *places;
	struct stack_words at = {};
	__u32 count;

	if (!trail || !caller)
		return false;
	places = &trail->places;
	count = places->place_count;
	if (!count || count > ABI_TRAIL_PLACES_MAX)
		return false;
	for (__u32 i = 0; i < ABI_TRAIL_PLACES_MAX; i++) {
		__u32 place, index, next;
		__u64 word = 0;

		if (i >= count)
			break;
		place = places->places[i];
		index = place & PLACE_INDEX;
		next = i + 1 < ABI_TRAIL_PLACES_MAX ? places->places[i + 1] & PLACE_INDEX : 0;
		if (place & PLACE_REGISTER) {
			if (index >= ABI_REGISTERS_MAX)
				return false;
			word = caller->registers[index];
		} else if (!read_stack(&at, caller, index, next == index + 8, &word)) {
			return false;
		}
		if (place & PLACE_RELATIVE)
			word -= caller->sp;
		if (word != places->values[i])
			return false;
	}
	return true;
}

static __always_inline bool is_same_key(const struct trail_key *a, const struct trail_key *b)
{
	const __u64 *left = (const __u64 *)a, *right = (const __u64 *)b;

	for (int i = 0; i < (int)(sizeof(*a) / sizeof(*left)); i++)
		if (left[i] != right[i])
			return false;
	return true;
}

/* A number only where the agent did not write there meanwhile: it may be another's by now. */
static __always_inline __u64 number_of(struct trail *trail, const struct trail_key *key,
				       const struct caller *caller, __u64 now)
{
	/* With the barrier that an exchange is on every machine. */
	__u64 sequence = __sync_fetch_and_add(&trail->sequence, 0);
	__u64 number = trail->number;

	if (sequence & 1 || trail->due_ns <= now || !is_same_key(&trail->key, key) ||
	    !is_on_trail(trail, caller))
		return 0;
	return __sync_fetch_and_add(&trail->sequence, 0) == sequence ? number : 0;
}

/* The number of the caller's site; 0 = it is not known, or due to be looked at anew. */
static __always_inline __u64 find_trail(const struct trail_key *key, const struct caller *caller,
					__u64 now)
{
	const struct trail_ways *ways = bpf_map_lookup_elem(&trail_ways, key);
	__u64 number = 0;

	if (!ways)
		return 0;
	for (int i = 0; i < ABI_TRAIL_WAYS && !number; i++) {
		__u32 index = ways->trails[i] - 1; /* of 0 it is beyond the array */
		struct trail *trail = bpf_map_lookup_elem(&trails, &index);

		if (trail)
			number = number_of(trail, key, caller, now);
	}
	return number;
}

#endif
