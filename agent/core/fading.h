/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the work of a pool fell before it stopped: a load that ends takes its work with it, a
 * pool that is used up does all of it to the end.
 */
#ifndef CONNLEAK_CORE_FADING_H
#define CONNLEAK_CORE_FADING_H

#include <stdbool.h>
#include <stdint.h>

#include "meter.h"
#include "types.h"

/* No day ends within less. */
#define FADING_NS (600 * (int64_t)NS_PER_SEC)

/*
 * since_ns: when its connections began to fall silent; end_ns: its last operation. All of them say
 * false where the meter does not know enough: of seconds it knows the last five minutes.
 */

/*
 * True when since then, or in the last half minute where that is longer, no less was sent a second
 * than in the lowest quarter of the time that the pool worked in the hour before, and most of that
 * in the last half minute, too.
 */
bool fading_is_usual(const struct meter *meter, int64_t since_ns, int64_t end_ns);

/*
 * What was sent a second since then, or in the last half minute where that is longer, of what the
 * hour before had at its tide (0 to 1, see meter_low_tide()); at most 1. NAN where that is not
 * known.
 */
double fading_share(const struct meter *meter, double tide, int64_t since_ns, int64_t end_ns);

/*
 * How much was sent a second from since_ns to end_ns, or in the last seconds of that, if it was
 * less: as a share of what was sent in the ten minutes before, at most 1. NAN where the meter does
 * not know, or knows no more: some minutes later it has no seconds.
 */
double fading_share_kept(const struct meter *meter, int64_t since_ns, int64_t end_ns);

/* True when since then, in ten minutes or more, less was sent a second than in all the time before.
 */
bool fading_has_faded(const struct meter *meter, int64_t since_ns, int64_t end_ns);

/*
 * True when the work fell with the connections, and below what is usual: those that are left of a
 * pool that is shared do all of it, workers with a connection each do theirs.
 */
bool fading_went_one_by_one(const struct meter *meter, int64_t since_ns, int64_t end_ns);

#endif
