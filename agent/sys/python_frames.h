/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Python's own frames, out of the interpreter's structures: CPython 3.11, 3.12 and 3.13. The probe
 * follows the chain of frames when it happens (struct script_layout); here it is told where to
 * look, and the code objects that it has found get their names.
 */
#ifndef CONNLEAK_SYS_PYTHON_FRAMES_H
#define CONNLEAK_SYS_PYTHON_FRAMES_H

#include "bpf/abi.h"
#include "image.h"
#include "script_names.h"

/* One version's structures, as far as they are read. */
struct python {
	struct script_layout layout;
	uint32_t type_of; /* in any object: pointer to its type */
	uint32_t type_name; /* in a type: pointer to a C string */
	uint32_t code_file, code_name, code_lines; /* in a code object: pointers to objects */
	uint32_t code_first_line;
	uint32_t code_bytes; /* in a code object: where its instructions begin */
	uint32_t text_length, text_state; /* in a str */
	uint32_t text_ascii, text_other; /* sizes of the two headers of a compact str */
	uint32_t bytes_length, bytes_data;
};

/*
 * Recognizes the interpreter. Returns 0; -ENOENT where it is none; -ENOTSUP for a version that is
 * not known here, with its number in *ret_version (0x030b = 3.11; 0 = not to be found out).
 */
int python_detect(struct image *image, struct python *ret_python, uint32_t *ret_version);

/* The layout of a version that does not describe it itself, without addresses; NULL = not known. */
const struct python *python_layout_of(uint32_t version);

/*
 * The same of a version that describes it itself (3.13), at the address of its _PyRuntime. Returns
 * 0, or -ENOTSUP where that cannot be read, is of another version, or is no description.
 */
int python_read_debug_offsets(const struct image *image, uint64_t runtime, uint32_t version,
			      struct python *ret_python);

/*
 * Names of one frame. Returns false where code is no code object (any more), another one by now, or
 * none of a program.
 */
bool python_read_frame(const struct image *image, const struct python *python,
		       const struct script_frame *frame, struct script_names *ret_names);

/*
 * The line of a code unit by a location table (PEP 626, Objects/locations.md of CPython); 0 where
 * the table does not say. Pure.
 */
uint32_t python_find_line(const uint8_t *table, size_t length, uint32_t first_line, uint64_t unit);

#endif
