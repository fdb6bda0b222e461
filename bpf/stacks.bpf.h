/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring that samples go through.
 */
#ifndef CONNLEAK_STACKS_BPF_H
#define CONNLEAK_STACKS_BPF_H

#include "maps.bpf.h"

/*
 * Samples of opens, and word of new programs. Written: on_open() in site.bpf.c, on_exec() in
 * tree.bpf.c; a full ring counts STACK_LOST_RING. Read: agent, on its tick, or woken by each where
 * it follows processes that may not live for long.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, ABI_STACKS_RING_BYTES);
} stacks SEC(".maps");

#endif
