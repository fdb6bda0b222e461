/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pid says little to the person who is paged; the container or the unit says who to call. Every
 * container runtime and init system writes that into the cgroup path, each in its own way:
 *
 *   kubelet, systemd driver  /kubepods.slice/kubepods-burstable.slice/
 *                            kubepods-burstable-pod<uid with _>.slice/cri-containerd-<id>.scope
 *   kubelet, cgroupfs driver /kubepods/burstable/pod<uid>/<id>
 *   the two mixed /system.slice/containerd.service/kubepods-pod<uid>.slice:cri-containerd:<id>
 *   docker, podman           /docker/<id>, docker-<id>.scope, libpod-<id>.scope/container
 *   systemd                  /user.slice/user-1000.slice/user@1000.service/app.slice/foo.service
 *
 * Invariant: the innermost name wins, so a pod inside a container that plays the node (kind) is
 * found; an id is taken only if it has the length and the digits of one. What is not recognised is
 * left empty, never guessed.
 *
 * It asks nobody: names of pods and containers are not in the path, only their ids.
 */
#include "cgroup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "format.h"

#define ID_LENGTH 64
#define UID_LENGTH 36 /* 8-4-4-4-12 */
#define STATIC_UID_LENGTH 32 /* of a pod that the kubelet read from a file: a plain hash */
#define SHORT_ID 12
#define SHORT_UID 13 /* 12 digits and the dash between them */

struct component {
	const char *text;
	size_t length;
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static size_t hex_run(const char *text, size_t length)
{
	size_t n = 0;

	while (n < length && is_hex(text[n]))
		n++;
	return n;
}

static bool has_suffix(struct component c, const char *suffix)
{
	size_t length = strlen(suffix);

	return c.length > length && !memcmp(c.text + c.length - length, suffix, length);
}

static bool contains(struct component c, const char *word)
{
	return memmem(c.text, c.length, word, strlen(word)) != NULL;
}

/* The last component of path[0..*length), which it cuts off; false when none is left. */
static bool previous_component(const char *path, size_t *length, struct component *ret_component)
{
	size_t end = *length, start;

	while (end && path[end - 1] == '/')
		end--;
	start = end;
	while (start && path[start - 1] != '/')
		start--;
	*length = start;
	*ret_component = (struct component){path + start, end - start};
	return end > start;
}

/* "<id>", "docker-<id>.scope", "...:cri-containerd:<id>"; the monitor of a container is not in it.
 */
static bool parse_container(struct component c, char ret_id[static ID_LENGTH + 1])
{
	const char *id;

	if (has_suffix(c, ".scope"))
		c.length -= strlen(".scope");
	if (c.length < ID_LENGTH || contains(c, "conmon"))
		return false;
	id = c.text + c.length - ID_LENGTH;
	if (hex_run(id, ID_LENGTH) != ID_LENGTH)
		return false;
	if (id > c.text && id[-1] != '-' && id[-1] != ':')
		return false;
	memcpy(ret_id, id, ID_LENGTH);
	ret_id[ID_LENGTH] = '\0';
	return true;
}

/* Length of the pod uid that text begins with, 0 for none. */
static size_t uid_length(const char *text, size_t length)
{
	static const uint8_t groups[] = {8, 4, 4, 4, 12};
	size_t at = 0;

	if (hex_run(text, length) == STATIC_UID_LENGTH)
		return STATIC_UID_LENGTH;
	for (size_t i = 0; i < sizeof(groups); i++) {
		if (hex_run(text + at, length - at) != groups[i])
			return 0;
		at += groups[i];
		if (i + 1 == sizeof(groups))
			break;
		if (at == length || (text[at] != '-' && text[at] != '_'))
			return 0;
		at++;
	}
	return at;
}

bool cgroup_is_pod_uid(const char *text, size_t length)
{
	return length > 0 && uid_length(text, length) == length && !memchr(text, '_', length);
}

/* "pod<uid>" at the start of a component or behind a dash, up to its end, a dot or a colon. */
static bool parse_pod(struct component c, char ret_uid[static UID_LENGTH + 1])
{
	for (size_t i = 0; i + 3 < c.length; i++) {
		const char *uid = c.text + i + 3;
		size_t left = c.length - i - 3, length;

		if (memcmp(c.text + i, "pod", 3) || (i && c.text[i - 1] != '-'))
			continue;
		length = uid_length(uid, left);
		if (!length || (length < left && uid[length] != '.' && uid[length] != ':'))
			continue;
		for (size_t k = 0; k < length; k++)
			ret_uid[k] = (char)(uid[k] == '_' ? '-' : uid[k]);
		ret_uid[length] = '\0';
		return true;
	}
	return false;
}

static void copy_cut(struct component c, char *buffer, size_t size)
{
	size_t length = c.length < size ? c.length : size - 1;

	memcpy(buffer, c.text, length);
	buffer[length] = '\0';
}

void workload_parse(const char *cgroup_path, struct workload *ret_workload)
{
	struct workload workload = {.kind = WORKLOAD_EXE};
	const char *path = cgroup_path ? cgroup_path : "";
	size_t length = strlen(path);
	struct component c;

	while (previous_component(path, &length, &c)) {
		bool inside = workload.kind == WORKLOAD_CONTAINER;

		if (!inside && parse_container(c, workload.container_id))
			workload.kind = WORKLOAD_CONTAINER;
		/* Units further out belong to the runtime or to the node, not to what runs inside.
		 */
		else if (!inside && !workload.unit[0] &&
			 (has_suffix(c, ".service") || has_suffix(c, ".scope")))
			copy_cut(c, workload.unit, sizeof(workload.unit));
		if (parse_pod(c, workload.pod_uid)) {
			workload.kind = WORKLOAD_CONTAINER;
			break;
		}
	}
	if (workload.kind == WORKLOAD_EXE && workload.unit[0])
		workload.kind = WORKLOAD_UNIT;
	*ret_workload = workload;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* systemd writes what a unit name cannot hold as \xNN; NUL stays escaped. In place. */
static void unescape_unit(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		int high = -1, low = -1;

		if (from[0] == '\\' && from[1] == 'x') {
			high = hex_value(from[2]);
			low = high < 0 ? -1 : hex_value(from[3]);
		}
		if (low >= 0 && (high || low)) {
			*to = (char)(high << 4 | low);
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static const char *label_container(const struct workload *workload, char *buffer, size_t size)
{
	bool dashed = strlen(workload->pod_uid) > 8 && workload->pod_uid[8] == '-';
	int uid_shown = dashed ? SHORT_UID : SHORT_ID;

	if (!workload->pod_uid[0])
		(void)snprintf(buffer, size, "container %.*s", SHORT_ID, workload->container_id);
	else if (!workload->container_id[0])
		(void)snprintf(buffer, size, "pod %.*s", uid_shown, workload->pod_uid);
	else
		(void)snprintf(buffer, size, "pod %.*s/%.*s", uid_shown, workload->pod_uid,
			       SHORT_ID, workload->container_id);
	return buffer;
}

const char *workload_label(const struct workload *workload, const char *exe, char *buffer,
			   size_t size)
{
	static const char deleted[] = " (deleted)";
	char unit[sizeof(workload->unit)];
	const char *slash;
	size_t length;

	if (workload->kind == WORKLOAD_CONTAINER)
		return label_container(workload, buffer, size);
	if (workload->kind == WORKLOAD_UNIT) {
		memcpy(unit, workload->unit, sizeof(unit));
		unescape_unit(unit);
		return format_safe(unit, sizeof(unit), buffer, size);
	}
	if (!exe)
		exe = "";
	slash = strrchr(exe, '/');
	if (slash)
		exe = slash + 1;
	length = strlen(exe);
	if (has_suffix((struct component){exe, length}, deleted))
		length -= sizeof(deleted) - 1;
	return length ? format_safe(exe, length, buffer, size) : format_safe("?", 1, buffer, size);
}

/* "0::" and what comes after it; v1 hierarchies by how much their paths tell, best last. */
enum line_rank { LINE_NONE, LINE_PIDS, LINE_MEMORY, LINE_SYSTEMD, LINE_V2 };

static bool has_controller(struct component list, const char *word)
{
	size_t length = strlen(word);

	for (size_t at = 0; at + length <= list.length; at++) {
		bool starts = !at || list.text[at - 1] == ',';
		bool ends = at + length == list.length || list.text[at + length] == ',';

		if (starts && ends && !memcmp(list.text + at, word, length))
			return true;
	}
	return false;
}

/* "4:memory:/path" -> its rank and "/path". */
static enum line_rank parse_line(const char *line, size_t length, struct component *ret_path)
{
	static const char deleted[] = " (deleted)";
	const char *end = line + length, *first = memchr(line, ':', length), *second;
	struct component controllers;

	if (!first)
		return LINE_NONE;
	second = memchr(first + 1, ':', (size_t)(end - first - 1));
	if (!second || end - second < 2 || second[1] != '/' || memchr(line, '\0', length))
		return LINE_NONE;
	*ret_path = (struct component){second + 1, (size_t)(end - second - 1)};
	if (has_suffix(*ret_path, deleted))
		ret_path->length -= sizeof(deleted) - 1;
	controllers = (struct component){first + 1, (size_t)(second - first - 1)};
	if (!controllers.length)
		return first - line == 1 && *line == '0' ? LINE_V2 : LINE_NONE;
	if (has_controller(controllers, "name=systemd"))
		return LINE_SYSTEMD;
	if (has_controller(controllers, "memory"))
		return LINE_MEMORY;
	return has_controller(controllers, "pids") ? LINE_PIDS : LINE_NONE;
}

int cgroup_path_parse(const char *text, size_t length, char *buffer, size_t size)
{
	struct component best = {NULL, 0};
	enum line_rank best_rank = LINE_NONE;
	const char *end = text + length;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line_length = (size_t)((newline ? newline : end) - text);
		struct component path = {NULL, 0};
		enum line_rank rank = parse_line(text, line_length, &path);
		bool says_more = path.length > 1 && best.length <= 1;
		bool says_less = path.length <= 1 && best.length > 1;

		if (rank != LINE_NONE && (says_more || (rank > best_rank && !says_less))) {
			best = path;
			best_rank = rank;
		}
		text += line_length + 1;
	}
	if (best_rank == LINE_NONE)
		return -ENOENT;
	if (best.length >= size)
		return -ENAMETOOLONG;
	memcpy(buffer, best.text, best.length);
	buffer[best.length] = '\0';
	return 0;
}
