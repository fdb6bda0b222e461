/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that the probes and the agent hand to each other; the only header both sides share.
 * Fixed widths and explicit padding, no bool, enum or pointer. Times are nanoseconds of
 * CLOCK_MONOTONIC unless said otherwise; jiffies are the kernel's tick counter.
 */
#ifndef CONNLEAK_ABI_H
#define CONNLEAK_ABI_H

#ifdef __bpf__
#include <vmlinux.h>
#else
#include <linux/types.h>
#endif

/*
 * Changed whenever a layout or a meaning below changes, or the meaning of a map: what is pinned
 * under another version is not reused.
 */
#define ABI_VERSION 11

#define ABI_COMM_SIZE 16
#define ABI_PORT_BITMAP_BYTES 8192
#define ABI_CGROUPS_MAX 16
/* Room for what one pass of the iterator finds; a pass that wants more is followed by another. */
#define ABI_SAMPLES_MAX 4096
#define ABI_IO_SAMPLES_MIN 2048
#define ABI_IO_SAMPLES_MAX 1048576 /* while as many connections are in use: 50 MB */
#define ABI_POOLS_MAX 16384
#define ABI_LISTENERS_MAX 16384
#define ABI_NAMES_MAX 4096 /* a power of two; 98 KB */
#define ABI_RING_BYTES (4 * 1024 * 1024)

/* Life of a record. One atomic exchange decides between "seen by the agent" and "over". */
#define PHASE_BLANK 0u /* being filled in */
#define PHASE_FRESH 1u /* open, not reported yet */
#define PHASE_SEEN 2u /* open, reported */
#define PHASE_OVER 3u /* closed or failed, or never ours */
#define PHASE_SEEDED 4u /* found open at the start, not yet held against the listeners */
#define PHASE_HIDDEN 5u /* open, of an earlier session; this one does not watch it */

/* struct conn_record.flags; written in the socket's own context only */
#define RECORD_SEED (1u << 0) /* open_ns is the latest moment at which it can have been opened */
#define RECORD_HALF_CLOSED (1u << 1) /* shutdown(SHUT_WR) here, still held */
/* Above them, of no concern to the agent: the probe that made it (conn.bpf.c). */
#define RECORD_PROBE_SHIFT 2
#define RECORD_PROBES 64

/* What a sample tells for the first time. */
#define NEWS_OPEN (1u << 0)
#define NEWS_ESTABLISHED (1u << 1)
#define NEWS_PEER_CLOSED (1u << 3)
#define NEWS_OWNER (1u << 4) /* the opener no longer holds it, pid and comm are the holder's */

/* Who or what ended a connection; same order as enum close_by of the agent. */
#define ENDED_LOCAL 0u
#define ENDED_PEER 1u
#define ENDED_RESET 2u
#define ENDED_TIMEOUT 3u
#define ENDED_EXIT 4u
#define ENDED_COUNT 5u

/* Why a connect failed; same order as enum fail_reason of the agent. */
#define FAILED_REFUSED 0u
#define FAILED_TIMEDOUT 1u
#define FAILED_RESET 2u
#define FAILED_HOSTUNREACH 3u
#define FAILED_NETUNREACH 4u
#define FAILED_CANCELED 5u
#define FAILED_NOADDR 6u
#define FAILED_OTHER 7u
#define FAILED_COUNT 8u

/* Every way to lose something has a slot in the map lost_counts. */
#define LOST_STORAGE 0u /* the kernel refused storage for a socket: it is not seen at all */
#define LOST_RING 1u /* the ring was full: an end is noticed later, without its reason */
#define LOST_POOL 2u /* the map of pools was full: an end is not counted there */
#define LOST_LISTENER                                                                              \
	3u /* too many listening sockets: a server's socket may count as a client's                \
	    */
#define LOST_DETAIL 4u /* the kernel refused storage for what is in struct conn_detail */
#define LOST_COUNT 5u

/* Elements of the map counters. */
#define COUNTER_CONN 0u /* the last id given to a connection */
#define COUNTER_SESSION 1u /* of the agent: starts of an agent on these maps */
#define COUNTER_COUNT 2u

/* One process instance. */
struct abi_client {
	__u64 start_ns; /* start of the thread group leader, since boot (CLOCK_BOOTTIME) */
	__u32 pid; /* thread group id in the initial pid namespace */
	__u32 pad;
};

/* A pool: key of pool_counts. */
struct pool_key {
	struct abi_client client;
	__u8 remote_ip[16]; /* network byte order; IPv4 as ::ffff:a.b.c.d */
	__u32 netns; /* inode of the network namespace */
	__u16 remote_port; /* host byte order */
	__u16 pad;
};

/* Connections that have ended. */
struct end_counts {
	__u64 closed_count[ENDED_COUNT]; /* first: beside the key (struct pool_counts) */
	__u64 failed_count[FAILED_COUNT];
	__u64 seed_count; /* of the closed: were open before the probe, so they count no open */
	/* FIN or RST within 1 s of the open, under 200 bytes received, at most two segments sent.
	 */
	__u64 early_peer_close_count;
};

/*
 * The connections of a pool that have ended. The kernel puts 88 bytes before it: with the pad each
 * is six lines of the cache, of which a close touches the first two.
 */
struct pool_counts {
	struct end_counts brief; /* opened and ended without the agent having seen them open */
	struct end_counts told; /* the others: the agent has been told of each */
	__u8 comm[ABI_COMM_SIZE];
	__u64 pad[5];
};

/*
 * One connection: value of the socket storage map conns. The kernel puts 72 bytes before it and
 * takes memory by 96, 128 and 192, so it must not have more than 56; they are one line of the
 * cache, of 64 bytes. Where it leads to is the socket's to say.
 */
struct conn_record {
	__u64 id; /* unique while the maps live */
	__u64 open_ns;
	__u64 start_ns; /* of the owner, as in abi_client: its opener, or who holds it since */
	__u32 pid; /* the same */
	__u32 tid; /* the thread that connected */
	__u32 established; /* span since open_ns; 0 = not yet, or before the observation */
	__u32 peer_closed; /* span since open_ns; 0 = no FIN yet */
	__u32 phase; /* PHASE_ */
	__u32 told_moved; /* what the socket's counters of bytes made when they were told */
	__u16 site; /* number of the trail that the opener was on; 0 = not known; by the probe */
	__u16 comm; /* of the owner: number in the map names; 0 = it is in struct conn_detail */
	__u8 flags; /* RECORD_ */
	/* Written by the iterators only, which never run side by side. */
	__u8 told; /* NEWS_ that samples have told already, and TOLD_OTHER */
	__u8 held_walk; /* the last walk over all files that found the owner holding it */
	__u8 met_pass; /* the last full pass that met it */
};

/* In conn_record.told: a walk has found somebody else than the owner, see struct conn_detail. */
#define TOLD_OTHER (1u << 7)

/*
 * What few connections have: value of the socket storage map details. The same 72 bytes come before
 * it.
 */
struct conn_detail {
	/* Who else holds it: written by the iterators only. */
	__u64 other_start_ns; /* the lowest pid of them */
	__u32 other_pid;
	__u32 other_walk; /* the last walk that found somebody else */
	__u8 other_comm[ABI_COMM_SIZE];
	__u8 comm[ABI_COMM_SIZE]; /* of the owner, where the map names had no room for it */
};

/* The name of a process (of its thread group leader), NUL-padded: element of the array names. */
struct process_name {
	__u64 key; /* NAME_; else made of both words */
	__u64 words[2];
};

#define NAME_FREE 0ull
#define NAME_WRITING 1ull

/* The measured side of a connection, out of tcp_sock. */
struct conn_io {
	__u64 sent_bytes; /* payload, without retransmissions */
	__u64 received_bytes; /* payload */
	__u32 send_age_jiffies; /* since the last payload byte sent; meaningless when none was */
	__u32 recv_age_jiffies;
	__u32 srtt_us; /* 0 = not measured */
	__u32 retransmit_count;
};

/* What the iterator reports of a connection that has news: element of the array samples. */
struct conn_sample {
	struct pool_key key;
	__u64 id;
	__u64 open_ns;
	__u64 established_ns;
	__u64 peer_closed_ns;
	__u64 site; /* as in conn_record */
	__u64 jiffies; /* jiffies64 when the sample was taken; the ages in io count from here */
	struct conn_io io;
	__u8 local_ip[16]; /* network byte order; IPv4 as ::ffff:a.b.c.d */
	__u8 comm[ABI_COMM_SIZE];
	__u32 tid;
	__u32 news; /* NEWS_ */
	__u32 flags; /* RECORD_SEED, RECORD_HALF_CLOSED */
	__u16 local_port; /* host byte order; 0 = not bound yet */
	__u8 connecting; /* 1 = SYN_SENT */
	__u8 sent_last; /* 1: both ages are the same, and what was sent came last; not at an end */
};

/*
 * The same of one that has been in use and has no other news, which is what nearly all have to
 * tell: element of the array io_samples, or of one in many_io_samples.
 */
struct io_sample {
	__u64 id;
	struct conn_io io;
	__u32 jiffies; /* the low bits of jiffies64 when it was taken */
	__u16 site; /* as in conn_record */
	__u8 connecting; /* 1 = SYN_SENT */
	__u8 sent_last; /* as in conn_sample */
};

/* What came of a pass of the iterator: in the .bss of iter.bpf.c. */
struct pass_result {
	__u64 jiffies; /* jiffies64 and the monotonic time at one moment */
	__u64 now_ns;
	__u32 sample_count; /* both may exceed the room that there is: then ask again */
	__u32 io_count;
	/* Of a full pass: connections that have been told and are open; the sum of their ids. */
	__u64 met_count;
	__u64 met_sum;
};

/* A record of the ring: a connection is over. */
struct end_event {
	struct conn_sample sample; /* news: what no sample had told before */
	__u64 end_ns;
	__u32 failed; /* 1: never established, reason is FAILED_; 0: reason is ENDED_ */
	__u32 reason;
	__u32 seen; /* 1: a sample has told of it before */
	__u32 met_pass; /* the last full pass that met it */
	__u32 segment_count; /* sent, with payload */
	__u32 pad;
};

/* The only element of the map config. May change while the probes run. */
struct probe_config {
	__u32 match_pids; /* 1: only processes in the map pids */
	__u32 match_comms; /* 1: only names in the map comms */
	__u32 cgroup_count; /* only processes in or below one of these; 0 = all */
	__u32 tell_short; /* 1: short connections go to the ring one by one too, for a recording */
	__u64 cgroup_ids[ABI_CGROUPS_MAX];
	__u8 port_bitmap[ABI_PORT_BITMAP_BYTES]; /* bit port % 8 of byte port / 8 */
	/* Where it does not mean work that something was sent last: there sent_last is 0. */
	__u8 one_way_bitmap[ABI_PORT_BITMAP_BYTES];
};

struct listener_key {
	__u32 netns;
	__u16 port; /* host byte order */
	__u16 pad;
};

/* --- sites: who opened a connection, who sent on it last ----------------------------------------
 */

#define ABI_STACK_BYTES_MAX 16384
#define ABI_STACK_STEP_BYTES 2048
#define ABI_REGISTERS_MAX 34 /* words of struct pt_regs that count: 21 on x86_64, 33 on arm64 */
#define ABI_SCRIPT_FRAMES_MAX 32
#define ABI_STACKS_RING_BYTES (4 * 1024 * 1024) /* 240 samples */
#define ABI_LAST_SENDS_MAX 512 /* connections of suspects: 9 MB while there is a suspect */

#define ABI_SITE_BYTES 384 /* of a site's line, with its NUL */
#define ABI_SITES_MAX 65536 /* connections whose site is kept for the next agent */
#define ABI_SITE_TEXTS_MAX 4096

#define ROLE_OPEN 0u
#define ROLE_LAST_SEND 1u
#define ROLE_INTRODUCE 2u /* of no connection: a process has begun to run another program */

/* Why there is no sample: slots of the map stack_lost_counts. */
#define STACK_LOST_RATE 0u /* its process opens too many connections a second */
#define STACK_LOST_RING 1u /* the ring was full */
#define STACK_LOST_SENDS 2u /* too many connections of suspects */
#define STACK_LOST_TREE 3u /* too many processes below the one that is followed */
#define STACK_LOST_COUNT 4u

#define ABI_TRAILS_MAX 512 /* places in programs that open connections; the first is not used */
#define ABI_TRAIL_WAYS 8 /* with one key */
#define ABI_TRAIL_PLACES_MAX 96

/* struct trail_places.places: where a word of a stack is, and how it is to be compared. */
#define PLACE_INDEX 0x3fffu /* bytes from the stack pointer, or number of a register's word */
#define PLACE_REGISTER 0x4000u
#define PLACE_RELATIVE 0x8000u /* what counts is its distance from the stack pointer */

/* Value of the map site_texts. */
struct site_text {
	char text[ABI_SITE_BYTES]; /* NUL-terminated */
};

/* A frame of an interpreter: two of its own addresses, to be looked up later. */
struct script_frame {
	__u64 code; /* the code object */
	__u64 position; /* the instruction that it is at */
};

/*
 * What a thread has to be for one stack of it to say anything about another. Two samples with the
 * same key are of one program in one process with the same code mapped.
 */
struct trail_key {
	struct abi_client client;
	__u64 ip; /* where it entered the kernel */
	__u64 code_pages; /* of its memory: changes with every library that comes or goes */
	__u8 thread_comm[ABI_COMM_SIZE]; /* each digit as a # */
	__u32 exec_id; /* changes when the process executes another program */
	__u16 is_process_comm; /* 1: the thread is named as its process is */
	__u16 sp_bits; /* of the stack pointer: no condition, it tells most places apart */
};

/*
 * Every word that the unwinder went by on its way up one stack. Another stack with the same words
 * there has the same callers (stack_trail.h says why).
 */
struct trail_places {
	__u64 values[ABI_TRAIL_PLACES_MAX];
	__u16 places[ABI_TRAIL_PLACES_MAX]; /* PLACE_ */
	__u32 place_count; /* 0: nothing can be said */
	__u32 pad;
};

/* Element of the array trails; written by the agent in shared memory. */
struct trail {
	struct trail_key key;
	__u64 number; /* of its site, for the agent; 16 bits, of which 0 is none */
	__u64 due_ns; /* from then on it is not believed: looked at anew */
	__u64 sequence; /* changes with every writing; odd while it is being written */
	struct trail_places places;
};

/* Value of the map trail_ways: elements of trails plus 1; 0 = none. */
struct trail_ways {
	__u32 trails[ABI_TRAIL_WAYS];
};

/* A program, as the file that it was executed from. */
struct program_key {
	__u64 inode; /* 0: a kernel thread */
	__u32 device; /* as the kernel writes it */
	__u32 code_bytes; /* an inode's number may be given to another file */
};

/* The user side of a thread at one moment: record of the ring stacks, value of last_sends. */
struct stack_sample {
	__u64 id; /* of the connection */
	__u64 t_ns;
	struct abi_client client;
	__u32 tid; /* in the initial pid namespace */
	__u32 role; /* ROLE_ */
	__u32 has_registers; /* 0: a kernel thread at work for the process (io_uring) */
	__u32 stack_bytes; /* of stack, from the stack pointer upwards */
	__u32 script_frame_count;
	__u32 sequence; /* last_sends: changes with each send; odd while it is being written */
	__u32 wanted_bytes; /* what stack_bytes is where nothing of the stack is out of reach */
	__u32 site; /* last_sends: number of the trail that it is on, and then no stack; 0 = none */
	__u32 has_layout; /* 1: its interpreter was known, so there are the frames that it has */
	__u32 pad;
	__u64 code_start; /* where the program's own code is in its memory; 0 with site */
	struct program_key program; /* none with site */
	struct trail_key key; /* where site is 0; none of a thread without registers */
	__u8 thread_comm[ABI_COMM_SIZE];
	__u64 registers[ABI_REGISTERS_MAX]; /* struct pt_regs of the machine, word by word */
	struct script_frame script_frames[ABI_SCRIPT_FRAMES_MAX]; /* innermost first */
	__u8 stack[ABI_STACK_BYTES_MAX];
};

/*
 * Where an interpreter keeps its frames, as offsets into its own structures; value of scripts, by
 * process, and of script_programs, where start_ns is 0 and the addresses count from code_start.
 * Filled in by the agent, which has read the interpreter's version.
 */
#define ABI_NO_THREADS 0xffffffffu

struct script_layout {
	__u64 start_ns; /* of the process: a pid that was given out anew is another one */
	__u64 interpreters_head; /* address of the pointer to the first interpreter */
	__u64 finalizing; /* address of a word that is 0 until the interpreter takes itself down */
	__u32 threads_head; /* in the interpreter */
	__u32 thread_next; /* in the thread's state; ABI_NO_THREADS: the first word points to a
			      frame */
	__u32 thread_id; /* pthread_self() of the thread */
	__u32 thread_frame; /* pointer to the innermost frame, or to the structure that has it */
	__u32 frame_of_indirection; /* in that structure; ~0 = there is none */
	__u32 frame_previous; /* in the frame */
	__u32 frame_code;
	__u32 frame_position;
};

_Static_assert(sizeof(struct script_layout) == 56, "script_layout has holes");
_Static_assert(sizeof(struct program_key) == 16, "program_key has holes");
_Static_assert(sizeof(struct trail_key) == 56, "trail_key has holes");
_Static_assert(sizeof(struct trail) == 1048, "trail has holes");
_Static_assert(sizeof(struct stack_sample) % 8 == 0, "stack_sample has holes");
_Static_assert(sizeof(struct pool_key) == 40, "pool_key has holes");
_Static_assert(sizeof(struct pool_counts) == 296, "pool_counts has holes");
_Static_assert(sizeof(struct conn_record) == 56, "conn_record has holes, or takes more memory");
_Static_assert(sizeof(struct conn_detail) == 48, "conn_detail has holes, or takes more memory");
_Static_assert(sizeof(struct process_name) == 24, "process_name has holes");
_Static_assert(sizeof(struct conn_sample) == 168, "conn_sample has holes");
_Static_assert(sizeof(struct io_sample) == 48, "io_sample has holes");
_Static_assert(sizeof(struct end_event) == 200, "end_event has holes");
_Static_assert(sizeof(struct probe_config) == 16528, "probe_config has holes");

#endif
