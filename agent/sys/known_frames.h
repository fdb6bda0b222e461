/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What addresses of a process's files are called, as far as it was looked up before: the same few
 * frames are on nearly every stack, and libdw goes through all symbols of a file for each.
 */
#ifndef CONNLEAK_SYS_KNOWN_FRAMES_H
#define CONNLEAK_SYS_KNOWN_FRAMES_H

#include "symbol.h"

/* 110 KB of a process at most: more addresses are on the way of few programs. */
#define KNOWN_FRAMES_MAX 256

struct known_frames;

/* The symbols at address, those inlined first; NULL = not known. Valid until something is kept. */
const struct symbol *known_frames_find(const struct known_frames *frames, uint64_t address,
				       uint32_t *ret_count);

/*
 * Keeps a copy in *frames, which is allocated with the first (NULL before), in place of one
 * of those before. Without memory nothing is kept.
 */
void known_frames_keep(struct known_frames **frames, uint64_t address, const struct symbol *symbols,
		       uint32_t count);

/* Accepts NULL. */
void known_frames_free(struct known_frames *frames);

#endif
