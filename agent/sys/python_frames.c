// SPDX-License-Identifier: Apache-2.0
/*
 * On the C stack of a Python program there are only calls of the interpreter's loop. Which Python
 * function each of them ran is in structures of the interpreter, whose layout belongs to a version:
 * 3.13 describes it itself (_Py_DebugOffsets), that of 3.11 and 3.12 stands here, taken with
 * offsetof() from the headers of these versions on 64-bit machines.
 *
 * Invariant: what is read may be garbage by now; everything is bounded and nothing is followed that
 * does not look like what it should be. A frame that cannot be read is left out, never guessed.
 */
#include "python_frames.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"

#define TEXT_MAX 512
#define TABLE_MAX 65536
#define NO_INDIRECTION UINT32_MAX
#define UNIT_BYTES 2 /* of code */

static const struct python python_3_11 = {
	.layout = {.interpreters_head = 40,
		   .finalizing = 24,
		   .threads_head = 16,
		   .thread_next = 8,
		   .thread_id = 152,
		   .thread_frame = 56,
		   .frame_of_indirection = 8,
		   .frame_previous = 48,
		   .frame_code = 32,
		   .frame_position = 56},
	.type_of = 8,
	.type_name = 24,
	.code_file = 112,
	.code_name = 128,
	.code_lines = 136,
	.code_first_line = 72,
	.code_bytes = 184,
	.text_length = 16,
	.text_state = 32,
	.text_ascii = 48,
	.text_other = 72,
	.bytes_length = 16,
	.bytes_data = 32,
};

static const struct python python_3_12 = {
	.layout = {.interpreters_head = 40,
		   .finalizing = 24,
		   .threads_head = 72,
		   .thread_next = 8,
		   .thread_id = 136,
		   .thread_frame = 56,
		   .frame_of_indirection = 0,
		   .frame_previous = 8,
		   .frame_code = 0,
		   .frame_position = 56},
	.type_of = 8,
	.type_name = 24,
	.code_file = 112,
	.code_name = 128,
	.code_lines = 136,
	.code_first_line = 68,
	.code_bytes = 192,
	.text_length = 16,
	.text_state = 32,
	.text_ascii = 40,
	.text_other = 56,
	.bytes_length = 16,
	.bytes_data = 32,
};

/* --- which version ---------------------------------------------------------------------------- */

/* Places in _Py_DebugOffsets of 3.13 (Include/internal/pycore_runtime.h), in words of 8 bytes. */
enum debug_word {
	WORD_COOKIE = 0,
	WORD_VERSION = 1,
	WORD_INTERPRETERS_HEAD = 5,
	WORD_THREADS_HEAD = 9,
	WORD_THREAD_NEXT = 21,
	WORD_THREAD_FRAME = 23,
	WORD_THREAD_ID = 24,
	WORD_FRAME_PREVIOUS = 29,
	WORD_FRAME_CODE = 30,
	WORD_FRAME_POSITION = 31,
	WORD_CODE_FILE = 35,
	WORD_CODE_NAME = 37,
	WORD_CODE_LINES = 38,
	WORD_CODE_FIRST_LINE = 39,
	WORD_CODE_BYTES = 43,
	WORD_TYPE_OF = 45,
	WORD_TYPE_NAME = 47,
	WORD_TEXT_STATE = 68,
	WORD_TEXT_LENGTH = 69,
	WORD_TEXT_ASCII = 70,
	DEBUG_WORDS = 73,
};

/* _finalizing, _finalizing_id and a mutex stand before it in all of 3.13, which does not say so. */
#define FINALIZING_BEFORE_HEAD 24

#define OFFSET_MAX (1U << 20) /* of a member: the interpreter's state has 300 KB */

int python_read_debug_offsets(const struct image *image, uint64_t runtime, uint32_t version,
			      struct python *ret_python)
{
	uint64_t words[DEBUG_WORDS];
	struct python python = python_3_12; /* bytes objects have not changed */

	if (!image_read_memory(image, runtime, words, sizeof(words)) ||
	    memcmp(&words[WORD_COOKIE], "xdebugpy", 8) != 0 || words[WORD_VERSION] >> 16 != version)
		return -ENOTSUP;
	for (size_t i = WORD_VERSION + 1; i < DEBUG_WORDS; i++)
		if (words[i] > OFFSET_MAX)
			return -ENOTSUP;
	python.layout = (struct script_layout){
		.interpreters_head = words[WORD_INTERPRETERS_HEAD],
		.finalizing = words[WORD_INTERPRETERS_HEAD] - FINALIZING_BEFORE_HEAD,
		.threads_head = (uint32_t)words[WORD_THREADS_HEAD],
		.thread_next = (uint32_t)words[WORD_THREAD_NEXT],
		.thread_id = (uint32_t)words[WORD_THREAD_ID],
		.thread_frame = (uint32_t)words[WORD_THREAD_FRAME],
		.frame_of_indirection = NO_INDIRECTION,
		.frame_previous = (uint32_t)words[WORD_FRAME_PREVIOUS],
		.frame_code = (uint32_t)words[WORD_FRAME_CODE],
		.frame_position = (uint32_t)words[WORD_FRAME_POSITION],
	};
	python.type_of = (uint32_t)words[WORD_TYPE_OF];
	python.type_name = (uint32_t)words[WORD_TYPE_NAME];
	python.code_file = (uint32_t)words[WORD_CODE_FILE];
	python.code_name = (uint32_t)words[WORD_CODE_NAME];
	python.code_lines = (uint32_t)words[WORD_CODE_LINES];
	python.code_first_line = (uint32_t)words[WORD_CODE_FIRST_LINE];
	python.code_bytes = (uint32_t)words[WORD_CODE_BYTES];
	python.text_state = (uint32_t)words[WORD_TEXT_STATE];
	python.text_length = (uint32_t)words[WORD_TEXT_LENGTH];
	python.text_ascii = (uint32_t)words[WORD_TEXT_ASCII];
	python.text_other = python.text_ascii + 16;
	*ret_python = python;
	return 0;
}

/* Py_Version is part of the limited API since 3.11: PY_VERSION_HEX as a variable. */
static uint32_t read_version(struct image *image)
{
	uint64_t size, address = image_find_symbol(image, "Py_Version", &size);
	unsigned long version = 0;

	if (!address || !image_read_memory(image, address, &version, sizeof(version)))
		return 0;
	return (uint32_t)(version >> 16) & 0xffff;
}

const struct python *python_layout_of(uint32_t version)
{
	if (version == 0x030b)
		return &python_3_11;
	return version == 0x030c ? &python_3_12 : NULL;
}

int python_detect(struct image *image, struct python *ret_python, uint32_t *ret_version)
{
	const struct python *known;
	uint64_t size, runtime = image_find_symbol(image, "_PyRuntime", &size);
	uint32_t version;
	struct python python;

	if (!runtime)
		return -ENOENT;
	version = *ret_version = read_version(image);
	known = python_layout_of(version);
	if (known)
		python = *known;
	else if (version != 0x030d ||
		 python_read_debug_offsets(image, runtime, version, &python) < 0)
		return -ENOTSUP;
	python.layout.start_ns = image_client(image).start_ns;
	python.layout.interpreters_head += runtime;
	python.layout.finalizing += runtime;
	*ret_python = python;
	return 0;
}

/* --- objects ---------------------------------------------------------------------------------- */

static uint64_t read_pointer(const struct image *image, uint64_t address)
{
	uint64_t pointer;

	return image_read_memory(image, address, &pointer, sizeof(pointer)) ? pointer : 0;
}

static bool has_type(const struct image *image, const struct python *python, uint64_t object,
		     const char *name)
{
	uint64_t type = read_pointer(image, object + python->type_of);
	uint64_t name_address = type ? read_pointer(image, type + python->type_name) : 0;
	char found[8] = "";

	return name_address && image_read_memory(image, name_address, found, strlen(name) + 1) &&
	       memcmp(found, name, strlen(name) + 1) == 0;
}

static size_t put_utf8(uint32_t code, char *buffer, size_t room)
{
	size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	if (length > room || code > 0x10ffff)
		return 0;
	if (length == 1) {
		buffer[0] = (char)code;
		return 1;
	}
	for (size_t i = length - 1; i > 0; i--, code >>= 6)
		buffer[i] = (char)(0x80 | (code & 0x3f));
	buffer[0] = (char)((0xf00 >> length & 0xff) | code);
	return length;
}

#define STATE_SHIFT 2 /* a str's state: interned:2 (16 from 3.14), kind:3, compact:1, ascii:1 */

/* The last TEXT_MAX characters of a str. */
static bool read_text(const struct image *image, const struct python *python, uint64_t object,
		      char *buffer, size_t size)
{
	uint8_t units[TEXT_MAX * 4];
	uint64_t length = 0, skipped = 0, at;
	uint32_t state = 0, kind, code;
	size_t used = 0;

	if (!object || !has_type(image, python, object, "str") ||
	    !image_read_memory(image, object + python->text_length, &length, sizeof(length)) ||
	    !image_read_memory(image, object + python->text_state, &state, sizeof(state)))
		return false;
	state >>= STATE_SHIFT;
	kind = state & 7;
	if (!(state & 8) || (kind != 1 && kind != 2 && kind != 4) || length > (1U << 20))
		return false;
	if (length > size - 1)
		skipped = length - (size - 1);
	at = object + (state & 16 ? python->text_ascii : python->text_other) + skipped * kind;
	length -= skipped;
	if (length > TEXT_MAX || !image_read_memory(image, at, units, length * kind))
		return false;
	for (size_t i = 0; i < length; i++) {
		code = units[i * kind];
		if (kind >= 2)
			code |= (uint32_t)units[i * kind + 1] << 8;
		if (kind == 4)
			code |= (uint32_t)units[i * kind + 2] << 16;
		used += put_utf8(code ? code : '?', buffer + used, size - 1 - used);
	}
	buffer[used] = '\0';
	return used > 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

struct cursor {
	const uint8_t *at, *end;
};

static uint64_t take_varint(struct cursor *cursor)
{
	uint64_t number = 0;

	for (unsigned shift = 0; cursor->at < cursor->end && shift < 60; shift += 6) {
		uint8_t byte = *cursor->at++;

		number |= (uint64_t)(byte & 63) << shift;
		if (!(byte & 64))
			break;
	}
	return number;
}

static int64_t take_signed(struct cursor *cursor)
{
	uint64_t number = take_varint(cursor);

	return number & 1 ? -(int64_t)(number >> 1) : (int64_t)(number >> 1);
}

/* One entry: kind and length in its first byte, which alone has the top bit set. */
static int64_t take_line_delta(struct cursor *cursor, unsigned kind, bool *ret_has_line)
{
	int64_t delta = 0;

	*ret_has_line = kind != 15;
	if (kind >= 10 && kind <= 12)
		delta = (int64_t)kind - 10;
	else if (kind == 13 || kind == 14)
		delta = take_signed(cursor);
	while (cursor->at < cursor->end && !(*cursor->at & 0x80))
		cursor->at++;
	return delta;
}

uint32_t python_find_line(const uint8_t *table, size_t length, uint32_t first_line, uint64_t unit)
{
	struct cursor cursor = {.at = table, .end = table + length};
	uint64_t end = 0;
	int64_t line = first_line;
	bool has_line = false;

	while (cursor.at < cursor.end) {
		uint8_t first = *cursor.at++;

		if (!(first & 0x80))
			return 0;
		end += (uint64_t)(first & 7) + 1;
		line += take_line_delta(&cursor, first >> 3 & 15, &has_line);
		if (line < 0 || line > INT32_MAX)
			return 0;
		if (unit < end)
			return has_line ? (uint32_t)line : 0;
	}
	return 0;
}

static uint32_t read_line(const struct image *image, const struct python *python,
			  const struct script_frame *frame)
{
	static uint8_t table[TABLE_MAX]; /* too large for the stack; one thread reads */
	uint64_t object = read_pointer(image, frame->code + python->code_lines);
	uint64_t begin = frame->code + python->code_bytes, length = 0;
	uint32_t first_line = 0;

	if (!object || frame->position < begin || !has_type(image, python, object, "bytes") ||
	    !image_read_memory(image, object + python->bytes_length, &length, sizeof(length)) ||
	    length > sizeof(table) ||
	    !image_read_memory(image, object + python->bytes_data, table, length) ||
	    !image_read_memory(image, frame->code + python->code_first_line, &first_line,
			       sizeof(first_line)))
		return 0;
	return python_find_line(table, length, first_line, (frame->position - begin) / UNIT_BYTES);
}

/*
 * Memory of a code object that was freed may have another one by now, and then the frame mostly
 * stands outside of it. Before its first instruction a frame stands one unit before them.
 */
static bool is_within(const struct image *image, const struct python *python,
		      const struct script_frame *frame)
{
	uint64_t begin = frame->code + python->code_bytes, unit_count;
	uint32_t size_at = python->type_of + sizeof(uint64_t); /* ob_size */

	return image_read_memory(image, frame->code + size_at, &unit_count, sizeof(unit_count)) &&
	       unit_count <= UINT32_MAX && frame->position + UNIT_BYTES >= begin &&
	       frame->position < begin + unit_count * UNIT_BYTES;
}

/* What 3.12 and later put where C has called Python: of the interpreter's own, and of no function.
 */
#define TRAMPOLINE "<interpreter trampoline>"

bool python_read_frame(const struct image *image, const struct python *python,
		       const struct script_frame *frame, struct script_names *ret_names)
{
	uint64_t name, file;

	memset(ret_names, 0, sizeof(*ret_names));
	if (!has_type(image, python, frame->code, "code") || !is_within(image, python, frame))
		return false;
	name = read_pointer(image, frame->code + python->code_name);
	file = read_pointer(image, frame->code + python->code_file);
	if (!read_text(image, python, name, ret_names->function, sizeof(ret_names->function)) ||
	    strcmp(ret_names->function, TRAMPOLINE) == 0)
		return false;
	if (read_text(image, python, file, ret_names->file, sizeof(ret_names->file)))
		ret_names->line = read_line(image, python, frame);
	return true;
}
