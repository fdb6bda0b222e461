/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a pool of unknown size that grew to the end has come to its maximum.
 */
#ifndef CONNLEAK_CORE_MAXIMUM_H
#define CONNLEAK_CORE_MAXIMUM_H

#include <stdbool.h>
#include <stdint.h>

struct held;
struct judgement;

/* True for what drivers have as their maximum and people write into configurations. */
bool maximum_is_usual(uint32_t count);

/* True when a pool that is known to leak has grown to such a number, and nothing moves since. */
bool maximum_is_there(const struct judgement *judgement, int64_t known_ns);

/*
 * The same where it is likelier that it has leaked to the last than that its load has stopped just
 * there. *held is as of its last operation.
 */
bool maximum_is_leaked(const struct judgement *judgement, const struct held *held,
		       int64_t known_ns);

#endif
