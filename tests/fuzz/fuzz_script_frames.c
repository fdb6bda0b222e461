// SPDX-License-Identifier: Apache-2.0
/*
 * Frames of interpreters: structures in the memory of another process, which may be anything by the
 * time they are read, or be made up by it. The process is our own, and the input is what lies at
 * the address of the frame: a word with MARK on top of it points to another place in the input. Its
 * seventh byte is the version, its eighth where the frame stands.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys/php_frames.h"
#include "sys/proc.h"
#include "sys/python_frames.h"

#define MARK 0xfeedULL
#define AREA_BYTES 4096
#define OFFSETS_AT 90 /* word of the area: what an interpreter of 3.13 says of its structures */

static uint64_t area[AREA_BYTES / sizeof(uint64_t)];
static struct image *image;

/* A registry with one module. */
static uint32_t module_head[] = {168, 20240924, 0};
static const void *const bucket[] = {module_head};
static const void *const registry[] = {NULL, NULL, bucket};

static const uint32_t php_apis[] = {20240924, 20220829};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct client_id id = {.pid = (uint32_t)getpid()};

	(void)argc;
	(void)argv;
	return image_open(proc_open(), id, &image);
}

static void check(const struct script_names *names)
{
	if (strnlen(names->function, sizeof(names->function)) == sizeof(names->function) ||
	    strnlen(names->file, sizeof(names->file)) == sizeof(names->file))
		abort();
}

static void read_python(const struct script_frame *frame, unsigned version)
{
	const struct python *known = python_layout_of(version % 4 == 1 ? 0x030b : 0x030c);
	uint64_t runtime = (uint64_t)(uintptr_t)(area + OFFSETS_AT);
	struct script_names names;
	struct python python;

	if (version % 4 < 2)
		python = *known;
	else if (python_read_debug_offsets(image, runtime, 0x030d, &python) < 0)
		return;
	if (python_read_frame(image, &python, frame, &names))
		check(&names);
}

static void read_php(const struct script_frame *frame, unsigned version)
{
	struct script_names names;
	struct php php;

	module_head[1] = php_apis[version % 2];
	php = *php_layout_of(module_head[1]);
	php.registry = (uint64_t)(uintptr_t)registry;
	if (php_read_frame(image, &php, frame, &names))
		check(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script_frame frame = {.code = (uint64_t)(uintptr_t)area};

	if (size < sizeof(area[0]) || size > sizeof(area))
		return 0;
	memset(area, 0, sizeof(area));
	memcpy(area, data, size);
	for (size_t i = 0; i < AREA_BYTES / sizeof(area[0]); i++)
		if (area[i] >> 48 == MARK)
			area[i] = (uint64_t)(uintptr_t)area + area[i] % AREA_BYTES;
	/* The first word of a code object is its count of references: nobody looks at it. */
	frame.position = frame.code + data[7] * sizeof(area[0]);
	read_python(&frame, data[6]);
	read_php(&frame, data[6]);
	return 0;
}
