/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that have just begun, and whose interpreter is looked for again: the loader maps
 * libpython after the exec.
 */
#ifndef CONNLEAK_SYS_INTRODUCTIONS_H
#define CONNLEAK_SYS_INTRODUCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/abi.h"

#define INTRODUCTIONS_MAX 32 /* at a time; one that finds no room was looked at once */
#define INTRODUCTION_TRIES 4
#define INTRODUCTION_GAP_NS (5ULL * 1000000)

struct introductions {
	struct introduction {
		struct abi_client client;
		uint32_t tries_left;
		uint64_t due_ns;
	} all[INTRODUCTIONS_MAX];
};

/* A look at client has ended at now_ns (CLOCK_MONOTONIC), and its interpreter is_known or not. */
void introductions_note(struct introductions *introductions, const struct abi_client *client,
			bool is_known, uint64_t now_ns);

/*
 * Calls introduce for each that is to be looked at again. Where that fails it is due again a while
 * later, else when its look has been noted.
 */
void introductions_go_on(struct introductions *introductions, uint64_t now_ns,
			 int (*introduce)(void *userdata, const struct abi_client *client),
			 void *userdata);

#endif
