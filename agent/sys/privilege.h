/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives up what a running agent no longer needs: capabilities, the way to new ones, system calls.
 */
#ifndef CONNLEAK_SYS_PRIVILEGE_H
#define CONNLEAK_SYS_PRIVILEGE_H

#include <stdint.h>

#define PRIVILEGE_NO_MORE 0ULL
#define PRIVILEGE_MORE(capability) (1ULL << (capability))

/*
 * To be called when the probes are attached: of the capabilities only those stay that looking
 * needs, and those in more (PRIVILEGE_MORE(CAP_CHOWN): a socket is still to be made), or
 * PRIVILEGE_NO_MORE; none can be won back by executing something. What the process does not have
 * it does not need to give up. Returns 0 or -errno.
 */
int privilege_drop_capabilities(uint64_t more);

/*
 * To be called when everything is open: from here on only listed system calls are made. Any other
 * one answers EPERM and is counted, and the process goes on. Returns 0 or -errno; -ENOSYS and
 * -EINVAL where the kernel has no seccomp filters.
 */
int privilege_restrict_calls(void);

/*
 * System calls refused so far. The pointer is valid for ever. Says each call once by its name; to
 * be called now and then.
 */
const uint64_t *privilege_refused_count(void);
void privilege_tell_refused(void);

#endif
