/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is in a record, and how it gets into 56 bytes: times as spans, the owner's name as a number.
 * What only few have is kept beside it, and like it goes with the socket.
 *
 * Invariant: a number stands for one name as long as the maps live. Names that there is no number
 * for cost memory, and are no less right.
 */
#ifndef CONNLEAK_RECORD_BPF_H
#define CONNLEAK_RECORD_BPF_H

#include "maps.bpf.h"
#include "span.h"

/* Elements of the map names; set by the loader. A power of two. */
const volatile __u32 name_count = ABI_NAMES_MAX;

/*
 * Names of processes by number, less 1. Inserted: number_of_name(). Read: copy_comm(). Never
 * deleted: where there is no room the name is in details.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, ABI_NAMES_MAX);
	__type(key, __u32);
	__type(value, struct process_name);
} names SEC(".maps");

/*
 * Of connections that somebody else than the owner holds, and of those whose owner's name has no
 * number. Inserted: note_holder() in iter.bpf.c, fill_owner(). Read: change_owner() in iter.bpf.c,
 * copy_comm(). Deleted: by the kernel with the socket. Never full; a refusal counts LOST_DETAIL.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn_detail);
} details SEC(".maps");

static __always_inline __u32 span_since_open(const struct conn_record *record, __u64 now_ns)
{
	return span_between(record->open_ns, now_ns);
}

/* The kernel pads it (__set_task_comm()); a few loads take a tenth of a helper's time. */
static __always_inline void fill_comm(__u64 words[2], const struct task_struct *task)
{
	const __u64 *comm = (const __u64 *)task->group_leader->comm;

	words[0] = comm[0];
	words[1] = comm[1];
}

/* A name is in one of so many elements. */
#define NAME_WAYS 8

/*
 * 0: there is no room for it, or it is empty.
 *
 * Nobody waits for anybody: who finds an element being written goes on to the next, and then a name
 * has two numbers. With one factor odd, key and first word leave one second word; and a first word
 * that is seen is all of it, as 0 is none. So what is found is the name, in whatever order another
 * processor's writes come in.
 */
static __always_inline __u16 number_of_name(const __u64 words[2])
{
	__u64 key = words[0] * 0x9e3779b97f4a7c15ull + words[1] * 0xc2b2ae3d27d4eb4full;

	if (!words[0] || key == NAME_FREE || key == NAME_WRITING)
		return 0;
	for (__u32 i = 0; i < NAME_WAYS; i++) {
		__u32 index = ((__u32)(key >> 48) + i) & (name_count - 1);
		struct process_name *name = bpf_map_lookup_elem(&names, &index);

		if (!name)
			return 0;
		if (name->key == key && name->words[0] == words[0])
			return (__u16)(index + 1);
		if (name->key != NAME_FREE ||
		    __sync_val_compare_and_swap(&name->key, NAME_FREE, NAME_WRITING) != NAME_FREE)
			continue;
		name->words[0] = words[0];
		name->words[1] = words[1];
		__sync_lock_test_and_set(&name->key, key);
		return (__u16)(index + 1);
	}
	return 0;
}

/* An owner whose name has no number. */
static __always_inline void keep_comm(struct sock *sk, const __u64 words[2])
{
	struct conn_detail *detail =
		bpf_sk_storage_get(&details, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);

	if (detail)
		__builtin_memcpy(detail->comm, words, ABI_COMM_SIZE);
	else
		count_lost(LOST_DETAIL);
}

static __always_inline void fill_owner(struct conn_record *record, struct sock *sk,
				       const struct task_struct *task)
{
	__u64 comm[2];

	record->pid = task->tgid;
	record->start_ns = task->group_leader->start_boottime;
	fill_comm(comm, task);
	record->comm = number_of_name(comm);
	if (!record->comm)
		keep_comm(sk, comm);
}

/* Of the owner; empty where it is not known. */
static __always_inline void copy_comm(__u8 comm[ABI_COMM_SIZE], const struct conn_record *record,
				      struct sock *sk)
{
	__u32 index = (__u32)record->comm - 1; /* of 0 it is beyond the array */
	const struct process_name *name = bpf_map_lookup_elem(&names, &index);
	const struct conn_detail *detail;

	if (name) {
		__builtin_memcpy(comm, name->words, ABI_COMM_SIZE);
		return;
	}
	detail = bpf_sk_storage_get(&details, sk, NULL, 0);
	if (detail)
		__builtin_memcpy(comm, detail->comm, ABI_COMM_SIZE);
	else
		__builtin_memset(comm, 0, ABI_COMM_SIZE);
}

/* The addresses of a socket stay until its state is CLOSE, and while that change is told. */
static __always_inline void fill_key(struct pool_key *key, const struct conn_record *record,
				     const struct sock *sk, __u32 netns)
{
	key->client.start_ns = record->start_ns;
	key->client.pid = record->pid;
	key->client.pad = 0;
	fill_remote(key, sk, netns);
}

/* The softirq that writes it may run at this very moment, here or on another processor. */
static __always_inline __u32 read_once(const __u32 *span)
{
	return *(const volatile __u32 *)span;
}

/* What the record has that no sample has told yet. */
static __always_inline __u32 news_of(const struct conn_record *record, __u32 established,
				     __u32 peer_closed)
{
	__u32 news = NEWS_OPEN;

	if (established)
		news |= NEWS_ESTABLISHED;
	if (peer_closed)
		news |= NEWS_PEER_CLOSED;
	return news & ~(__u32)record->told;
}

static __always_inline void fill_sample(struct conn_sample *sample,
					const struct conn_record *record, struct sock *sk,
					const struct tcp_sock *tp, __u32 netns)
{
	__u32 established = read_once(&record->established);
	__u32 peer_closed = read_once(&record->peer_closed);
	__u64 jiffies = bpf_jiffies64();

	fill_key(&sample->key, record, sk, netns);
	sample->id = record->id;
	sample->open_ns = record->open_ns;
	sample->established_ns = span_end_ns(record->open_ns, established);
	sample->peer_closed_ns = span_end_ns(record->open_ns, peer_closed);
	sample->site = record->site;
	sample->jiffies = jiffies;
	fill_io(&sample->io, sk, tp, jiffies);
	fill_local(sample, sk);
	copy_comm(sample->comm, record, sk);
	sample->tid = record->tid;
	sample->flags = record->flags & (RECORD_SEED | RECORD_HALF_CLOSED);
	/* Of the same reading as the times: what is told is told with its time, and only once. */
	sample->news = news_of(record, established, peer_closed);
	sample->connecting = sk->__sk_common.skc_state == TCP_SYN_SENT;
	sample->sent_last = 0;
}

#endif
