/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter of a process, whichever it is: those that python_frames and php_frames know.
 */
#ifndef CONNLEAK_SYS_INTERPRETER_H
#define CONNLEAK_SYS_INTERPRETER_H

#include "php_frames.h"
#include "python_frames.h"

struct interpreter {
	enum image_runtime runtime; /* RUNTIME_NATIVE = none that is known */
	union {
		struct python python;
		struct php php;
	};
};

/* Looks for one in image; what it finds is valid until image_refresh(). */
void interpreter_detect(struct image *image, struct interpreter *ret_interpreter);

/* False: the program is none, or its layout was not recognised. */
bool interpreter_is_known(const struct interpreter *interpreter);

/* Where the probe finds its frames. Only of one that is known. */
const struct script_layout *interpreter_layout(const struct interpreter *interpreter);

/* Whether it is part of the same file as the code at address. Only of one that is known. */
bool interpreter_is_at(const struct interpreter *interpreter, const struct image *image,
		       uint64_t address);

/* Names of one frame; false where it cannot be read, or is none of a function of the program. */
bool interpreter_read_frame(const struct interpreter *interpreter, const struct image *image,
			    const struct script_frame *frame, struct script_names *ret_names);

/* Whether a file of that base name is that runtime itself, whose loop runs the functions. */
bool interpreter_owns(enum image_runtime runtime, const char *module);

#endif
