/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the agent: the maps of the probe and the probe itself, pinned under
 * DIRECTORY/ABI_VERSION/, so that the next agent goes on where this one was stopped or killed.
 */
#ifndef CONNLEAK_SYS_PINS_H
#define CONNLEAK_SYS_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where nobody says otherwise. */
#define PINS_DIRECTORY "/sys/fs/bpf/connleak"

struct pins;
struct bpf_link;
struct bpf_object;

/* Takes the directory. Returns and errors as pin_dir_take(). */
int pins_open(const char *directory, struct pins **ret_pins, char *ret_error, size_t error_size);

/* Lets the directory go; what is pinned stays. Accepts NULL. */
void pins_close(struct pins *pins);

/*
 * Before the load: gives the object the maps that an agent of before has left. Returns 1, or 0
 * where there are none that fit and all begins anew; says which, unless there was nothing. -errno
 * when that failed.
 */
int pins_adopt(struct pins *pins, struct bpf_object *object);

/* A probe that is attached: what its pin is called, and its link. */
struct pins_probe {
	const char *name; /* NULL: the end of an array */
	struct bpf_link *link;
};

/*
 * After the probes were attached, of which the first is "on_set_state": pins them and the maps, and
 * lets go what was pinned before. In no moment is there no probe. Returns 0, or -errno and one
 * clause in ret_error.
 */
int pins_keep(struct pins *pins, struct bpf_object *object, const struct pins_probe *probes,
	      char *ret_error, size_t error_size);

/* What pins_remove() has found and removed. */
struct pins_removed {
	uint32_t object_count; /* maps and probes */
	uint32_t directory_count;
	bool is_rest; /* something that is not ours was left, and the directory with it */
};

/*
 * Removes everything that any version has pinned below directory, and directory itself. Returns 0,
 * also when there was nothing; -EBUSY when an agent is running, or another -errno, with one clause
 * in ret_error.
 */
int pins_remove(const char *directory, struct pins_removed *ret_removed, char *ret_error,
		size_t error_size);

#endif
