// SPDX-License-Identifier: Apache-2.0
/*
 * A pool opens its connections at one place. Once that has been unwound and named, the probe is
 * left with what it needs to know the place again, and copies no more stacks of it.
 *
 * Invariant: a number stands for one line: the element of the trail, and which of the trails it is
 * that were written there (of the last 128). A trail is written while its sequence is odd,
 * and it holds its own key: a reader that was led to it by an index of yesterday finds another key
 * or another sequence, and takes nothing from it.
 */
#include "site_trails.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A number is TURN * ABI_TRAILS_MAX + INDEX, of which INDEX is not 0, so that it is not. */
#define TURNS_MAX (65536 / ABI_TRAILS_MAX)

struct line {
	uint64_t number;
	char *text; /* owned */
};

struct site_trails {
	int ways_fd;
	struct trail *shared; /* with the probe */
	size_t shared_bytes;
	uint64_t moment; /* counts what is learned or asked for */
	uint64_t asked[ABI_TRAILS_MAX]; /* when a trail was learned or asked for */
	uint8_t turns[ABI_TRAILS_MAX]; /* of the last number that it was given */
	struct line lines[ABI_TRAILS_MAX][SITE_TRAIL_LINES_EACH]; /* by turn */
};

int site_trails_new(int ways_fd, int trails_fd, struct site_trails **ret_trails)
{
	struct site_trails *trails = calloc(1, sizeof(*trails));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (ABI_TRAILS_MAX * sizeof(struct trail) + page - 1) / page * page;
	void *shared;

	if (!trails)
		return -ENOMEM;
	shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, trails_fd, 0);
	if (shared == MAP_FAILED) {
		free(trails);
		return -errno;
	}
	trails->ways_fd = ways_fd;
	trails->shared = shared;
	trails->shared_bytes = bytes;
	*ret_trails = trails;
	return 0;
}

void site_trails_free(struct site_trails *trails)
{
	if (!trails)
		return;
	for (uint32_t i = 0; i < ABI_TRAILS_MAX; i++)
		for (uint32_t j = 0; j < SITE_TRAIL_LINES_EACH; j++)
			free(trails->lines[i][j].text);
	munmap(trails->shared, trails->shared_bytes);
	free(trails);
}

/* --- lines ------------------------------------------------------------------------------------ */

static struct line *line_of(struct site_trails *trails, uint64_t number)
{
	uint32_t turn = (uint32_t)(number / ABI_TRAILS_MAX);

	return &trails->lines[number % ABI_TRAILS_MAX][turn % SITE_TRAIL_LINES_EACH];
}

/* For the trail at index. 0 when out of memory. */
static uint64_t add_line(struct site_trails *trails, uint32_t index, const char *text)
{
	uint8_t turn = (uint8_t)((trails->turns[index] + 1) % TURNS_MAX);
	uint64_t number = (uint64_t)turn * ABI_TRAILS_MAX + index;
	struct line *line = line_of(trails, number);
	char *copy = strdup(text);

	if (!copy)
		return 0;
	free(line->text);
	*line = (struct line){.number = number, .text = copy};
	trails->turns[index] = turn;
	return number;
}

const char *site_trails_find(struct site_trails *trails, uint64_t number)
{
	uint64_t index = number % ABI_TRAILS_MAX;
	const struct line *line;

	if (index == 0 || number / ABI_TRAILS_MAX >= TURNS_MAX)
		return NULL;
	line = line_of(trails, number);
	if (line->number != number)
		return NULL;
	if (trails->shared[index].number == number)
		trails->asked[index] = ++trails->moment;
	return line->text;
}

/* --- trails ----------------------------------------------------------------------------------- */

static bool has_key(const struct trail *trail, const struct trail_key *key)
{
	return trail->number && memcmp(&trail->key, key, sizeof(*key)) == 0;
}

/* The probe reads at any moment. */
static void write_trail(struct trail *trail, const struct trail *wanted)
{
	uint64_t sequence = trail->sequence;

	__atomic_store_n(&trail->sequence, sequence + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	trail->key = wanted->key;
	trail->number = wanted->number;
	trail->due_ns = wanted->due_ns;
	trail->places = wanted->places;
	__atomic_store_n(&trail->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* Tells the probe which trails there are of a key. */
static void write_ways(struct site_trails *trails, const struct trail_key *key)
{
	struct trail_ways ways = {};
	unsigned count = 0;

	for (uint32_t i = 1; i < ABI_TRAILS_MAX && count < ABI_TRAIL_WAYS; i++)
		if (has_key(&trails->shared[i], key))
			ways.trails[count++] = i + 1;
	/* What the map has no room for is copied as before; and gone is as good. */
	if (count > 0)
		(void)bpf_map_update_elem(trails->ways_fd, key, &ways, BPF_ANY);
	else
		(void)bpf_map_delete_elem(trails->ways_fd, key);
}

static void clear_trail(struct site_trails *trails, uint32_t index)
{
	struct trail_key key = trails->shared[index].key;

	write_trail(&trails->shared[index], &(struct trail){});
	write_ways(trails, &key);
}

static struct trail *find_same(struct site_trails *trails, const struct trail_key *key,
			       const struct trail_places *places)
{
	for (uint32_t i = 1; i < ABI_TRAILS_MAX; i++)
		if (has_key(&trails->shared[i], key) &&
		    memcmp(&trails->shared[i].places, places, sizeof(*places)) == 0)
			return &trails->shared[i];
	return NULL;
}

/* Of the key's own where it has as many as it may have, else of all; a free one before all. */
static uint32_t pick(const struct site_trails *trails, const struct trail_key *key)
{
	uint32_t own = 0, own_count = 0, any = 1;

	for (uint32_t i = 1; i < ABI_TRAILS_MAX; i++) {
		if (trails->asked[i] < trails->asked[any])
			any = i;
		if (!has_key(&trails->shared[i], key))
			continue;
		if (own_count == 0 || trails->asked[i] < trails->asked[own])
			own = i;
		own_count++;
	}
	return own_count < ABI_TRAIL_WAYS ? any : own;
}

/* The same place again: the number stays, unless it has another name by now. */
static void renew(struct site_trails *trails, struct trail *trail, const char *site,
		  uint64_t now_ns)
{
	const struct line *line = line_of(trails, trail->number);
	uint32_t index = (uint32_t)(trail - trails->shared);
	struct trail renewed = *trail;

	if (line->number != trail->number || strcmp(line->text, site) != 0)
		renewed.number = add_line(trails, index, site);
	renewed.due_ns = now_ns + SITE_TRAIL_TRUST_NS;
	if (renewed.number)
		write_trail(trail, &renewed);
	trails->asked[index] = ++trails->moment;
}

void site_trails_learn(struct site_trails *trails, const struct trail_key *key,
		       const struct trail_places *places, const char *site, uint64_t now_ns)
{
	struct trail wanted = {
		.key = *key,
		.due_ns = now_ns + SITE_TRAIL_TRUST_NS,
		.places = *places,
	};
	struct trail *known;
	uint32_t index;

	if (places->place_count == 0 || places->place_count > ABI_TRAIL_PLACES_MAX)
		return;
	known = find_same(trails, key, places);
	if (known) {
		renew(trails, known, site, now_ns);
		return;
	}
	index = pick(trails, key);
	wanted.number = add_line(trails, index, site);
	if (!wanted.number)
		return;
	if (trails->shared[index].number)
		clear_trail(trails, index);
	write_trail(&trails->shared[index], &wanted);
	write_ways(trails, key);
	trails->asked[index] = ++trails->moment;
}

void site_trails_forget_client(struct site_trails *trails, uint32_t pid)
{
	for (uint32_t i = 1; i < ABI_TRAILS_MAX; i++) {
		if (!trails->shared[i].number || trails->shared[i].key.client.pid != pid)
			continue;
		clear_trail(trails, i);
		trails->asked[i] = 0;
	}
}
