/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any history of any pools, judged with any settings that are allowed: what a process does is its
 * own affair, and a setting is only bounded by its row. Verdicts must be told in order, name open
 * connections only and each once, and have figures and sentences that make sense.
 *
 * The input: how many settings, a row and a value each; then steps of four bytes: what, who, for
 * how long or which, and how much time goes by.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/pipeline.h"
#include "core/format.h"
#include "core/table.h"

#define CLIENTS 3
#define CONNS 96 /* at once */
#define EVENTS_MAX 2000
#define TIME_MAX_NS (400ULL * 86400 * NS_PER_SEC)
#define VERDICTS_MAX 4096
#define LONG_GAPS_MAX 6 /* of an hour and more, which can have 20,000 ticks each */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct slot {
	uint64_t id; /* 0 = none */
	uint32_t client;
	uint64_t sent_bytes;
};

struct world {
	struct options options;
	struct pipeline *pipeline;
	uint64_t now_ns, last_id;
	uint32_t event_count, long_gap_count;
	struct slot slots[CONNS];
	uint8_t states[VERDICTS_MAX]; /* by the verdict's number: 1 + the last state that was told
				       */
};

struct step {
	uint8_t what, who, which, gap;
};

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

/* --- what is said ----------------------------------------------------------------------------- */

/* As printf() writes what is no number. */
static bool has_word(const char *text, const char *word)
{
	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		if ((at == text || !isalpha((unsigned char)at[-1])) &&
		    !isalpha((unsigned char)at[strlen(word)]))
			return true;
	return false;
}

static void check_sentence(const char *text)
{
	bool has_words = text[0] != '\0' && format_is_safe(text);
	bool has_numbers = !has_word(text, "nan") && !has_word(text, "inf");

	if (!has_words || !has_numbers)
		(void)fprintf(stderr, "the sentence: %s\n", text);
	require(has_words, "a sentence is printable");
	require(has_numbers, "a figure is a number");
}

static void check_figures(const struct verdict *verdict)
{
	double low = verdict->exhausts_in_low_s, likely = verdict->exhausts_in_s;
	double high = verdict->exhausts_in_high_s;

	require(!isinf(likely) && !isinf(low) && !isinf(verdict->growth_per_hour),
		"what is known has an end");
	require(isnan(likely) || likely >= 0, "it is not over yet");
	require(isnan(low) || isnan(likely) || low <= likely,
		"the earliest is not after the likely");
	require(isnan(high) || isnan(likely) || likely <= high, "the latest is not before it");
	require(verdict->since_ns <= verdict->t_ns, "since then is not in future");
}

static void check_suspects(const struct world *world, const struct verdict *verdict)
{
	for (uint32_t i = 0; i < verdict->suspect_count; i++) {
		bool is_open = false;

		for (uint32_t j = 0; j < i; j++)
			require(verdict->suspects[i] != verdict->suspects[j], "each is named once");
		for (uint32_t j = 0; j < CONNS && !is_open; j++)
			is_open = world->slots[j].id == verdict->suspects[i];
		require(is_open || verdict->state == VERDICT_CLEARED, "who is named is open");
	}
}

static void check_order(struct world *world, const struct verdict *verdict)
{
	uint8_t before;

	require(verdict->id != 0, "a verdict has a number");
	if (verdict->id >= VERDICTS_MAX)
		return;
	before = world->states[verdict->id];
	require(before != 1 + VERDICT_CLEARED, "what is over stays over");
	require(verdict->state != VERDICT_RAISED || before <= 1 + VERDICT_SUSPECT, "raised once");
	require(verdict->state != VERDICT_UPDATED || before > 1 + VERDICT_SUSPECT,
		"updated after it was raised");
	world->states[verdict->id] = (uint8_t)(1 + verdict->state);
}

static int on_verdict(void *userdata, const struct verdict *verdict)
{
	check_sentence(verdict->summary);
	for (uint32_t i = 0; i < verdict->evidence_count; i++)
		check_sentence(verdict->evidence[i].text);
	for (uint32_t i = 0; i < verdict->rival_count; i++)
		check_sentence(verdict->rivals[i].text);
	check_figures(verdict);
	check_suspects(userdata, verdict);
	check_order(userdata, verdict);
	return 0;
}

/* --- what happens ----------------------------------------------------------------------------- */

static void feed(struct world *world, struct event *event)
{
	event->t_ns = world->now_ns;
	world->event_count++;
	require(pipeline_feed(world->pipeline, event) >= 0, "memory");
}

static void fill_owner(const struct world *world, struct event *event, uint8_t who)
{
	(void)world;
	event->client = (struct client_id){.pid = 100 + who % CLIENTS, .start_ns = NS_PER_MS};
	event->tid = event->client.pid + who / 64;
	memcpy(event->comm, "app", 4);
	require(!parse_netaddr(who & 32 ? "10.0.0.2:3306" : "10.0.0.1:5432", &event->remote),
		"an address");
}

static void use(struct world *world, struct slot *slot, uint32_t bytes)
{
	struct event event = {.type = EVENT_IO, .conn = slot->id};

	slot->sent_bytes += bytes;
	event.sent_bytes = event.received_bytes = slot->sent_bytes;
	event.last_send_ns = event.last_recv_ns = world->now_ns;
	feed(world, &event);
}

static void open_one(struct world *world, uint8_t who, bool is_used)
{
	struct event event = {.type = EVENT_OPEN, .conn = world->last_id + 1};
	struct slot *slot = world->slots;

	while (slot < world->slots + CONNS && slot->id)
		slot++;
	if (slot == world->slots + CONNS)
		return;
	*slot = (struct slot){.id = ++world->last_id, .client = who % CLIENTS};
	fill_owner(world, &event, who);
	feed(world, &event);
	event = (struct event){.type = EVENT_ESTABLISHED, .conn = slot->id};
	feed(world, &event);
	if (is_used)
		use(world, slot, 100);
}

static void end_one(struct world *world, struct slot *slot, enum event_type type, uint8_t by)
{
	struct event event = {.type = type, .conn = slot->id, .by = by % CLOSE_BY_COUNT};

	if (type == EVENT_FAILED)
		memcpy(event.error, "ETIMEDOUT", 10);
	feed(world, &event);
	if (type != EVENT_PEER_CLOSED)
		slot->id = 0;
}

/* The whole of one process; it is nobody's any more, though its number may come again. */
static void end_client(struct world *world, uint8_t who)
{
	struct event event = {.type = EVENT_EXIT};

	for (uint32_t i = 0; i < CONNS; i++)
		if (world->slots[i].id && world->slots[i].client == who % CLIENTS)
			end_one(world, &world->slots[i], EVENT_CLOSE, CLOSE_EXIT);
	fill_owner(world, &event, who);
	feed(world, &event);
}

static void tell_counts(struct world *world, enum event_type type, uint8_t who, uint8_t count)
{
	struct event event = {.type = type, .lost_count = count};

	fill_owner(world, &event, who);
	event.churn.opened_count = event.churn.established_count = count;
	event.churn.closed_count[who % CLOSE_BY_COUNT] = count;
	event.churn.failed_count[who % FAIL_REASON_COUNT] = count / 2;
	feed(world, &event);
}

/* A second, in which one in so many of all connections is used. */
static void work(struct world *world, uint8_t one_in, uint8_t seconds)
{
	for (; seconds > 0 && world->event_count < EVENTS_MAX; seconds--) {
		world->now_ns += NS_PER_SEC;
		for (uint32_t i = 0; i < CONNS; i++)
			if (world->slots[i].id && world->slots[i].id % (1 + one_in % 4) == 0)
				use(world, &world->slots[i], 1 + one_in);
	}
}

/* What a pool does at a lack: opens one, which is given back or is not. */
static void lack(struct world *world, uint8_t who, uint8_t times)
{
	for (; times > 0 && world->event_count < EVENTS_MAX; times--) {
		open_one(world, who, who & 16);
		work(world, 1, 2);
		if (who & 8 && world->slots[0].id)
			end_one(world, &world->slots[0], EVENT_CLOSE, CLOSE_LOCAL);
	}
}

static void take(struct world *world, const struct step *step)
{
	static const uint64_t gaps_ns[] = {
		0,
		NS_PER_US,
		NS_PER_MS,
		30 * NS_PER_MS,
		NS_PER_SEC,
		5 * NS_PER_SEC,
		30 * NS_PER_SEC,
		300 * NS_PER_SEC,
		3600 * NS_PER_SEC,
		86400 * NS_PER_SEC,
	};
	struct slot *slot = &world->slots[step->which % CONNS];
	struct event end = {.type = EVENT_END};
	uint64_t gap_ns;

	switch (step->what % 12) {
	case 0:
		open_one(world, step->who, step->which & 1);
		break;
	case 1:
		work(world, step->who, step->which % 64);
		break;
	case 2:
		lack(world, step->who, step->which % 64);
		break;
	case 3:
	case 4:
		if (slot->id)
			end_one(world, slot, EVENT_CLOSE, step->who);
		break;
	case 5:
		if (slot->id)
			end_one(world, slot, step->who & 1 ? EVENT_FAILED : EVENT_PEER_CLOSED, 0);
		break;
	case 6:
		end_client(world, step->who);
		break;
	case 7:
		tell_counts(world, EVENT_LOST, step->who, step->which);
		break;
	case 8:
		tell_counts(world, step->who & 1 ? EVENT_CHURN : EVENT_PAST, step->who,
			    step->which);
		break;
	case 9:
		if (slot->id)
			use(world, slot, step->who * 1000U);
		break;
	default:
		feed(world, &end);
	}
	gap_ns = gaps_ns[step->gap % (sizeof(gaps_ns) / sizeof(gaps_ns[0]))];
	if (gap_ns < 3600 * NS_PER_SEC || world->long_gap_count++ < LONG_GAPS_MAX)
		world->now_ns += gap_ns;
}

/* Somewhere between the bounds of the row, which are powers of ten apart. */
static void set_one(struct settings *settings, uint8_t row, uint8_t value)
{
	size_t count;
	const struct setting_row *rows = settings_rows(&count);
	double low = rows[row % count].low, high = rows[row % count].high;
	double from = low > 0 ? low : high / 1e6;
	char text[40], error[200];

	(void)snprintf(text, sizeof(text), "%.17g",
		       value == 0     ? low
		       : value == 255 ? high
				      : from * pow(high / from, value / 255.0));
	(void)settings_set(settings, rows[row % count].key, text, error, sizeof(error));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world world;
	size_t at = 1;

	if (size == 0)
		return 0;
	world = (struct world){.now_ns = NS_PER_SEC};
	require(!options_init(&world.options), "memory");
	for (unsigned left = data[0] % 16; left > 0 && at + 2 <= size; left--, at += 2)
		set_one(&world.options.settings, data[at], data[at + 1]);
	world.pipeline = pipeline_new(&world.options, true, on_verdict, &world);
	require(world.pipeline && !pipeline_add_rollup(world.pipeline, &world.options), "memory");
	for (; at + sizeof(struct step) <= size && world.event_count < EVENTS_MAX &&
	       world.now_ns < TIME_MAX_NS;
	     at += sizeof(struct step))
		take(&world, (const struct step *)(data + at));
	pipeline_free(world.pipeline);
	options_free(&world.options);
	return 0;
}
