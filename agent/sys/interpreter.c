// SPDX-License-Identifier: Apache-2.0
/*
 * So that what puts a site together need not know how many interpreters there are.
 *
 * Invariant: an interpreter whose layout was not recognised is none: the program is native then.
 * Knows the kinds and their files' names; what is inside one is in a file of its own.
 */
#include "interpreter.h"

#include <string.h>

void interpreter_detect(struct image *image, struct interpreter *ret_interpreter)
{
	struct interpreter found = {.runtime = image_runtime(image)};
	uint32_t version;
	int r = -1;

	if (found.runtime == RUNTIME_PYTHON)
		r = python_detect(image, &found.python, &version);
	else if (found.runtime == RUNTIME_PHP)
		r = php_detect(image, &found.php);
	if (r < 0)
		found.runtime = RUNTIME_NATIVE;
	*ret_interpreter = found;
}

bool interpreter_is_known(const struct interpreter *interpreter)
{
	return interpreter->runtime != RUNTIME_NATIVE;
}

const struct script_layout *interpreter_layout(const struct interpreter *interpreter)
{
	return interpreter->runtime == RUNTIME_PHP ? &interpreter->php.layout
						   : &interpreter->python.layout;
}

/* Variables that begin as 0 lie behind what is mapped of the file, and nothing else does so near.
 */
#define ZEROS_BYTES_MAX (64ULL << 20)

bool interpreter_is_at(const struct interpreter *interpreter, const struct image *image,
		       uint64_t address)
{
	uint64_t variable = interpreter_layout(interpreter)->interpreters_head;
	Dwfl_Module *module = dwfl_addrmodule(image_dwfl(image), address);
	Dwarf_Addr start, end;

	if (!module || !dwfl_module_info(module, NULL, &start, &end, NULL, NULL, NULL, NULL))
		return false;
	return address >= start && address < end && variable >= start &&
	       variable < end + ZEROS_BYTES_MAX;
}

bool interpreter_read_frame(const struct interpreter *interpreter, const struct image *image,
			    const struct script_frame *frame, struct script_names *ret_names)
{
	if (interpreter->runtime == RUNTIME_PHP)
		return php_read_frame(image, &interpreter->php, frame, ret_names);
	return interpreter->runtime == RUNTIME_PYTHON &&
	       python_read_frame(image, &interpreter->python, frame, ret_names);
}

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool interpreter_owns(enum image_runtime runtime, const char *module)
{
	if (runtime == RUNTIME_PHP)
		return begins_with(module, "php") || begins_with(module, "libphp");
	return runtime == RUNTIME_PYTHON &&
	       (begins_with(module, "python") || begins_with(module, "libpython"));
}
