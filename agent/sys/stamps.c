// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel stamps activity in ticks of up to 10 ms, and starts in the middle know nothing else;
 * this makes moments, ages and idle times of such stamps.
 *
 * Invariant: nothing is told to have happened later than it did. Ages of connections whose open was
 * watched do not need stamps and are exact.
 * Does not know how long a tick is (clock.c).
 */
#include "stamps.h"

#include <errno.h>
#include <time.h>

int stamps_calibrate(struct tick_clock *ret_clock, struct probes *probes)
{
	const struct timespec wait = {.tv_nsec = 250 * NS_PER_MS};
	struct pass_result first, second;
	int r;

	r = probes_clock(probes, &first);
	if (r < 0)
		return r;
	r = tick_clock_init(ret_clock, first.jiffies, first.now_ns);
	if (r != -EAGAIN)
		return r;
	(void)nanosleep(&wait, NULL); /* a shorter one is noticed as an unknown rate */
	r = probes_clock(probes, &second);
	if (r < 0)
		return r;
	return tick_clock_measure(ret_clock, first.jiffies, first.now_ns, second.jiffies,
				  second.now_ns);
}

static uint64_t to_us(int64_t ns)
{
	return ns > 0 ? (uint64_t)ns - (uint64_t)ns % NS_PER_US : 0;
}

static uint64_t moment_ns(const struct tick_clock *clock, uint64_t jiffies)
{
	return to_us(tick_clock_to_ns(clock, jiffies));
}

uint64_t stamps_last_send_ns(const struct tick_clock *clock, const struct conn_io *io,
			     uint64_t jiffies)
{
	return io->sent_bytes ? moment_ns(clock, jiffies - io->send_age_jiffies) : 0;
}

/*
 * Made earlier, not the send later: an answer may come in the same tick yet, and is then told to
 * have come no earlier than what it answers.
 */
uint64_t stamps_last_recv_ns(const struct tick_clock *clock, const struct conn_io *io,
			     uint64_t jiffies, bool sent_last)
{
	uint64_t t_ns = io->received_bytes ? moment_ns(clock, jiffies - io->recv_age_jiffies) : 0;

	return sent_last && t_ns > NS_PER_US ? t_ns - NS_PER_US : t_ns;
}

void stamps_fill_seen(const struct tick_clock *clock, const struct conn_sample *sample,
		      struct event *event)
{
	const struct conn_io *io = &sample->io;
	uint64_t t = event->t_ns - event->t_ns % NS_PER_US;
	uint32_t oldest = io->send_age_jiffies, youngest = io->recv_age_jiffies;
	uint64_t silent_ns, oldest_ns;

	event->age_is_exact = !(sample->flags & RECORD_SEED);
	event->age_ns = to_us(t > sample->open_ns ? (int64_t)(t - sample->open_ns) : 0);
	if (sample->connecting) {
		event->seen_state = SEEN_CONNECTING;
		return;
	}
	event->seen_state = sample->peer_closed_ns ? SEEN_PEER_CLOSED : SEEN_ESTABLISHED;
	/*
	 * Both stamps are set when the handshake is done (tcp_finish_connect()), so the older one
	 * is a bound of the age, and without a byte sent or received it is the moment itself.
	 */
	if (io->recv_age_jiffies > oldest)
		oldest = io->recv_age_jiffies;
	if (!io->received_bytes || (io->sent_bytes && io->send_age_jiffies < youngest))
		youngest = io->send_age_jiffies;
	silent_ns = moment_ns(clock, sample->jiffies - youngest);
	oldest_ns = moment_ns(clock, sample->jiffies - oldest);
	event->has_idle = true;
	event->idle_ns = t > silent_ns ? t - silent_ns : 0;
	if (!event->age_is_exact && t > oldest_ns && t - oldest_ns > event->age_ns)
		event->age_ns = t - oldest_ns;
}
