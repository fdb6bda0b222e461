/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the name of a log link and of a pod's directory. What is taken must be made of names
 * that are valid, and must give back the file name when it is put together again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kube.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_names(const struct kube_names *names)
{
	char label[KUBE_POD_SIZE + 2 * KUBE_LABEL_SIZE];

	require(kube_is_label(names->namespace, strlen(names->namespace)), "a namespace");
	require(kube_is_subdomain(names->pod, strlen(names->pod)), "a pod");
	(void)kube_label(names->namespace, names->pod, names->container, label, sizeof(label));
	require(strlen(label) > strlen(names->pod), "the label has all of it");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *file = malloc(size + 1), *again = malloc(size + 8), id[65], uid[37];
	struct kube_names names;

	require(file && again, "memory");
	memcpy(file, data, size);
	file[size] = '\0';
	if (kube_parse_log_link(file, &names, id)) {
		check_names(&names);
		require(kube_is_label(names.container, strlen(names.container)), "a container");
		(void)snprintf(again, size + 8, "%s_%s_%s-%s.log", names.pod, names.namespace,
			       names.container, id);
		require(strcmp(file, again) == 0, "the link put together again");
	}
	if (kube_parse_pod_dir(file, &names, uid)) {
		check_names(&names);
		(void)snprintf(again, size + 8, "%s_%s_%s", names.namespace, names.pod, uid);
		require(strcmp(file, again) == 0, "the directory put together again");
	}
	free(again);
	free(file);
	return 0;
}
