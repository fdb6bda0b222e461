// SPDX-License-Identifier: Apache-2.0
/*
 * A process-day has millions of exchanges and few of them are seen by the source one by one, so a
 * checkout is drawn once to know where it ends and drawn again, from the same seed, only as far as
 * a look that falls into it has to see.
 *
 * Invariant: both runs give the same exchanges; an answer never precedes its question.
 */
#include "script.h"

#include <string.h>

#define PING_SENT 6
#define PING_RECEIVED 11
#define STREAM_BYTES 1400

static uint64_t draw_service_ns(struct script *script)
{
	const struct work *work = script->work;
	double seconds;

	if (work->tail_share > 0 && rng_unit(&script->rng) < work->tail_share)
		seconds = work->tail_s / pow(1 - rng_unit(&script->rng), 1 / 1.5);
	else
		seconds = rng_lognormal(&script->rng, work->service_s, work->service_sigma);
	seconds *= script->factor;
	return ns_of(seconds < 7200 ? seconds : 7200) + NS_PER_US;
}

static void draw_sizes(struct script *script)
{
	uint64_t bits = rng_next(&script->rng);

	script->send_bytes = 40 + (uint32_t)(bits & 0x1ff);
	script->recv_bytes = 60 + (uint32_t)(bits >> 32 & 0xfff);
}

static void begin_exchange(struct script *script, uint64_t t_ns)
{
	script->send_ns = t_ns;
	script->recv_ns = t_ns + draw_service_ns(script);
	script->was_sent = false;
	draw_sizes(script);
}

static void begin_ping(struct script *script, uint64_t t_ns)
{
	script->send_ns = t_ns;
	script->recv_ns = t_ns + 500 * NS_PER_US;
	script->was_sent = false;
	script->send_bytes = PING_SENT;
	script->recv_bytes = PING_RECEIVED;
}

static void take_send(struct script *script, struct payload *payload)
{
	payload->sent_bytes += script->send_bytes;
	payload->last_send_ns = script->send_ns;
	script->was_sent = true;
}

/* False when that was the last exchange. */
static bool take_answer(struct script *script, struct payload *payload)
{
	const struct work *work = script->work;
	uint64_t next_ns = script->recv_ns + NS_PER_US;

	payload->received_bytes += script->recv_bytes;
	payload->last_recv_ns = script->recv_ns;
	if (script->left == 0)
		return false;
	script->left--;
	if (work->pause_s > 0)
		next_ns += ns_of(rng_lognormal(&script->rng, work->pause_s, work->pause_sigma));
	begin_exchange(script, next_ns);
	return true;
}

void script_begin(struct script *script, struct rng *rng, const struct work *work, double factor,
		  bool validate, uint64_t t_ns, const struct payload *before)
{
	struct script start;
	double extra = work->exchanges - 1;

	script->rng.state = rng_next(rng);
	script->work = work;
	script->factor = factor;
	script->left = extra > 0 ? (uint32_t)(rng_exp(rng, extra) + 0.5) : 0;
	if (validate) {
		script->left++;
		begin_ping(script, t_ns);
	} else {
		begin_exchange(script, t_ns);
	}
	start = *script;
	script->final = *before;
	do
		take_send(script, &script->final);
	while (take_answer(script, &script->final));
	start.final = script->final;
	start.end_ns = script->recv_ns + NS_PER_US;
	*script = start;
}

void script_advance(struct script *script, uint64_t t_ns, struct payload *payload)
{
	for (;;) {
		if (!script->was_sent) {
			if (script->send_ns > t_ns)
				return;
			take_send(script, payload);
		}
		if (script->recv_ns > t_ns)
			break;
		if (!take_answer(script, payload))
			return;
	}
	if (script->work->stream_s > 0 && t_ns > script->send_ns + ns_of(script->work->stream_s)) {
		payload->received_bytes += STREAM_BYTES;
		payload->last_recv_ns = t_ns - NS_PER_MS;
	}
}

void script_finish(struct script *script, struct payload *payload)
{
	uint64_t received_bytes = payload->received_bytes;

	*payload = script->final;
	if (payload->received_bytes < received_bytes)
		payload->received_bytes = received_bytes; /* what was streamed stays counted */
	script->end_ns = 0;
}
