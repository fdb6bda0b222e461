/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of pods and containers, from the file names that the kubelet keeps under /var/log:
 *
 *	containers/POD_NAMESPACE_CONTAINER-<container id>.log
 *	pods/NAMESPACE_POD_UID/CONTAINER/
 *
 * No log is opened, and no API server is asked.
 */
#ifndef CONNLEAK_SYS_POD_LOGS_H
#define CONNLEAK_SYS_POD_LOGS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cgroup.h"
#include "core/kube.h"

/* Containers and pods remembered: 30 times what a kubelet takes by default (110 pods). */
#define POD_LOGS_CAPACITY 8192

struct pod_logs;

struct pod_logs_counts {
	uint64_t scan_count; /* times that a directory was read */
	uint64_t refused_count; /* file names met there that are not what the kubelet writes */
	uint64_t evicted_count; /* names forgotten for want of room; they are read again if asked */
	uint64_t cut_count; /* directories with too many entries, read in part */
	uint32_t known_count;
};

/*
 * log_fd is a directory like /var/log; owned by the result, also when it fails. capacity: how many
 * ids to remember, at least 1. NULL when out of memory.
 */
struct pod_logs *pod_logs_new(int log_fd, uint32_t capacity);
void pod_logs_free(struct pod_logs *logs);

/*
 * The names of a workload; false when nothing is known of it. Namespace and pod come with a true,
 * the container only where it is certain. Reads a directory only when it has changed since it was
 * read last, and spends at most a tenth of the time on that: an answer may come later than it
 * could.
 */
bool pod_logs_find(struct pod_logs *logs, const struct workload *workload,
		   struct kube_names *ret_names);

/* What -v says of it. */
void pod_logs_count(const struct pod_logs *logs, struct pod_logs_counts *ret_counts);

#endif
