// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as /proc/PID/maps: names are chosen by the process, and files need not be what they
 * were when it mapped them. "@" as an inode is that of the executable, which is a file without
 * code.
 */
#include <stdint.h>
#include <sys/mman.h>

#include "sys/image.h"
#include "sys/symbol.h"
#include "tests/fuzz/fake_proc.h"

#define TEXT_MAX 8192

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char inode[24];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = memfd_create("orders", MFD_CLOEXEC);
	struct stat st;

	(void)argc;
	(void)argv;
	if (fd < 0 || fstat(fd, &st) < 0)
		abort();
	(void)snprintf(inode, sizeof(inode), "%llu", (unsigned long long)st.st_ino);
	fake_make(fd);
	return 0;
}

/* The input with the inode where it has an "@"; returns the length. */
static size_t fill_in(const uint8_t *data, size_t size, char *text)
{
	size_t length = 0;

	for (size_t i = 0; i < size && length + sizeof(inode) < TEXT_MAX; i++) {
		if (data[i] == '@')
			length += (size_t)sprintf(text + length, "%s", inode);
		else
			text[length++] = (char)data[i];
	}
	return length;
}

static void look_up(struct image *image, uint64_t address)
{
	struct symbol symbol;
	const char *path;
	uint64_t offset;

	if (image_find_file(image, address, &path, &offset) && path[0] != '/')
		abort();
	(void)image_refusal(image, address); /* there is one or not */
	symbol_find(image, address, &symbol);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client_id id = {.pid = FAKE_PID};
	struct image *image;
	char text[TEXT_MAX];
	uint64_t symbol_size;

	fake_put("maps", text, fill_in(data, size, text));
	if (image_open(fake.proc_fd, id, &image) < 0)
		return 0;
	for (size_t i = 0; i < size && i < 64; i++)
		look_up(image, (uint64_t)data[i] << (i % 8 * 8));
	look_up(image, 0x401000);
	look_up(image, UINT64_MAX);
	(void)image_find_symbol(image, "save_order", &symbol_size); /* found or not */
	image_free(image);
	return 0;
}
