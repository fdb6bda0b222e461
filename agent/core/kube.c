// SPDX-License-Identifier: Apache-2.0
/*
 * A cgroup path holds ids; who is paged knows names. The kubelet writes both side by side into file
 * names of the node, so that nobody has to be asked for them.
 *
 * Invariant: what is taken for a name is one that the API server would have accepted, so it is
 * plain ASCII without a blank, a slash or an escape. Anything else is refused as a whole.
 *
 * It reads no directory (sys/pod_logs.c). A link whose name the kubelet had to cut to the 255 bytes
 * of a file name has lost a part of its id and is refused.
 */
#include "kube.h"

#include <stdio.h>
#include <string.h>

#include "format.h"

#define ID_LENGTH 64
#define LOG_SUFFIX ".log"

/* Without vowels, so that no word comes out: k8s.io/apimachinery, util/rand (alphanums). */
#define GENERATED "bcdfghjklmnpqrstvwxz2456789"
#define DIGITS "0123456789"
/* k8s.io/apiserver, storage/names (randomLength). */
#define RANDOM_LENGTH 5
/*
 * The pod template's hash is a 32-bit number in decimal, written with the letters above
 * (k8s.io/kubernetes, controller_utils.go, ComputeHash); 998 of 1000 have this many digits.
 */
#define HASH_LENGTH_MIN 8
#define HASH_LENGTH_MAX 10
/* A CronJob's Job: minutes since 1970 (cronjob/utils.go, getJobName), until the year 2160. */
#define MINUTES_LENGTH 8
#define ORDINAL_LENGTH_MAX 4

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
}

static bool is_piece(const char *text, size_t length)
{
	if (length == 0 || !is_alnum(text[0]) || !is_alnum(text[length - 1]))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_alnum(text[i]) && text[i] != '-')
			return false;
	return true;
}

bool kube_is_label(const char *text, size_t length)
{
	return length < KUBE_LABEL_SIZE && is_piece(text, length);
}

bool kube_is_subdomain(const char *text, size_t length)
{
	const char *end = text + length, *dot;

	if (length >= KUBE_POD_SIZE)
		return false;
	while ((dot = memchr(text, '.', (size_t)(end - text)))) {
		if (!is_piece(text, (size_t)(dot - text)))
			return false;
		text = dot + 1;
	}
	return is_piece(text, (size_t)(end - text));
}

static void copy(char *to, const char *text, size_t length)
{
	memcpy(to, text, length);
	to[length] = '\0';
}

bool kube_parse_log_link(const char *file, struct kube_names *ret_names,
			 char ret_container_id[static 65])
{
	size_t length = strlen(file), suffix = strlen(LOG_SUFFIX);
	const char *id, *namespace, *container;

	if (length < ID_LENGTH + suffix + 1 ||
	    memcmp(file + length - suffix, LOG_SUFFIX, suffix) != 0)
		return false;
	id = file + length - suffix - ID_LENGTH;
	for (size_t i = 0; i < ID_LENGTH; i++)
		if (!is_hex(id[i]))
			return false;
	/* No name has an underscore in it. */
	namespace = memchr(file, '_', (size_t)(id - file));
	container = namespace ? memchr(namespace + 1, '_', (size_t)(id - namespace - 1)) : NULL;
	if (!container || id[-1] != '-' || id - container < 2 ||
	    !kube_is_subdomain(file, (size_t)(namespace - file)) ||
	    !kube_is_label(namespace + 1, (size_t)(container - namespace - 1)) ||
	    !kube_is_label(container + 1, (size_t)(id - container - 2)))
		return false;
	copy(ret_names->pod, file, (size_t)(namespace - file));
	copy(ret_names->namespace, namespace + 1, (size_t)(container - namespace - 1));
	copy(ret_names->container, container + 1, (size_t)(id - container - 2));
	copy(ret_container_id, id, ID_LENGTH);
	return true;
}

bool kube_parse_pod_dir(const char *file, struct kube_names *ret_names, char ret_pod_uid[static 37])
{
	const char *end = file + strlen(file), *pod = strchr(file, '_');
	const char *uid = pod ? strchr(pod + 1, '_') : NULL;

	if (!uid || !cgroup_is_pod_uid(uid + 1, (size_t)(end - uid - 1)) ||
	    !kube_is_label(file, (size_t)(pod - file)) ||
	    !kube_is_subdomain(pod + 1, (size_t)(uid - pod - 1)))
		return false;
	copy(ret_names->namespace, file, (size_t)(pod - file));
	copy(ret_names->pod, pod + 1, (size_t)(uid - pod - 1));
	ret_names->container[0] = '\0';
	copy(ret_pod_uid, uid + 1, (size_t)(end - uid - 1));
	return true;
}

const char *kube_label(const char *namespace, const char *pod, const char *container, char *buffer,
		       size_t size)
{
	char text[2 * KUBE_LABEL_SIZE + KUBE_POD_SIZE + 2] = "";

	if (namespace && namespace[0] && pod && pod[0])
		(void)snprintf(text, sizeof(text), "%s/%s%s%s", namespace, pod,
			       container && container[0] ? "/" : "", container ? container : "");
	return format_safe(text, sizeof(text), buffer, size);
}

/*
 * The length without a last piece "-..." of low to high characters, all of them out of set; as it
 * was where there is none.
 */
static size_t strip(const char *name, size_t length, const char *set, size_t low, size_t high)
{
	size_t piece = 0;

	while (piece < length && piece <= high && strchr(set, name[length - 1 - piece]))
		piece++;
	if (piece < low || piece > high || piece + 1 >= length || name[length - 1 - piece] != '-')
		return length;
	return length - piece - 1;
}

const char *kube_controller(const char *pod, char *buffer, size_t size)
{
	size_t length = strlen(pod);
	size_t base = strip(pod, length, GENERATED, RANDOM_LENGTH, RANDOM_LENGTH);

	if (base == length) {
		base = strip(pod, length, DIGITS, 1, ORDINAL_LENGTH_MAX);
	} else {
		size_t job = strip(pod, base, DIGITS, MINUTES_LENGTH, MINUTES_LENGTH);

		base = job < base ? job
				  : strip(pod, base, GENERATED, HASH_LENGTH_MIN, HASH_LENGTH_MAX);
	}
	(void)snprintf(buffer, size, "%.*s", (int)base, pod);
	return buffer;
}
