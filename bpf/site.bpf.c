// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who opens a connection, asked at SYN_SENT, which runs in the caller's context. A caller whose
 * stack is known from an earlier one has its site noted in the record; of another a sample goes
 * into a ring. It is a program of its own, called by conn.bpf.c, so that connleak works the same
 * without it: with --no-stacks, and on kernels that lack a helper it needs.
 *
 * Invariant: no more than stacks_per_s samples a second of one process, so a storm of connects
 * costs a look-up each and the ring stays readable for the others.
 */
#include "stack.bpf.h"
#include "stacks.bpf.h"
#include "trail.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define NS_PER_SEC 1000000000ULL

/* Set by the loader. */
const volatile __u32 stacks_per_s = 20;
/* 1: each sample wakes the agent, which costs the connect an interrupt; else it waits for a tick.
 */
const volatile __u32 wake_at_once = 0;

struct budget {
	__u64 since_ns;
	__u64 count;
};

/*
 * What each process has had of this second. Inserted and read: has_budget(). Never deleted: the
 * least recently used makes room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

static __always_inline bool has_budget(__u32 pid, __u64 now)
{
	struct budget *budget = bpf_map_lookup_elem(&budgets, &pid);
	struct budget first = {.since_ns = now, .count = 1};

	if (!budget) {
		bpf_map_update_elem(&budgets, &pid, &first, 0);
		return true;
	}
	if (now - budget->since_ns > NS_PER_SEC) {
		budget->since_ns = now;
		budget->count = 0;
	}
	return __sync_fetch_and_add(&budget->count, 1) < stacks_per_s;
}

static __always_inline void take_sample(const struct conn_record *record, struct task_struct *task,
					const struct caller *caller, const struct trail_key *key)
{
	struct stack_sample *sample;

	if (!has_budget(record->pid, record->open_ns)) {
		count_stack_lost(STACK_LOST_RATE);
		return;
	}
	sample = bpf_ringbuf_reserve(&stacks, sizeof(*sample), 0);
	if (!sample) {
		count_stack_lost(STACK_LOST_RING);
		return;
	}
	sample->sequence = 0;
	sample->key = *key;
	fill_stack_sample(sample, record->id, ROLE_OPEN, task, caller);
	bpf_ringbuf_submit(sample, wake_at_once ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/* Not attached: on_set_state() in conn.bpf.c ends in it, when it has a record of a new open. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_open, struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct caller caller = {};
	struct trail_key key = {};
	struct conn_record *record;

	if (!stacks_per_s)
		return 0;
	record = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (!record || record->phase != PHASE_FRESH || record->tid != (__u32)task->pid)
		return 0;
	if (!read_caller(&caller, task)) {
		take_sample(record, task, NULL, &key);
		return 0;
	}
	fill_trail_key(&key, task, &caller);
	record->site = (__u16)find_trail(&key, &caller, record->open_ns);
	if (!record->site)
		take_sample(record, task, &caller, &key);
	return 0;
}
