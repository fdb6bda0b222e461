/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PHP's own frames, out of the Zend engine's structures: PHP 8.2 and 8.4 without threads. The probe
 * follows the chain of frames when it happens (struct script_layout); here it is told where to
 * look, and the functions that it has found get their names.
 */
#ifndef CONNLEAK_SYS_PHP_FRAMES_H
#define CONNLEAK_SYS_PHP_FRAMES_H

#include "bpf/abi.h"
#include "image.h"
#include "script_names.h"

/* One version's structures, as far as they differ. */
struct php {
	struct script_layout layout;
	uint32_t function_opcodes, function_opcode_count; /* in a zend_op_array */
	uint32_t function_file;
	uint32_t api; /* zend_api of its modules */
	uint64_t registry; /* address of module_registry, which says so once it is filled */
};

/*
 * Recognizes the engine, also one that is still being started. Returns 0; -ENOENT where it is none;
 * -ENOTSUP for a version that is not known here, or one with threads.
 */
int php_detect(struct image *image, struct php *ret_php);

/* The layout of a version by its zend_api, without addresses; NULL = not known. */
const struct php *php_layout_of(uint32_t api);

/*
 * Names of one frame. Returns false where it is none (any more) of a function of the program: PHP's
 * own functions have frames, too.
 */
bool php_read_frame(const struct image *image, const struct php *php,
		    const struct script_frame *frame, struct script_names *ret_names);

#endif
