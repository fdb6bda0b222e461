// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A process and all that descends from it, from the first instruction: who is forked by a process
 * that is watched is watched before it can run, by the same map that holds --pid. And what an
 * interpreter closes while it takes itself down, which is what nobody else has closed. For
 * `connleak run` alone.
 *
 * Invariant: a process is in the map from its fork to the exit of its first thread. A full map
 * counts STACK_LOST_TREE.
 */
#include "stack.bpf.h"
#include "stacks.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Connections by their id. Inserted: on_close(). Read: agent, when it hears of the end of one;
 * never deleted: the least recently used makes room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u8);
} finalized SEC(".maps");

/* An interpreter that was forked is laid out as the one before. */
static __always_inline void inherit_layout(__u32 parent, struct task_struct *child)
{
	const struct script_layout *known = bpf_map_lookup_elem(&scripts, &parent);
	__u32 pid = child->tgid;
	struct script_layout layout;

	if (!known)
		return;
	layout = *known;
	layout.start_ns = child->start_boottime;
	bpf_map_update_elem(&scripts, &pid, &layout, 0);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = parent->tgid, to = child->tgid;
	__u8 one = 1;

	if (from == to || !bpf_map_lookup_elem(&pids, &from))
		return 0;
	if (bpf_map_update_elem(&pids, &to, &one, 0))
		count_stack_lost(STACK_LOST_TREE);
	inherit_layout(from, child);
	return 0;
}

/* A program that has been looked at before is known from its first instruction. */
static __always_inline void set_layout(__u32 pid, const struct program_key *program, __u64 start,
				       struct task_struct *task)
{
	const struct script_layout *known = bpf_map_lookup_elem(&script_programs, program);
	struct script_layout layout;

	if (!known) {
		bpf_map_delete_elem(&scripts, &pid);
		return;
	}
	layout = *known;
	layout.start_ns = task->group_leader->start_boottime;
	layout.interpreters_head += start;
	if (layout.finalizing)
		layout.finalizing += start;
	bpf_map_update_elem(&scripts, &pid, &layout, 0);
}

/* Says that there is a new program, so that its interpreter is known before its first connection,
 * and its files are read while it is there. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	struct program_key program;
	struct stack_sample *sample;
	__u32 pid = task->tgid;
	__u64 start;

	if (!bpf_map_lookup_elem(&pids, &pid))
		return 0;
	start = read_program(&program, task);
	set_layout(pid, &program, start, task);
	sample = bpf_ringbuf_reserve(&stacks, sizeof(*sample), 0);
	if (!sample) {
		count_stack_lost(STACK_LOST_RING);
		return 0;
	}
	fill_thread(sample, 0, ROLE_INTRODUCE, task);
	sample->sequence = 0;
	sample->code_start = start;
	sample->program = program;
	bpf_ringbuf_submit(sample, BPF_RB_FORCE_WAKEUP);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	__u32 pid = task->tgid;

	if (task->pid == task->tgid)
		bpf_map_delete_elem(&pids, &pid);
	return 0;
}

/*
 * Whether it was the process's own doing, so that `current` is that process, is for conn.bpf.c to
 * say: of a connection that has ended in another way nobody asks.
 */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_close, struct sock *sk, int oldstate, int newstate)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct script_layout *layout;
	struct conn_record *record;
	__u32 pid = task->tgid;
	__u8 one = 1;
	__u64 id;

	if (newstate != TCP_FIN_WAIT1 && newstate != TCP_LAST_ACK && newstate != TCP_CLOSE)
		return 0;
	/* What was closed before ends when the other end's answer comes, on anybody's time. */
	if (newstate == TCP_CLOSE && oldstate != TCP_ESTABLISHED && oldstate != TCP_CLOSE_WAIT)
		return 0;
	layout = bpf_map_lookup_elem(&scripts, &pid);
	if (!layout || layout->start_ns != task->group_leader->start_boottime ||
	    !layout->finalizing || !read_word(layout->finalizing))
		return 0;
	record = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (!record)
		return 0;
	id = record->id;
	/* On failure it counts as closed, as without this program. */
	(void)bpf_map_update_elem(&finalized, &id, &one, 0);
	return 0;
}
