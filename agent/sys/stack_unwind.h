/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the registers and a copy of the top of a thread's stack to the addresses of its callers.
 */
#ifndef CONNLEAK_SYS_STACK_UNWIND_H
#define CONNLEAK_SYS_STACK_UNWIND_H

#include "bpf/abi.h"
#include "image.h"

#define UNWIND_FRAMES_MAX 64

struct unwinder;

struct unwinder *unwinder_new(void); /* NULL when out of memory */
void unwinder_free(struct unwinder *unwinder); /* after the images that it was used with */

/*
 * Fills ret_addresses with the places in the code, innermost first: of a caller an address inside
 * its call instruction, so that it can be looked up as it is. Returns their number; 0 where the
 * sample has no registers that we understand. Reads the copy and nothing else.
 */
uint32_t unwinder_run(struct unwinder *unwinder, struct image *image,
		      const struct stack_sample *sample,
		      uint64_t ret_addresses[static UNWIND_FRAMES_MAX]);

/*
 * What word is without a signature of arm64's pointer authentication, which fills the bits above an
 * address: with them, an address in no file; without them, one in the code of a file of image. Any
 * other word comes back as it is. Pure but for the image.
 */
uint64_t unwinder_strip_signature(const struct image *image, uint64_t word);

/* What another stack needs to lead to the same addresses as the last run over this sample. */
void unwinder_read_trail(const struct unwinder *unwinder, const struct stack_sample *sample,
			 struct trail_places *ret_places);

#endif
