/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a sample of a thread to the line that names its site. Parses files and memory of processes
 * that nobody vouches for: run it in a process that has nothing to lose (symbolizer.h).
 */
#ifndef CONNLEAK_SYS_RESOLVER_H
#define CONNLEAK_SYS_RESOLVER_H

#include "bpf/abi.h"
#include "core/site.h"

struct resolver;

/* What became of a sample; also the message from the symbolizer to the agent. */
struct site_answer {
	uint64_t id; /* of the connection */
	uint64_t sequence;
	struct abi_client client;
	uint32_t role;
	uint32_t has_layout; /* 1: layout is that of the process's interpreter */
	uint32_t is_in_program; /* 1: which is in the file that the process has executed */
	uint32_t pad;
	uint64_t code_start; /* of the sample */
	struct program_key program; /* of the sample */
	struct script_layout layout;
	struct trail_key key; /* of the sample */
	struct trail_places trail; /* none where another such stack could have another site */
	char site[SITE_SIZE]; /* "" = nothing is known */
};

/* proc_fd is borrowed. NULL when out of memory. */
struct resolver *resolver_new(int proc_fd);
void resolver_free(struct resolver *resolver);

/* Always fills *ret_answer. */
void resolver_run(struct resolver *resolver, const struct stack_sample *sample,
		  struct site_answer *ret_answer);

#endif
