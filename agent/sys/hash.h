/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uthash, which ends the process where memory is out. Included from here it leaves the element out
 * instead: after every HASH_ADD...() ask hash_took(), and free the element where the answer is no.
 */
#ifndef CONNLEAK_SYS_HASH_H
#define CONNLEAK_SYS_HASH_H

#define HASH_NONFATAL_OOM 1

#include <uthash.h>

/* Whether the element that was added is in the table; its handle is called hh. */
#define hash_took(element) ((element)->hh.tbl != NULL)

#endif
