/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Taking a sample of the thread that is running: its registers as it entered the kernel, the top of
 * its user stack, and the frames of its interpreter. Nothing here waits for a page: what is not in
 * memory ends the copy, and the stack that is in use always is.
 */
#ifndef CONNLEAK_STACK_BPF_H
#define CONNLEAK_STACK_BPF_H

#include "maps.bpf.h"

#define PF_IO_WORKER 0x00000010
#define SCRIPT_THREADS_MAX 64
#define NO_INDIRECTION 0xffffffffu

/* How much of a stack is copied; set by the loader. */
const volatile __u32 stack_bytes = ABI_STACK_BYTES_MAX;

/*
 * Processes whose interpreter is known. Written: agent, when it has recognized one; deleted by it
 * when the process is gone. Read: fill_script_frames().
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct script_layout);
} scripts SEC(".maps");

/*
 * Programs that have their interpreter in them, so that a process is known before anybody has
 * looked at it. Inserted: agent. Read: find_layout(). Never deleted: the least recently used makes
 * room.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct program_key);
	__type(value, struct script_layout);
} script_programs SEC(".maps");

/* One counter a STACK_LOST_ reason. Written: count_stack_lost(). Read: agent. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STACK_LOST_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} stack_lost_counts SEC(".maps");

static __always_inline void count_stack_lost(__u32 reason)
{
	__u64 *count = bpf_map_lookup_elem(&stack_lost_counts, &reason);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline __u64 read_word(__u64 address)
{
	__u64 word = 0;

	/* On failure it is 0, which ends every chain. */
	(void)bpf_probe_read_user(&word, sizeof(word), (const void *)address);
	return word;
}

static __always_inline __u64 thread_self(struct task_struct *task)
{
	struct task_struct___x86 *x86 = (void *)task;
	struct task_struct___arm64 *arm64 = (void *)task;

	if (bpf_core_field_exists(x86->thread.fsbase))
		return BPF_CORE_READ(x86, thread.fsbase);
	if (bpf_core_field_exists(arm64->thread.uw.tp_value))
		return BPF_CORE_READ(arm64, thread.uw.tp_value);
	return 0;
}

/* Returns where the program's code begins. */
static __always_inline __u64 read_program(struct program_key *program, struct task_struct *task)
{
	__u64 start = BPF_CORE_READ(task, mm, start_code);

	program->inode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	program->device = BPF_CORE_READ(task, mm, exe_file, f_inode, i_sb, s_dev);
	program->code_bytes = (__u32)(BPF_CORE_READ(task, mm, end_code) - start);
	return start;
}

/* What is known of the process, else of its program; *ret_base is to be added to addresses. */
static __always_inline const struct script_layout *find_layout(struct task_struct *task,
							       const struct program_key *program,
							       __u64 start, __u64 *ret_base)
{
	__u32 pid = task->tgid;
	const struct script_layout *layout = bpf_map_lookup_elem(&scripts, &pid);

	*ret_base = 0;
	if (layout && layout->start_ns == task->group_leader->start_boottime)
		return layout;
	*ret_base = start;
	return bpf_map_lookup_elem(&script_programs, program);
}

/* The interpreter's state of this thread, by the id that the thread has for itself. */
static __noinline __u64 find_script_thread(const struct script_layout *layout, __u64 base,
					   struct task_struct *task)
{
	__u64 self = thread_self(task), thread;

	thread = read_word(read_word(layout->interpreters_head + base) + layout->threads_head);
	for (int i = 0; i < SCRIPT_THREADS_MAX && thread; i++) {
		if (read_word(thread + layout->thread_id) == self)
			return thread;
		thread = read_word(thread + layout->thread_next);
	}
	return 0;
}

/* The innermost one; 0 = none. */
static __always_inline __u64 find_script_frame(const struct script_layout *layout, __u64 base,
					       struct task_struct *task)
{
	__u64 thread, frame;

	if (layout->thread_next == ABI_NO_THREADS)
		return read_word(layout->interpreters_head + base);
	thread = find_script_thread(layout, base, task);
	if (!thread)
		return 0;
	frame = read_word(thread + layout->thread_frame);
	if (frame && layout->frame_of_indirection != NO_INDIRECTION)
		frame = read_word(frame + layout->frame_of_indirection);
	return frame;
}

static __always_inline void fill_script_frames(struct stack_sample *sample,
					       struct task_struct *task)
{
	const struct script_layout *layout;
	struct program_key program;
	__u64 frame, base;
	__u32 count;

	sample->code_start = read_program(&program, task);
	sample->program = program;
	layout = find_layout(task, &program, sample->code_start, &base);
	if (!layout)
		return;
	sample->has_layout = 1;
	frame = find_script_frame(layout, base, task);
	for (count = 0; count < ABI_SCRIPT_FRAMES_MAX && frame; count++) {
		struct script_frame *script = &sample->script_frames[count];

		script->code = read_word(frame + layout->frame_code);
		script->position = read_word(frame + layout->frame_position);
		frame = read_word(frame + layout->frame_previous);
	}
	sample->script_frame_count = count;
}

/* The walk may look at the word that a frame's caller would have left there. */
#define ABOVE_TOP_BYTES 64

static __always_inline __u32 room_below(__u64 top, __u64 sp, __u32 room)
{
	__u64 bytes = top + ABOVE_TOP_BYTES - sp;

	return top > sp && bytes < room ? (__u32)bytes : room;
}

/*
 * How much of the stack is of use. The first thread's begins where the kernel laid it out, below
 * the program's arguments; a thread's own structure is at the top of its stack. Neither is ever
 * between the frames of a stack, so what is above one of them is not a frame of this one, whatever
 * stack it is.
 */
static __always_inline __u32 stack_room(struct task_struct *task, __u64 sp)
{
	__u32 room = room_below(thread_self(task), sp, stack_bytes);

	return task->mm ? room_below(task->mm->start_stack, sp, room) : room;
}

/*
 * At one go, which fails where a page is not there, and copies nothing then. So in steps up to that
 * page, and small ones up to where the stack begins.
 */
static __always_inline void fill_stack(struct stack_sample *sample, struct task_struct *task,
				       __u64 sp)
{
	__u32 room = stack_room(task, sp), filled = 0;

	if (room > ABI_STACK_BYTES_MAX)
		return;
	if (!bpf_probe_read_user(sample->stack, room, (const void *)sp)) {
		sample->stack_bytes = room;
		return;
	}
	for (__u32 i = 0; i < ABI_STACK_BYTES_MAX / ABI_STACK_STEP_BYTES; i++) {
		if ((i + 1) * ABI_STACK_STEP_BYTES > room ||
		    bpf_probe_read_user(sample->stack + i * ABI_STACK_STEP_BYTES,
					ABI_STACK_STEP_BYTES,
					(const void *)(sp + i * ABI_STACK_STEP_BYTES)))
			break;
		filled += ABI_STACK_STEP_BYTES;
	}
	for (int i = 0; i < 7; i++) {
		if (filled > ABI_STACK_BYTES_MAX - ABI_STACK_STEP_BYTES / 8 ||
		    bpf_probe_read_user(sample->stack + filled, ABI_STACK_STEP_BYTES / 8,
					(const void *)(sp + filled)))
			break;
		filled += ABI_STACK_STEP_BYTES / 8;
	}
	sample->stack_bytes = filled;
}

/* The thread that is running, as it entered the kernel. */
struct caller {
	__u64 registers[ABI_REGISTERS_MAX];
	__u64 sp, ip;
};

static __always_inline __u64 register_at(const struct caller *caller, __u32 offset)
{
	return offset < sizeof(caller->registers) ? caller->registers[offset / 8] : 0;
}

/* False for a kernel thread at work for the process (io_uring): it has no registers of its own. */
static __always_inline bool read_caller(struct caller *caller, struct task_struct *task)
{
	__u32 size = bpf_core_type_size(struct pt_regs);
	struct pt_regs___x86 *x86 = NULL;
	struct pt_regs___arm64 *arm64 = NULL;

	if (size > sizeof(caller->registers))
		size = sizeof(caller->registers);
	if (task->flags & PF_IO_WORKER ||
	    bpf_probe_read_kernel(caller->registers, size, (void *)bpf_task_pt_regs(task)))
		return false;
	caller->sp = register_at(caller, bpf_core_field_offset(struct pt_regs, sp));
	if (bpf_core_field_exists(x86->ip))
		caller->ip = register_at(caller, bpf_core_field_offset(x86->ip));
	else if (bpf_core_field_exists(arm64->pc))
		caller->ip = register_at(caller, bpf_core_field_offset(arm64->pc));
	return true;
}

/* Who and when, and nothing of a stack. Everything but sequence and key. */
static __always_inline void fill_thread(struct stack_sample *sample, __u64 id, __u32 role,
					struct task_struct *task)
{
	sample->id = id;
	sample->t_ns = bpf_ktime_get_ns();
	sample->client.pid = task->tgid;
	sample->client.pad = 0;
	sample->client.start_ns = task->group_leader->start_boottime;
	sample->tid = task->pid;
	sample->role = role;
	sample->has_registers = 0;
	sample->stack_bytes = 0;
	sample->script_frame_count = 0;
	sample->wanted_bytes = stack_bytes;
	sample->site = 0;
	sample->has_layout = 0;
	sample->pad = 0;
	sample->code_start = 0;
	sample->program = (struct program_key){};
	bpf_probe_read_kernel_str(sample->thread_comm, ABI_COMM_SIZE, task->comm);
}

/*
 * Everything but sequence and key. task must be `current`, the thread that opens or sends; caller
 * is NULL where it has no registers.
 */
static __always_inline void fill_stack_sample(struct stack_sample *sample, __u64 id, __u32 role,
					      struct task_struct *task, const struct caller *caller)
{
	fill_thread(sample, id, role, task);
	sample->has_registers = caller != NULL;
	if (caller) {
		__builtin_memcpy(sample->registers, caller->registers, sizeof(sample->registers));
		fill_stack(sample, task, caller->sp);
	}
	fill_script_frames(sample, task);
}

#endif
