// SPDX-License-Identifier: Apache-2.0
/*
 * An executable that somebody else has written: symbols, build-id, lines, inlined functions and the
 * way up a stack, as the symbolizer asks for them, with what the probe is told of that way. The
 * input is the file; what the stack holds is made of it, too. /proc is a tree with one process in
 * it, whose executable is the input.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/image.h"
#include "sys/stack_unwind.h"
#include "sys/symbol.h"
#include "tests/fuzz/fake_proc.h"

#define CODE_AT 0x400000ULL
#define CODE_BYTES 0x10000ULL
#define STACK_AT 0x7ffc00000000ULL
#define STEPS 24
#define INLINED_MAX 4

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

const char *__lsan_default_suppressions(void);

static int file_fd;
static struct unwinder *unwinder;
static struct stack_sample sample;

/* libdw loses some bytes where DWARF contradicts itself; its process has a limit. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libdw\nleak:libelf\n";
}

static void put_maps(void)
{
	char text[256];
	struct stat st;
	int length;

	if (fstat(file_fd, &st) < 0)
		abort();
	length = snprintf(text, sizeof(text), "%llx-%llx r-xp 00000000 00:01 %llu /orders\n",
			  CODE_AT, CODE_AT + CODE_BYTES, (unsigned long long)st.st_ino);
	fake_put("maps", text, (size_t)length);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	file_fd = memfd_create("orders", MFD_CLOEXEC);
	unwinder = unwinder_new();
	if (file_fd < 0 || !unwinder)
		abort();
	fake_make(file_fd);
	put_maps();
	return 0;
}

/*
 * Words of the input, one in two as an address in the code or the 0 that ends a way up, one in four
 * as an address in the stack; of the registers three in four.
 */
static void fill_stack(const uint8_t *data, size_t size, uint64_t entry)
{
	uint64_t words[ABI_STACK_BYTES_MAX / sizeof(uint64_t)];
	size_t bytes = size < sizeof(words) ? size & ~7UL : sizeof(words);

	memcpy(words, data, bytes);
	for (size_t i = 0; i < bytes / sizeof(words[0]); i++) {
		if (i % 2 == 0)
			words[i] = words[i] % 3 == 0 ? 0 : entry - words[i] % 128 + 32;
		else if (i % 4 == 1)
			words[i] = STACK_AT + words[i] % sizeof(words) / 8 * 8;
	}
	memcpy(sample.stack, words, bytes);
	sample.stack_bytes = (uint32_t)bytes;
	for (size_t i = 0; i < ABI_REGISTERS_MAX; i++) {
		sample.registers[i] = bytes > i * 8 ? words[i] : 0;
		if (sample.registers[i] % 4 != 0)
			sample.registers[i] =
				STACK_AT + sample.registers[i] % sizeof(words) / 8 * 8;
	}
}

static bool has_value(const struct trail_places *places, uint64_t value)
{
	for (uint32_t i = 0; i < places->place_count; i++)
		if (!(places->places[i] & PLACE_RELATIVE) && places->values[i] == value)
			return true;
	return false;
}

/* What the probe compares another stack with: within the copy, in order, and all of the callers. */
static void check_trail(const struct trail_places *places, const uint64_t *addresses,
			uint32_t count)
{
	const uint32_t order = PLACE_INDEX | PLACE_REGISTER;

	if (places->place_count > ABI_TRAIL_PLACES_MAX)
		abort();
	for (uint32_t i = 0; i < places->place_count; i++) {
		uint32_t place = places->places[i], index = place & PLACE_INDEX;

		if (place & PLACE_REGISTER ? index >= ABI_REGISTERS_MAX
					   : index + sizeof(uint64_t) > sample.stack_bytes)
			abort();
		if (i > 0 && (places->places[i - 1] & order) >= (place & order))
			abort();
	}
	for (uint32_t i = 1; i < count && places->place_count > 0; i++)
		if (!has_value(places, addresses[i]) && !has_value(places, addresses[i] + 1))
			abort();
}

static void walk(struct image *image, uint64_t pc)
{
	uint64_t addresses[UNWIND_FRAMES_MAX];
	struct trail_places places;
	uint32_t count;

	sample.has_registers = 1;
#if defined(__x86_64__)
	sample.registers[16] = pc;
	sample.registers[17] = 0x33;
	sample.registers[19] = STACK_AT;
#else
	sample.registers[31] = STACK_AT;
	sample.registers[32] = pc;
#endif
	count = unwinder_run(unwinder, image, &sample, addresses);
	if (count > UNWIND_FRAMES_MAX)
		abort();
	unwinder_read_trail(unwinder, &sample, &places);
	check_trail(&places, addresses, count);
}

static void look_up(struct image *image, uint64_t address)
{
	struct symbol symbol, inlined[INLINED_MAX];
	struct site_frame frame;
	char line[SITE_SIZE];

	symbol_find(image, address, &symbol);
	if (symbol_find_inlined(image, address, &symbol, inlined, INLINED_MAX) > INLINED_MAX)
		abort();
	symbol_to_frame(&symbol, &frame);
	if (site_format(&frame, 1, NULL, line, sizeof(line)) >= sizeof(line))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_id id = {.pid = FAKE_PID};
	struct image *image;
	uint64_t entry = 0, symbol_size;
	Elf64_Ehdr header;

	if (size < sizeof(header))
		return 0;
	memcpy(&header, data, sizeof(header));
	entry = CODE_AT + header.e_entry % CODE_BYTES;
	if (ftruncate(file_fd, 0) < 0 || pwrite(file_fd, data, size, 0) != (ssize_t)size ||
	    image_open(fake.proc_fd, id, &image) < 0)
		abort();
	fill_stack(data, size, entry);
	for (uint64_t i = 0; i < STEPS; i++)
		look_up(image, entry + 8 * i - 8 * STEPS / 2);
	(void)image_find_symbol(image, "save_order", &symbol_size); /* found or not */
	walk(image, entry);
	walk(image, entry + 1);
	image_free(image);
	return 0;
}

static size_t mutate_part(uint8_t *data, size_t size, uint64_t at, uint64_t length)
{
	if (at >= size)
		return LLVMFuzzerMutate(data, size, size);
	if (length > size - at)
		length = size - at;
	/* In place, for what lies behind it is found by its offset. */
	if (length > 0)
		(void)LLVMFuzzerMutate(data + at, length, length);
	return size;
}

/* One section, the table of sections, or the head: the rest of a file is code that nobody reads. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	Elf64_Ehdr header;
	Elf64_Shdr section;
	uint64_t at;

	if (size < sizeof(header) || seed % 8 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&header, data, sizeof(header));
	if (seed % 8 == 1)
		return mutate_part(data, size, 0, sizeof(header) + 2 * sizeof(Elf64_Phdr));
	if (seed % 8 == 2 || header.e_shnum == 0)
		return mutate_part(data, size, header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
	at = header.e_shoff + seed / 8 % header.e_shnum * sizeof(section);
	if (at > size || size - at < sizeof(section))
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(&section, data + at, sizeof(section));
	return mutate_part(data, size, section.sh_offset, section.sh_size);
}
