// SPDX-License-Identifier: Apache-2.0
/*
 * The screen does not know where its figures come from; this is where that is known.
 *
 * Invariant: an agent that does not answer for a moment is trouble to be shown, not the end;
 * running out of memory is.
 */
#include "top_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detail_json.h"
#include "player.h"
#include "sample_json.h"
#include "snapshot.h"
#include "sys/api_client.h"

static void fill_scene(const struct top_source *source, struct sample_scene *ret_scene)
{
	const struct live *live = source->live;

	if (source->player) {
		player_scene(source->player, ret_scene);
		return;
	}
	*ret_scene = (struct sample_scene){
		.table = pipeline_table(live->pipeline),
		.detector = pipeline_detector(live->pipeline),
		.databases = live->options->databases,
		.now_ns = live->now_ns,
		.realtime_at_zero_ns = live->realtime_at_zero_ns,
	};
}

/* The body of an answer; NULL, with trouble told, where there is none. */
static char *ask(struct top_source *source, const char *target, size_t *ret_size)
{
	char *body = NULL;
	int r = api_get(source->socket_path, target, &body, ret_size, source->trouble,
			sizeof(source->trouble));

	return r < 0 ? NULL : body;
}

static int take_from_agent(struct top_source *source, struct sample **ret_sample)
{
	char error[200];
	size_t size;
	char *body = ask(source, "/v1/pools", &size);
	int r;

	if (!body)
		return 0;
	r = sample_json_decode(body, size, ret_sample, error, sizeof(error));
	free(body);
	if (r == -EINVAL) {
		(void)snprintf(source->trouble, sizeof(source->trouble),
			       "the agent's answer cannot be read: %s", error);
		return 0;
	}
	return r < 0 ? r : 1;
}

int top_source_take(struct top_source *source, struct sample **ret_sample)
{
	struct sample_scene scene;
	int r;

	source->trouble[0] = '\0';
	if (source->socket_path)
		return take_from_agent(source, ret_sample);
	if (source->live) {
		r = snapshot_sample(source->live, NULL, true, ret_sample);
		return r < 0 ? r : 1;
	}
	fill_scene(source, &scene);
	scene.with_sites = true;
	r = sample_take(&scene, ret_sample);
	return r < 0 ? r : 1;
}

static int explain_from_agent(struct top_source *source, const struct sample_row *pool,
			      struct detail **ret_detail)
{
	char target[64], error[200];
	size_t size;
	char *body;
	int r;

	(void)snprintf(target, sizeof(target), "/v1/explain/%u?format=json", pool->client.pid);
	body = ask(source, target, &size);
	if (!body)
		return 0;
	r = detail_json_decode(body, size, pool, ret_detail, error, sizeof(error));
	free(body);
	if (r == -EINVAL) {
		(void)snprintf(source->trouble, sizeof(source->trouble),
			       "the agent's answer cannot be read: %s", error);
		return 0;
	}
	return r == -ENOENT ? 0 : (r < 0 ? r : 1);
}

int top_source_explain(struct top_source *source, const struct sample_row *pool,
		       struct detail **ret_detail)
{
	struct sample_scene scene;
	int r;

	if (source->socket_path)
		return explain_from_agent(source, pool, ret_detail);
	fill_scene(source, &scene);
	r = detail_take(&scene, pool, ret_detail);
	return r == -ENOENT ? 0 : (r < 0 ? r : 1);
}
