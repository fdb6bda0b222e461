// SPDX-License-Identifier: Apache-2.0
/*
 * A pool that is used up and a pool that nobody asks for anything are both silent, and no socket
 * tells which of them it is. What tells them apart is how the work went before it ended: where the
 * connections are leaked one by one it falls to fewer and fewer, and the others have been silent
 * for longer than they are in a pool that works. So the ages of the connections at the end are
 * compared with those of the twin, the same pool with the same load and no leak, at each second of
 * a day, as if its load had stopped there.
 *
 * An age is counted in seconds, and in bytes that the pool has sent since: a calm hour makes the
 * first large and not the second. How rare each age is makes two tests: all of them together, as
 * Fisher does, by the sum of the logarithms, and the rarest alone. The ages depend on each other,
 * so how rare a sum or a rarest one is comes from the twin itself; and who has two tests may say no
 * more than twice the smaller (Bonferroni).
 *
 * Invariant: knows nothing of requests that wait, and of the leaks only what the sockets show.
 * Nobody has such a twin at hand; yet it may be beaten, as it looks at one moment only, and not at
 * the order in which the connections fell silent.
 */
#include "twin.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400
#define AGES 2 /* of each connection: in time, in work */

struct sampler {
	struct twin_view view;
	uint32_t ranks; /* connections that are compared */
	float *ages; /* owned; ranks * AGES of each sample */
	uint32_t count, size;
	uint64_t due_ns;
};

static struct twin_conn *find(struct twin_view *view, uint64_t id)
{
	for (uint32_t i = 0; i < view->count; i++)
		if (view->conns[i].id == id)
			return &view->conns[i];
	return NULL;
}

/* What was told at one look was done in any order. */
static void end_look(struct twin_view *view, uint64_t t_ns)
{
	if (t_ns == view->look_ns)
		return;
	view->look_ns = t_ns;
	for (uint32_t i = 0; i < view->count; i++) {
		if (view->conns[i].has_moved)
			view->conns[i].work_bytes = view->work_bytes;
		view->conns[i].has_moved = false;
	}
}

static void note_io(struct twin_view *view, const struct event *event)
{
	struct twin_conn *conn = find(view, event->conn);

	if (!conn)
		return;
	if (event->sent_bytes > conn->sent_bytes)
		view->work_bytes += event->sent_bytes - conn->sent_bytes;
	conn->sent_bytes = event->sent_bytes;
	conn->last_ns = event->last_recv_ns > event->last_send_ns ? event->last_recv_ns
								  : event->last_send_ns;
	conn->has_moved = true;
}

void twin_observe(struct twin_view *view, const struct event *event)
{
	struct twin_conn *conn;

	end_look(view, event->t_ns);
	switch (event->type) {
	case EVENT_OPEN:
		if (view->count == TWIN_CONNS_MAX) {
			view->is_full = true;
			return;
		}
		view->conns[view->count++] = (struct twin_conn){
			.id = event->conn, .last_ns = event->t_ns, .has_moved = true};
		break;
	case EVENT_IO:
		note_io(view, event);
		break;
	case EVENT_CLOSE:
	case EVENT_FAILED:
		conn = find(view, event->conn);
		if (conn)
			*conn = view->conns[--view->count];
		break;
	default:
		break;
	}
}

static int compare_last(const void *a, const void *b)
{
	const struct twin_conn *left = a, *right = b;

	return (left->last_ns < right->last_ns) - (left->last_ns > right->last_ns);
}

/* Fills AGES values of each rank. */
static void take_ages(const struct twin_view *view, uint32_t ranks, float *ages)
{
	struct twin_conn conns[TWIN_CONNS_MAX];

	memcpy(conns, view->conns, view->count * sizeof(*conns));
	qsort(conns, view->count, sizeof(*conns), compare_last);
	for (uint32_t i = 0; i < ranks; i++) {
		ages[i * AGES] = ages[i * AGES + 1] = -1;
		if (i >= view->count)
			continue;
		ages[i * AGES] = (float)((double)(conns[0].last_ns - conns[i].last_ns) / 1e9);
		ages[i * AGES + 1] =
			conns[i].has_moved ? 0 : (float)(view->work_bytes - conns[i].work_bytes);
	}
}

/* --- the twin --------------------------------------------------------------------------------- */

static int add_sample(struct sampler *sampler)
{
	uint32_t width = sampler->ranks * AGES;
	float *ages;

	if (sampler->count == sampler->size) {
		sampler->size = sampler->size ? 2 * sampler->size : 1024;
		ages = realloc(sampler->ages, (size_t)sampler->size * width * sizeof(*ages));
		if (!ages)
			return -ENOMEM;
		sampler->ages = ages;
	}
	take_ages(&sampler->view, sampler->ranks, sampler->ages + (size_t)sampler->count * width);
	sampler->count++;
	return 0;
}

/* All that is told at one look has the same time; what is later begins the next. */
static int sample(void *userdata, const struct event *event)
{
	struct sampler *sampler = userdata;
	int r = 0;

	if (event->t_ns >= sampler->due_ns && sampler->view.count > 0) {
		r = add_sample(sampler);
		sampler->due_ns = event->t_ns - event->t_ns % NS_PER_SEC + NS_PER_SEC;
	}
	twin_observe(&sampler->view, event);
	return r;
}

static int run_twin(const struct scenario *scenario, struct sampler *sampler)
{
	char params[2 * PARAMS_SIZE];
	struct scenario *twin;
	int r;

	(void)snprintf(params, sizeof(params), "leak=nothing,look=%g,dur=%d,%s",
		       (double)scenario->world->look_ns / 1e9, DAY_S, scenario->params);
	twin = scenario_new(scenario->family, params, scenario->seed, sample, sampler);
	if (!twin)
		return -ENOMEM;
	r = world_run(twin->world);
	scenario_free(twin);
	return r;
}

/* --- the comparison --------------------------------------------------------------------------- */

static int compare_floats(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;

	return (left > right) - (left < right);
}

/* How many of the sorted values are at least as large. */
static uint32_t count_from(const float *sorted, uint32_t count, float value)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (sorted[middle] < value)
			low = middle + 1;
		else
			high = middle;
	}
	return count - low;
}

/* What one sample, or the pool itself, has in all columns. */
struct rarity {
	double sum; /* of the logarithms of the shares */
	double least; /* of them */
};

static void add_share(struct rarity *rarity, double share)
{
	rarity->sum += log(share);
	rarity->least = fmin(rarity->least, share);
}

/* Adds one column to all samples, and to the last what the pool itself has. */
static void weigh(const struct sampler *sampler, uint32_t column, float own, float *sorted,
		  struct rarity *rarities)
{
	uint32_t width = sampler->ranks * AGES, count = sampler->count;
	const float *ages = sampler->ages + column;

	for (uint32_t i = 0; i < count; i++)
		sorted[i] = ages[(size_t)i * width];
	qsort(sorted, count, sizeof(*sorted), compare_floats);
	for (uint32_t i = 0; i < count; i++)
		add_share(&rarities[i],
			  (double)count_from(sorted, count, ages[(size_t)i * width]) / count);
	add_share(&rarities[count], fmax(count_from(sorted, count, own), 0.5) / count);
}

static double compare(const struct sampler *sampler, const float *own)
{
	float *sorted = calloc(sampler->count + 1, sizeof(*sorted));
	struct rarity *rarities = calloc(sampler->count + 1, sizeof(*rarities)), *last;
	uint32_t rarer = 0, less = 0;

	if (!sorted || !rarities)
		abort();
	for (uint32_t i = 0; i <= sampler->count; i++)
		rarities[i].least = 1;
	for (uint32_t i = 0; i < sampler->ranks * AGES; i++)
		weigh(sampler, i, own[i], sorted, rarities);
	last = &rarities[sampler->count];
	for (uint32_t i = 0; i < sampler->count; i++) {
		rarer += rarities[i].sum <= last->sum;
		less += rarities[i].least <= last->least;
	}
	free(sorted);
	free(rarities);
	return fmin(1, 2 * fmin(rarer, less) / sampler->count);
}

double twin_share(const struct scenario *scenario, const struct twin_view *view)
{
	struct sampler sampler = {.ranks = view->count};
	float own[TWIN_CONNS_MAX * AGES];
	double share = NAN;

	if (view->count == 0 || view->is_full)
		return NAN;
	take_ages(view, view->count, own);
	if (run_twin(scenario, &sampler) == 0 && sampler.count > 0 && !sampler.view.is_full)
		share = compare(&sampler, own);
	free(sampler.ages);
	return share;
}
