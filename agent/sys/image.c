// SPDX-License-Identifier: Apache-2.0
/*
 * libdw can report a process by itself (dwfl_linux_proc_report()), but then it opens the paths of
 * /proc/PID/maps in our own mount namespace, where they are other files or none. So modules are
 * reported from here (mappings.h says what is mapped), and each file is opened below the root of
 * the process, and only when it is the inode that is mapped.
 *
 * Invariant: a module is a run of mappings of one file; its file is opened at most once, lazily,
 * by libdw's callback. Everything read here is bounded. Does not know what a symbol is.
 */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "jit_map.h"
#include "mappings.h"
#include "proc.h"
#include "rooted.h"

struct image {
	struct client_id id;
	int proc_fd;
	int root_fd;
	uint32_t inner_pid;
	Dwfl *dwfl;
	struct mappings mappings;
	enum image_runtime runtime;
	struct stat exe;
	char comm[COMM_SIZE];
	struct jit_map jit_map;
	uint32_t generation;
};

/* --- modules ---------------------------------------------------------------------------------- */

/* A file system like overlayfs shows another device number in stat() than in maps: the inode must
 * do, and the name has led to it. */
static int open_mapped(const struct mapping *mapping, const char **ret_refusal)
{
	const struct image *image = mapping->image;
	struct stat st;
	int fd = -ENOENT;

	if (image->root_fd >= 0)
		fd = rooted_open_file(image->root_fd, mapping->path, IMAGE_FILE_BYTES_MAX, &st);
	if (fd >= 0 && st.st_ino == mapping->inode)
		return fd;
	if (fd >= 0)
		close(fd);
	/* A process below chroot(): maps has the path from our own root. */
	fd = rooted_open_own_file(mapping->path, IMAGE_FILE_BYTES_MAX, &st);
	if (fd >= 0 && st.st_ino == mapping->inode)
		return fd;
	if (fd >= 0)
		close(fd);
	*ret_refusal = fd == -EFBIG			     ? "its file is too large"
		       : strstr(mapping->path, " (deleted)") ? "its file was replaced on disk"
							     : "its file cannot be opened";
	return -ENOENT;
}

/* The executable stays to be had, even deleted, for as long as it runs. */
static int open_exe(const struct image *image, const struct mapping *mapping)
{
	char path[32];
	struct stat st;
	int fd;

	(void)snprintf(path, sizeof(path), "%u/exe", image->id.pid);
	fd = openat(image->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_ino == mapping->inode &&
	    (uint64_t)st.st_size <= IMAGE_FILE_BYTES_MAX)
		return fd;
	close(fd);
	return -ENOENT;
}

static int find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
		    char **ret_file_name, Elf **ret_elf)
{
	struct mapping *mapping = *userdata;
	const char *refusal = NULL;
	int fd;

	(void)module;
	(void)name;
	(void)base;
	(void)ret_elf;
	if (!mapping || mapping->refusal)
		return -1;
	fd = open_exe(mapping->image, mapping);
	if (fd < 0)
		fd = open_mapped(mapping, &refusal);
	if (fd < 0) {
		mapping->refusal = refusal;
		return -1;
	}
	*ret_file_name = strdup(mapping->path);
	return fd;
}

/* In the container's files and then in ours. */
static int open_debug(const struct image *image, const char *path, char **ret_file_name)
{
	struct stat st;
	int fd = -ENOENT;

	if (image->root_fd >= 0)
		fd = rooted_open_file(image->root_fd, path, IMAGE_FILE_BYTES_MAX, &st);
	if (fd < 0)
		fd = rooted_open_own_file(path, IMAGE_FILE_BYTES_MAX, &st);
	if (fd < 0)
		return -1;
	*ret_file_name = strdup(path);
	return fd;
}

/*
 * By build-id: a name alone proves nothing. libdwfl also asks for what dwz has taken out of several
 * debug files, which is another file than the module's own and lies where distributions put it.
 */
static int find_debuginfo(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base,
			  const char *file_name, const char *link, GElf_Word crc,
			  char **ret_file_name)
{
	const struct mapping *mapping = *userdata;
	bool is_shared = link && crc == 0; /* a debug link has the sum of what it leads to */
	const char *shared = is_shared ? strstr(link, "/.dwz/") : NULL;
	const unsigned char *id;
	GElf_Addr id_address;
	char path[256];
	int at, length = dwfl_module_build_id(module, &id, &id_address);

	(void)name;
	(void)base;
	(void)file_name;
	if (!mapping || (is_shared && !shared))
		return -1;
	if (shared) {
		at = snprintf(path, sizeof(path), "/usr/lib/debug%s", shared);
		return (size_t)at < sizeof(path) ? open_debug(mapping->image, path, ret_file_name)
						 : -1;
	}
	if (length < 3 || length > 64)
		return -1;
	at = snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (int i = 1; i < length; i++)
		at += snprintf(path + at, sizeof(path) - (size_t)at, "%02x", id[i]);
	(void)snprintf(path + at, sizeof(path) - (size_t)at, ".debug");
	return open_debug(mapping->image, path, ret_file_name);
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_elf,
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_python(const char *name)
{
	return !strncmp(name, "python", 6) || !strncmp(name, "libpython", 9);
}

static bool is_php(const char *name)
{
	return !strncmp(name, "php", 3) || !strncmp(name, "libphp", 6);
}

static enum image_runtime runtime_of(const struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++) {
		const char *name = base_name(mappings->items[i].path);

		if (!mappings->items[i].is_first)
			continue;
		if (is_python(name))
			return RUNTIME_PYTHON;
		if (!strcmp(name, "libjvm.so"))
			return RUNTIME_JAVA;
		if (!strcmp(name, "node") || !strcmp(name, "nodejs") ||
		    !strncmp(name, "libnode.so", 10))
			return RUNTIME_NODE;
		if (is_php(name))
			return RUNTIME_PHP;
	}
	return RUNTIME_NATIVE;
}

/* Only files that have code; a database that is mapped in a thousand pieces is no module. */
static int report_modules(Dwfl *dwfl, const struct mappings *all)
{
	struct mapping *mappings = all->items;
	size_t module_count = 0, count = all->count;

	dwfl_report_begin(dwfl);
	for (size_t first = 0, end; first < count; first = end) {
		bool has_code = false;
		Dwfl_Module *module;
		void **userdata;

		for (end = first; end < count && (end == first || !mappings[end].is_first); end++)
			has_code |= mappings[end].is_executable;
		if (!has_code || module_count++ >= IMAGE_MODULES_MAX)
			continue;
		module = dwfl_report_module(dwfl, mappings[first].path, mappings[first].low,
					    mappings[end - 1].high);
		if (!module)
			continue;
		(void)dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
		*userdata = &mappings[first];
	}
	return dwfl_report_end(dwfl, NULL, NULL) ? -ENOMEM : 0;
}

static bool is_same_process(const struct image *image)
{
	uint64_t start_ns;

	return proc_read_start_ns(image->proc_fd, image->id.pid, &start_ns) == 0 &&
	       (image->id.start_ns == 0 || proc_start_matches(start_ns, image->id.start_ns));
}

static int stat_exe(const struct image *image, struct stat *ret_stat)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "%u/exe", image->id.pid);
	return fstatat(image->proc_fd, path, ret_stat, 0) < 0 ? -errno : 0;
}

/* A process can change its root: what starts a container does. */
static void take_root(struct image *image)
{
	int fd = rooted_open_root(image->proc_fd, image->id.pid);

	if (fd < 0)
		return;
	if (image->root_fd >= 0)
		close(image->root_fd);
	image->root_fd = fd;
}

bool image_is_stale(const struct image *image)
{
	struct stat st;

	/* One that has exited stays what it was. */
	return stat_exe(image, &st) == 0 &&
	       (st.st_ino != image->exe.st_ino || st.st_dev != image->exe.st_dev);
}

/*
 * Where a JIT compiler is at work there is always code in no file, and no reading finds it. A file
 * that could not be opened may be there by now.
 */
static bool is_unchanged(const struct image *image, const struct mappings *mappings)
{
	if (!image->dwfl || image_is_stale(image) || !mappings_equal(&image->mappings, mappings))
		return false;
	for (size_t i = 0; i < image->mappings.count; i++)
		if (image->mappings.items[i].refusal)
			return false;
	return true;
}

int image_refresh(struct image *image)
{
	struct mappings mappings;
	Dwfl *dwfl;
	int r = mappings_read(image->proc_fd, image->id.pid, &mappings);

	if (r < 0)
		return r;
	/* To read files again is what costs. */
	if (is_unchanged(image, &mappings)) {
		mappings_clear(&mappings);
		return is_same_process(image) ? 0 : -ESRCH;
	}
	for (size_t i = 0; i < mappings.count; i++)
		mappings.items[i].image = image;
	dwfl = dwfl_begin(&callbacks);
	if (!dwfl || report_modules(dwfl, &mappings) < 0 || !is_same_process(image)) {
		dwfl_end(dwfl);
		mappings_clear(&mappings);
		return dwfl ? -ESRCH : -ENOMEM;
	}
	dwfl_end(image->dwfl);
	mappings_clear(&image->mappings);
	take_root(image);
	image->dwfl = dwfl;
	image->mappings = mappings;
	image->generation++;
	image->runtime = runtime_of(&mappings);
	(void)stat_exe(image, &image->exe); /* without it, it is stale next time */
	(void)proc_read_comm(image->proc_fd, image->id.pid, image->comm); /* else "" */
	return 0;
}

int image_open(int proc_fd, struct client_id id, struct image **ret_image)
{
	struct image *image = calloc(1, sizeof(*image));
	int r;

	if (!image)
		return -ENOMEM;
	image->id = id;
	image->proc_fd = proc_fd;
	image->root_fd = -1;
	image->inner_pid = id.pid;
	(void)proc_read_ns_pid(proc_fd, id.pid, &image->inner_pid); /* else they are the same */
	r = image_refresh(image);
	if (r < 0) {
		image_free(image);
		return r;
	}
	*ret_image = image;
	return 0;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	dwfl_end(image->dwfl);
	mappings_clear(&image->mappings);
	jit_map_clear(&image->jit_map);
	if (image->root_fd >= 0)
		close(image->root_fd);
	free(image);
}

uint32_t image_generation(const struct image *image)
{
	return image->generation;
}

Dwfl *image_dwfl(const struct image *image)
{
	return image->dwfl;
}

struct client_id image_client(const struct image *image)
{
	return image->id;
}

enum image_runtime image_runtime(const struct image *image)
{
	return image->runtime;
}

bool image_is_another(const struct image *image)
{
	uint64_t start_ns;

	return proc_read_start_ns(image->proc_fd, image->id.pid, &start_ns) == 0 &&
	       image->id.start_ns != 0 && !proc_start_matches(start_ns, image->id.start_ns);
}

bool image_has_ended(const struct image *image)
{
	struct proc_stat stat;

	return !is_same_process(image) ||
	       proc_read_stat(image->proc_fd, image->id.pid, &stat) < 0 || stat.state == 'Z' ||
	       stat.state == 'X';
}

const char *image_comm(const struct image *image)
{
	return image->comm;
}

bool image_find_file(const struct image *image, uint64_t address, const char **ret_path,
		     uint64_t *ret_offset)
{
	const struct mapping *mapping = mappings_find(&image->mappings, address);

	if (!mapping)
		return false;
	*ret_path = mapping->path;
	*ret_offset = address - mapping->low + mapping->file_offset;
	return true;
}

const char *image_refusal(const struct image *image, uint64_t address)
{
	const struct mapping *mapping = mappings_find(&image->mappings, address);

	while (mapping && !mapping->is_first)
		mapping--;
	return mapping ? mapping->refusal : NULL;
}

const char *image_find_jit(struct image *image, uint64_t address, bool *ret_has_map)
{
	/* Code comes and goes: the newest word on an address is asked for each time. */
	jit_map_refresh(&image->jit_map, image->proc_fd, image->root_fd, image->id.pid,
			image->inner_pid);
	*ret_has_map = jit_map_has_entries(&image->jit_map);
	return jit_map_find(&image->jit_map, address);
}

uint64_t image_jit_bytes(const struct image *image)
{
	return image->jit_map.taken_bytes;
}

void image_drop_jit(struct image *image)
{
	jit_map_clear(&image->jit_map);
}

/* --- symbols and memory ----------------------------------------------------------------------- */

struct search {
	const char *name;
	uint64_t address, size;
};

static int search_module(Dwfl_Module *module, void **userdata, const char *path, Dwarf_Addr base,
			 void *context)
{
	struct search *search = context;
	const char *name = base_name(path);
	int count;

	(void)userdata;
	(void)base;
	if (!is_python(name) && !is_php(name))
		return DWARF_CB_OK;
	count = dwfl_module_getsymtab(module);
	for (int i = 0; i < count; i++) {
		GElf_Sym symbol;
		GElf_Addr address;
		const char *found =
			dwfl_module_getsym_info(module, i, &symbol, &address, NULL, NULL, NULL);

		if (found && !strcmp(found, search->name) && symbol.st_shndx != SHN_UNDEF) {
			search->address = address;
			search->size = symbol.st_size;
			return DWARF_CB_ABORT;
		}
	}
	return DWARF_CB_OK;
}

uint64_t image_find_symbol(struct image *image, const char *name, uint64_t *ret_size)
{
	struct search search = {.name = name};

	(void)dwfl_getmodules(image->dwfl, search_module, &search, 0); /* found or not */
	*ret_size = search.size;
	return search.address;
}

bool image_read_memory(const struct image *image, uint64_t address, void *buffer, size_t size)
{
	struct iovec local = {.iov_base = buffer, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};

	return process_vm_readv((pid_t)image->id.pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}
