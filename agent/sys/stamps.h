/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments out of a sample: the kernel stamps the last byte each way in ticks, and a connection that
 * was open before is told by its age.
 */
#ifndef CONNLEAK_SYS_STAMPS_H
#define CONNLEAK_SYS_STAMPS_H

#include "clock.h"
#include "core/types.h"
#include "probes.h"

/* Sets the clock by the probes' own reading; takes a quarter of a second shortly after boot. */
int stamps_calibrate(struct tick_clock *ret_clock, struct probes *probes);

/*
 * When payload moved last, each way, of a sample taken at jiffies; 0 where no byte has ever moved
 * that way. Whole microseconds.
 */
uint64_t stamps_last_send_ns(const struct tick_clock *clock, const struct conn_io *io,
			     uint64_t jiffies);
/* With sent_last (as in struct conn_sample) earlier than the last send, by a microsecond. */
uint64_t stamps_last_recv_ns(const struct tick_clock *clock, const struct conn_io *io,
			     uint64_t jiffies, bool sent_last);

/* Fills in an EVENT_SEEN whose t_ns is set: its state, how long it is silent, how old it is. */
void stamps_fill_seen(const struct tick_clock *clock, const struct conn_sample *sample,
		      struct event *event);

#endif
