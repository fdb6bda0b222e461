// SPDX-License-Identifier: Apache-2.0
/*
 * Loads a BPF object, attaches all its programs, prints "ready" and holds them until stdin ends.
 * With
 * --stats it makes the kernel time the programs of everybody for so long instead.
 *
 * usage: attach OBJECT|--stats
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

static int attach_all(const char *path)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *program;

	if (!object || bpf_object__load(object)) {
		fprintf(stderr, "attach: cannot load %s\n", path);
		return -1;
	}
	bpf_object__for_each_program(program, object)
	{
		if (!bpf_program__attach(program)) {
			fprintf(stderr, "attach: cannot attach %s\n", bpf_program__name(program));
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: attach OBJECT|--stats\n");
		return 2;
	}
	if (!strcmp(argv[1], "--stats")) {
		if (bpf_enable_stats(BPF_STATS_RUN_TIME) < 0) {
			perror("attach: bpf_enable_stats");
			return 1;
		}
	} else if (attach_all(argv[1])) {
		return 1;
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0; /* the end of the process lets go of all */
}
