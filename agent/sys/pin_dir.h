/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory in the BPF file system that keeps what is pinned, and who may use it.
 */
#ifndef CONNLEAK_SYS_PIN_DIR_H
#define CONNLEAK_SYS_PIN_DIR_H

#include <stddef.h>

/*
 * Makes the directory where it is missing, and takes it for this process: nobody else has it until
 * the descriptor is closed. Mounts the BPF file system on /sys/fs/bpf, and says so, where path is
 * below that and nothing is mounted there. Returns 0, or with one clause in ret_error -EBUSY when
 * another process has it, -EPERM when others could write to it, or what else the system says.
 */
int pin_dir_take(const char *path, int *ret_fd, char *ret_error, size_t error_size);

/* The same for one that is there; makes and mounts nothing. -ENOENT: there is none. */
int pin_dir_take_existing(const char *path, int *ret_fd, char *ret_error, size_t error_size);

#endif
