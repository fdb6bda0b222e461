/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes that take stacks: one at each open, and one at each send of processes under suspicion,
 * which is attached while there is one.
 */
#ifndef CONNLEAK_SYS_SITE_PROBES_H
#define CONNLEAK_SYS_SITE_PROBES_H

#include "probes.h"

struct site_probes;

/* Where the last send can be seen, the best first: after it, or before it. */
enum sender_place {
	SENDER_TRACEPOINT, /* sock_send_length, Linux 6.3 */
	SENDER_FENTRY,
	SENDER_KPROBE,
	SENDER_PLACES,
};

/* As struct probes_limits. */
struct site_probes_limits {
	uint32_t ring_bytes;
	uint32_t send_count; /* connections whose last send is kept */
};

struct site_probes_setup {
	uint32_t stack_bytes; /* at most ABI_STACK_BYTES_MAX; in whole steps of ABI_STACK_STEP_BYTES
			       */
	uint32_t stacks_per_s; /* of one process */
	bool wake_at_once; /* look at each stack when it comes: its process may not live for long */
	bool everyone_is_suspect; /* the last send of every process that is watched */
	struct site_probes_limits limits;
	uint32_t senders_left_out; /* a bit a sender_place: not tried; for tests of the others */
};

/*
 * Loads and attaches, after probes, whose maps it shares. On failure returns -errno and a sentence;
 * nothing stays loaded, and everything else works without it.
 */
int site_probes_open(struct probes *probes, const struct site_probes_setup *setup,
		     struct site_probes **ret_site_probes, char *ret_error, size_t error_size);
/*
 * Whether an interpreter has closed connection id while it took itself down; false where that is
 * not known. After site_probes_follow_tree().
 */
bool site_probes_was_finalized(const struct site_probes *site_probes, uint64_t id);

void site_probes_close(struct site_probes *site_probes);

/* Hands over each sample of an open that waits. Returns their number or -errno. */
int site_probes_drain(struct site_probes *site_probes,
		      void (*handle)(void *userdata, const struct stack_sample *sample),
		      void *userdata);

/* Readable when there is a sample. */
int site_probes_fd(const struct site_probes *site_probes);

/* Maps trail_ways and trails, borrowed: which stacks are known (site_trails.h). */
void site_probes_trail_maps(const struct site_probes *site_probes, int *ret_ways_fd,
			    int *ret_trails_fd);

/* Tells the probe how to read the interpreter of a process; and that the process is gone. */
void site_probes_set_layout(struct site_probes *site_probes, uint32_t pid,
			    const struct script_layout *layout);
void site_probes_drop_layout(struct site_probes *site_probes, uint32_t pid);

/* The same for whatever runs a program, with addresses that count from its code's beginning. */
void site_probes_set_program(struct site_probes *site_probes, const struct program_key *program,
			     const struct script_layout *layout);

/*
 * From now on whoever is forked by a process that --pid names is watched as well, and what it
 * forks. Returns 0 or -errno.
 */
int site_probes_follow_tree(struct site_probes *site_probes);

/*
 * Puts a process under suspicion, or clears it. With the first one the probe of sends is attached,
 * with the last one detached. Returns 0 or -errno and a sentence: this kernel has no place for it.
 */
int site_probes_suspect(struct site_probes *site_probes, uint32_t pid, char *ret_error,
			size_t error_size);
void site_probes_clear(struct site_probes *site_probes, uint32_t pid);
bool site_probes_watches_sends(const struct site_probes *site_probes);

/*
 * The last send of a connection that the probe has seen. Returns true and the sample when there is
 * one that nobody is writing at this moment.
 */
bool site_probes_read_send(const struct site_probes *site_probes, uint64_t id,
			   struct stack_sample *ret_sample);
void site_probes_drop_send(struct site_probes *site_probes, uint64_t id);

/* The connections that there is a last send of, as many as ids has room for; returns their number.
 */
size_t site_probes_list_sends(const struct site_probes *site_probes, uint64_t *ids, size_t room);

/* Samples that were not taken, by STACK_LOST_ reason; cumulative. */
void site_probes_read_lost(const struct site_probes *site_probes,
			   uint64_t ret_counts[static STACK_LOST_COUNT]);

#endif
