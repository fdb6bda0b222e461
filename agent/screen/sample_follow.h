/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two samples of the same host, one after the other.
 */
#ifndef CONNLEAK_SCREEN_SAMPLE_FOLLOW_H
#define CONNLEAK_SCREEN_SAMPLE_FOLLOW_H

#include "sample.h"

#define SAMPLE_EXITED_NS (60 * NS_PER_SEC) /* how long a pool that is gone is kept */

/*
 * Completes sample by the one taken before it of the same host (NULL = none): rates become those
 * of the time between the two, and pools that are gone since are kept as exited ones for
 * SAMPLE_EXITED_NS. Returns 0 or -ENOMEM.
 */
int sample_follow(struct sample *sample, const struct sample *before);

#endif
