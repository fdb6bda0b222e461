/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is mapped into another process, as libdw sees it: its executable and libraries, opened below
 * its own root directory, and the map file of its JIT compiler.
 */
#ifndef CONNLEAK_SYS_IMAGE_H
#define CONNLEAK_SYS_IMAGE_H

#include <elfutils/libdwfl.h>

#include "core/types.h"

#define IMAGE_MODULES_MAX 2048
#define IMAGE_FILE_BYTES_MAX (2ULL << 30)

struct image;

enum image_runtime {
	RUNTIME_NATIVE,
	RUNTIME_PYTHON,
	RUNTIME_JAVA,
	RUNTIME_NODE,
	RUNTIME_PHP,
};

/*
 * Opens what is mapped now. Returns 0, -ESRCH when the process is gone or is another one, -EACCES,
 * -ENOMEM. Free with image_free(), which accepts NULL. proc_fd is borrowed.
 */
int image_open(int proc_fd, struct client_id id, struct image **ret_image);
void image_free(struct image *image);

/*
 * Reads the mappings anew: libraries have been loaded, or the process has executed another
 * program. Returns 0 or -errno; on failure the image stays as it was.
 */
int image_refresh(struct image *image);

/* True when the process runs another executable than the image has. */
bool image_is_stale(const struct image *image);

/* Another number each time that image_refresh() has found other files, or parts of them. */
uint32_t image_generation(const struct image *image);

Dwfl *image_dwfl(const struct image *image);
struct client_id image_client(const struct image *image);
enum image_runtime image_runtime(const struct image *image);

/* True when the pid is another process's by now: what was read of its memory may be, too. */
bool image_is_another(const struct image *image);

/* True when the process is gone: what was not read of it never will be. */
bool image_has_ended(const struct image *image);

/* Name of the process; raw bytes. */
const char *image_comm(const struct image *image);

/*
 * The mapping that address lies in: path as the process sees it and offset into the file. Returns
 * false where it is in none of a file. Works without the file itself.
 */
bool image_find_file(const struct image *image, uint64_t address, const char **ret_path,
		     uint64_t *ret_offset);

/* Why the module that path names could not be read; NULL when it could, or was not needed yet. */
const char *image_refusal(const struct image *image, uint64_t address);

/* Name of JIT code by the process's own perf map; NULL = none. *ret_has_map: there is a map. */
const char *image_find_jit(struct image *image, uint64_t address, bool *ret_has_map);

/* Bytes of the map that are in memory, and forgetting them: the next look reads it again. */
uint64_t image_jit_bytes(const struct image *image);
void image_drop_jit(struct image *image);

/* Address of a symbol, by the exact name, in the module that runs python, node ...; 0 = none. */
uint64_t image_find_symbol(struct image *image, const char *name, uint64_t *ret_size);

/* Reads memory of the process; all of it or nothing. */
bool image_read_memory(const struct image *image, uint64_t address, void *buffer, size_t size);

#endif
