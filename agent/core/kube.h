/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that Kubernetes gives a container, and the file names of a node in which they stand.
 */
#ifndef CONNLEAK_CORE_KUBE_H
#define CONNLEAK_CORE_KUBE_H

#include <stdbool.h>
#include <stddef.h>

#include "cgroup.h"

/* With the terminating NUL; the limits are those of k8s.io/apimachinery, util/validation. */
#define KUBE_LABEL_SIZE 64 /* DNS label of RFC 1123: namespaces and containers */
#define KUBE_POD_SIZE 254 /* DNS subdomain: pods */

/* namespace and pod are known together or not at all, container never without them. "" = unknown.
 */
struct kube_names {
	char namespace[KUBE_LABEL_SIZE];
	char pod[KUBE_POD_SIZE];
	char container[KUBE_LABEL_SIZE];
};

/* Lower-case letters, digits and inner dashes, 1 to 63 of them. */
bool kube_is_label(const char *text, size_t length);

/* The same in pieces joined by dots, 253 at most: what a pod may be called. */
bool kube_is_subdomain(const char *text, size_t length);

/*
 * "POD_NAMESPACE_CONTAINER-<64 hex digits>.log", a link in /var/log/containers. True when it is
 * one; the id is that of the container. False for anything else, with the outputs untouched.
 */
bool kube_parse_log_link(const char *file, struct kube_names *ret_names,
			 char ret_container_id[static 65]);

/* "NAMESPACE_POD_UID", a directory in /var/log/pods; container is left empty. Else as above. */
bool kube_parse_pod_dir(const char *file, struct kube_names *ret_names,
			char ret_pod_uid[static 37]);

/*
 * "namespace/pod/container", "namespace/pod" without a container, "" without names (NULL or empty
 * ones); terminal-safe, cut to size. Returns buffer.
 */
const char *kube_label(const char *namespace, const char *pod, const char *container, char *buffer,
		       size_t size);

/*
 * What the pods of one controller have in common: the pod's name without what Kubernetes generates
 * for each, so that one rollout can be compared with the next. A name that nothing was generated
 * for is returned as it is. Returns buffer.
 *	orders-7d9fb6c5d8-x2vqz   orders	ReplicaSet of a Deployment
 *	agent-x2vqz		  agent		DaemonSet, Job, ReplicaSet
 *	nightly-29384756-x2vqz	  nightly	Job of a CronJob
 *	db-0			  db		StatefulSet
 */
const char *kube_controller(const char *pod, char *buffer, size_t size);

#endif
