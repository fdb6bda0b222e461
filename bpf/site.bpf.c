// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Who opens a connection: at SYN_SENT, which runs in the caller's context, a sample of the caller
 * goes into a ring. It is a program of its own beside conn.bpf.c, attached after it, so that
 * connleak works the same without it: with --no-stacks, and on kernels that lack a helper it needs.
 *
 * Invariant: no more than stacks_per_s samples a second of one process, so a storm of connects
 * costs a look-up each and the ring stays readable for the others.
 */
#include "stack.bpf.h"
#include "stacks.bpf.h"

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

static __always_inline bool has_budget(__u32 pid)
{
	struct budget *budget = bpf_map_lookup_elem(&budgets, &pid);
	__u64 now = bpf_ktime_get_ns();
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

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_open, struct sock *sk, int oldstate, int newstate)
{
	struct conn_record *record;
	struct stack_sample *sample;

	if (newstate != TCP_SYN_SENT || !stacks_per_s)
		return 0;
	record = bpf_sk_storage_get(&conns, sk, NULL, 0);
	/* Not ours, or the record of this socket's last connection. */
	if (!record || record->phase != PHASE_FRESH ||
	    record->tid != (__u32)bpf_get_current_task_btf()->pid)
		return 0;
	if (!has_budget(record->pid)) {
		count_stack_lost(STACK_LOST_RATE);
		return 0;
	}
	sample = bpf_ringbuf_reserve(&stacks, sizeof(*sample), 0);
	if (!sample) {
		count_stack_lost(STACK_LOST_RING);
		return 0;
	}
	sample->sequence = 0;
	fill_stack_sample(sample, record, ROLE_OPEN);
	bpf_ringbuf_submit(sample, wake_at_once ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	return 0;
}
