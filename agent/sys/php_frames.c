// SPDX-License-Identifier: Apache-2.0
/*
 * The Zend engine keeps its frames in a chain that begins in executor_globals; each has a function
 * and the instruction that it has come to, which knows its line. The layout belongs to a version,
 * which the first of the registered modules tells (its zend_api): those of Debian 12 and 13 stand
 * here, taken with offsetof() from the headers of these versions on 64-bit machines.
 *
 * Invariant: as in python_frames.c: what is read may be garbage by now; everything is bounded and
 * nothing is followed that does not look like what it should be. A frame that cannot be read is
 * left out, never guessed.
 */
#include "php_frames.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define API_8_2 20220829
#define API_8_4 20240924

/* The same in both. */
#define CURRENT_FRAME 488 /* executor_globals.current_execute_data */
#define FRAME_POSITION 0 /* zend_execute_data.opline */
#define FRAME_FUNCTION 24
#define FRAME_PREVIOUS 48
#define TABLE_BUCKETS 16 /* HashTable.arData; a bucket begins with the value */
#define FUNCTION_TYPE 0
#define FUNCTION_NAME 8
#define FUNCTION_SCOPE 16
#define CLASS_NAME 8
#define OP_BYTES 32
#define OP_LINE 24
#define STRING_TYPE 4 /* zend_refcounted.u.type_info */
#define STRING_LENGTH 16
#define STRING_TEXT 24

#define USER_FUNCTION 2
#define IS_STRING 6
#define TYPE_MASK 15
#define LINE_MAX 10000000

/* sizeof(zend_executor_globals) on x86_64: what is known of an engine that has no module yet. */
#define GLOBALS_BYTES_8_2 1800
#define GLOBALS_BYTES_8_4 1960 /* as of 8.4.24 */
#define GLOBALS_BYTES_8_4_NEWER 1984 /* as of 8.4.27 */

static const struct php php_8_2 = {
	.api = API_8_2,
	.function_opcodes = 88,
	.function_opcode_count = 80,
	.function_file = 152,
};

static const struct php php_8_4 = {
	.api = API_8_4,
	.function_opcodes = 104,
	.function_opcode_count = 96,
	.function_file = 168,
};

const struct php *php_layout_of(uint32_t api)
{
	if (api == API_8_2)
		return &php_8_2;
	return api == API_8_4 ? &php_8_4 : NULL;
}

static uint64_t read_pointer(const struct image *image, uint64_t address)
{
	uint64_t pointer;

	return image_read_memory(image, address, &pointer, sizeof(pointer)) ? pointer : 0;
}

/* How a zend_module_entry begins. */
struct module_head {
	uint16_t size;
	uint32_t api;
	uint8_t debug, threads;
};

static bool read_module(const struct image *image, uint64_t registry, struct module_head *ret_head)
{
	uint64_t buckets = read_pointer(image, registry + TABLE_BUCKETS);
	uint64_t first = buckets ? read_pointer(image, buckets) : 0;

	return first && image_read_memory(image, first, ret_head, sizeof(*ret_head));
}

static const struct php *find_version(uint64_t globals_size, bool has_module,
				      const struct module_head *head)
{
	static const struct {
		const struct php *php;
		uint64_t globals_size;
	} known[] = {
		{&php_8_2, GLOBALS_BYTES_8_2},
		{&php_8_4, GLOBALS_BYTES_8_4},
		{&php_8_4, GLOBALS_BYTES_8_4_NEWER},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (has_module ? head->api == known[i].php->api && !head->threads
			       : globals_size == known[i].globals_size)
			return known[i].php;
	return NULL;
}

int php_detect(struct image *image, struct php *ret_php)
{
	uint64_t size, registry_size, globals = image_find_symbol(image, "executor_globals", &size);
	uint64_t registry = image_find_symbol(image, "module_registry", &registry_size);
	const struct php *known;
	struct module_head head;

	if (!globals || !registry)
		return -ENOENT;
	known = find_version(size, read_module(image, registry, &head), &head);
	if (!known)
		return -ENOTSUP;
	*ret_php = *known;
	ret_php->registry = registry;
	ret_php->layout = (struct script_layout){
		.start_ns = image_client(image).start_ns,
		.interpreters_head = globals + CURRENT_FRAME,
		.thread_next = ABI_NO_THREADS,
		.frame_previous = FRAME_PREVIOUS,
		.frame_code = FRAME_FUNCTION,
		.frame_position = FRAME_POSITION,
	};
	return 0;
}

/* The last bytes of a zend_string; "" is one, too. */
static bool read_text(const struct image *image, uint64_t object, char *buffer, size_t size)
{
	uint64_t length, skipped;
	uint32_t type;

	if (!object || !image_read_memory(image, object + STRING_TYPE, &type, sizeof(type)) ||
	    (type & TYPE_MASK) != IS_STRING ||
	    !image_read_memory(image, object + STRING_LENGTH, &length, sizeof(length)) ||
	    length > (1U << 20))
		return false;
	skipped = length < size ? 0 : length - (size - 1);
	length -= skipped;
	if (length > 0 && !image_read_memory(image, object + STRING_TEXT + skipped, buffer, length))
		return false;
	buffer[length] = '\0';
	return strlen(buffer) == length; /* a class without a name has a NUL in its own */
}

/* "OrderRepo::save"; the script itself has no name, and a backtrace of PHP writes it so. */
static bool read_function(const struct image *image, uint64_t function, char *buffer, size_t size)
{
	uint64_t name = read_pointer(image, function + FUNCTION_NAME);
	uint64_t scope = read_pointer(image, function + FUNCTION_SCOPE);
	uint64_t class_name = scope ? read_pointer(image, scope + CLASS_NAME) : 0;
	char method[64], owner[48];

	if (!name) {
		(void)snprintf(buffer, size, "{main}");
		return true;
	}
	if (!read_text(image, name, method, sizeof(method)) || method[0] == '\0')
		return false;
	if (class_name && read_text(image, class_name, owner, sizeof(owner)))
		(void)snprintf(buffer, size, "%s::%s", owner, method);
	else
		(void)snprintf(buffer, size, "%s", method);
	return true;
}

/* False where the frame stands outside of the function, which is another one by now. */
static bool read_line(const struct image *image, const struct php *php,
		      const struct script_frame *frame, uint32_t *ret_line)
{
	uint64_t first = read_pointer(image, frame->code + php->function_opcodes), offset;
	uint32_t count, line;

	offset = frame->position - first;
	if (!first || frame->position < first || offset % OP_BYTES != 0 ||
	    !image_read_memory(image, frame->code + php->function_opcode_count, &count,
			       sizeof(count)) ||
	    offset / OP_BYTES >= count ||
	    !image_read_memory(image, frame->position + OP_LINE, &line, sizeof(line)))
		return false;
	*ret_line = line <= LINE_MAX ? line : 0;
	return true;
}

bool php_read_frame(const struct image *image, const struct php *php,
		    const struct script_frame *frame, struct script_names *ret_names)
{
	struct module_head head;
	uint8_t type;

	memset(ret_names, 0, sizeof(*ret_names));
	/* By now it has modules. */
	if (!read_module(image, php->registry, &head) || head.api != php->api || head.threads)
		return false;
	if (!frame->code ||
	    !image_read_memory(image, frame->code + FUNCTION_TYPE, &type, sizeof(type)) ||
	    type != USER_FUNCTION ||
	    !read_text(image, read_pointer(image, frame->code + php->function_file),
		       ret_names->file, sizeof(ret_names->file)) ||
	    !read_line(image, php, frame, &ret_names->line))
		return false;
	return read_function(image, frame->code, ret_names->function, sizeof(ret_names->function));
}
