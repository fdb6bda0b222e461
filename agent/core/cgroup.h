/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process belongs to, read from its cgroup path: a container (Kubernetes pod, Docker,
 * podman), else a systemd unit, else nothing, and then the executable's name stands for it.
 */
#ifndef CONNLEAK_CORE_CGROUP_H
#define CONNLEAK_CORE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum workload_kind { WORKLOAD_EXE, WORKLOAD_UNIT, WORKLOAD_CONTAINER };

struct workload {
	enum workload_kind kind;
	char pod_uid[37]; /* with dashes; "" = none */
	char container_id[65]; /* 64 hex digits; "" = none */
	char unit[128]; /* "postgresql@15-main.service", unescaped nothing; "" = none */
};

/*
 * Parses a path of /proc/PID/cgroup ("/kubepods.slice/..."); NULL is an unknown path. Never fails:
 * what cannot be told is left empty.
 */
void workload_parse(const char *cgroup_path, struct workload *ret_workload);

/* "01234567-89ab-...", or the 32 digits of a pod that the kubelet read from a file. */
bool cgroup_is_pod_uid(const char *text, size_t length);

/*
 * One word for people: "pod 1f0c.../3b9aca00..." shortened to 12 digits each, "orders.service", or
 * the base name of exe, or "?" — terminal-safe. Returns buffer.
 */
const char *workload_label(const struct workload *workload, const char *exe, char *buffer,
			   size_t size);

/*
 * Picks the path out of the text of /proc/PID/cgroup: of the v2 line ("0::"), unless that is "/"
 * or missing and a v1 line (name=systemd, else memory, else pids) says more. Copies it to
 * buffer. Returns 0, -ENOENT where no line is usable, -ENAMETOOLONG.
 */
int cgroup_path_parse(const char *text, size_t length, char *buffer, size_t size);

#endif
