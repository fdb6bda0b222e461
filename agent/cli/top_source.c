// SPDX-License-Identifier: Apache-2.0
/*
 * The screen does not know where its figures come from; this is where that is known.
 *
 * Invariant: an answer that cannot be read is trouble to be shown, not the end; running out of
 * memory is.
 *
 * Not here: asking the agent (top_remote.c).
 */
#include "top_source.h"

#include <errno.h>
#include <stdio.h>

#include "detail_json.h"
#include "player.h"
#include "sample_json.h"
#include "snapshot.h"

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

int top_source_take(struct top_source *source, struct sample **ret_sample)
{
	struct sample_scene scene;
	int r;

	source->trouble[0] = '\0';
	if (source->live) {
		r = snapshot_sample(source->live, NULL, true, ret_sample);
		return r < 0 ? r : 1;
	}
	player_scene(source->player, &scene);
	scene.with_sites = true;
	r = sample_take(&scene, ret_sample);
	return r < 0 ? r : 1;
}

int top_source_explain(struct top_source *source, const struct sample_row *pool,
		       struct detail **ret_detail)
{
	struct sample_scene scene;
	int r;

	fill_scene(source, &scene);
	r = detail_take(&scene, pool, ret_detail);
	return r == -ENOENT ? 0 : (r < 0 ? r : 1);
}

static int say_unreadable(struct top_source *source, const char *error)
{
	(void)snprintf(source->trouble, sizeof(source->trouble),
		       "the agent's answer cannot be read: %s", error);
	return 0;
}

int top_source_read(struct top_source *source, const char *body, size_t size,
		    struct sample **ret_sample)
{
	char error[200];
	int r = sample_json_decode(body, size, ret_sample, error, sizeof(error));

	if (r == -EINVAL)
		return say_unreadable(source, error);
	return r < 0 ? r : 1;
}

int top_source_read_detail(struct top_source *source, const struct sample_row *pool,
			   const char *body, size_t size, struct detail **ret_detail)
{
	char error[200];
	int r = detail_json_decode(body, size, pool, ret_detail, error, sizeof(error));

	if (r == -EINVAL)
		return say_unreadable(source, error);
	return r == -ENOENT ? 0 : (r < 0 ? r : 1);
}
