/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as /proc/PID/cgroup, and as a path of it. Ids must look like ids, the label must be
 * safe for a terminal and never empty.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_path(const char *path)
{
	struct workload workload;
	char label[64], small[5];
	size_t length;

	workload_parse(path, &workload);
	length = strlen(workload.container_id);
	require(length == 0 || length == 64, "a container id has 64 digits");
	require(strspn(workload.container_id, "0123456789abcdef") == length, "hex digits");
	length = strlen(workload.pod_uid);
	require(length == 0 || length == 32 || length == 36, "a pod uid has 32 digits");
	require(strspn(workload.pod_uid, "0123456789abcdef-") == length, "hex digits and dashes");
	require((workload.kind == WORKLOAD_CONTAINER) ==
			(workload.container_id[0] || workload.pod_uid[0]),
		"a container has an id");
	require(workload.kind != WORKLOAD_UNIT || workload.unit[0], "a unit has a name");
	(void)workload_label(&workload, path, label, sizeof(label));
	for (const char *c = label; *c; c++)
		require((uint8_t)*c >= 0x20 && *c != 0x7f, "the label is safe");
	require(label[0] != '\0', "the label is something");
	(void)workload_label(&workload, NULL, small, sizeof(small));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), path[300];

	require(text != NULL, "memory");
	memcpy(text, data, size);
	text[size] = '\0';
	check_path(text);
	if (!cgroup_path_parse(text, size, path, sizeof(path))) {
		require(path[0] == '/', "a path begins with a slash");
		require(!strchr(path, '\n'), "a path is one line");
		check_path(path);
	}
	free(text);
	return 0;
}
