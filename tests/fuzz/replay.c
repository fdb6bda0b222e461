// SPDX-License-Identifier: Apache-2.0
/*
 * A fuzz target without a fuzzer: main() for one that is run over its corpus, with any compiler.
 * What once crashed a parser is tried at each change, in seconds. Tries nothing new.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* For targets that have a mutator of their own; nobody calls it here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	(void)data;
	(void)max_size;
	return size;
}

/* In memory of its exact size, so that a byte read behind the end is noticed. */
static int replay_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *data = NULL;
	struct stat st;
	int r = -1;

	if (fd < 0 || fstat(fd, &st) < 0)
		goto out;
	data = malloc((size_t)st.st_size + !st.st_size);
	if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
		goto out;
	(void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size); /* it aborts, or all is well */
	r = 0;
out:
	if (r < 0)
		perror(path);
	free(data);
	if (fd >= 0)
		close(fd);
	return r;
}

static int replay_directory(const char *path, unsigned *count)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	char name[PATH_MAX];
	int r = 0;

	while (directory && r == 0 && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		(*count)++;
		r = replay_file(name);
	}
	if (!directory)
		perror(path);
	else
		closedir(directory);
	return directory ? r : -1;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	unsigned count = 0;

	if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(&argc, &argv) != 0)
		return 1;
	for (int i = 1; i < argc; i++)
		if (replay_directory(argv[i], &count) < 0)
			return 1;
	printf("%s: %u inputs\n", name ? name + 1 : argv[0], count);
	return count > 0 ? 0 : 1;
}
