// SPDX-License-Identifier: Apache-2.0
/*
 * A table cannot be run backwards, but a recording is replayed a thousand times faster than it
 * happened: going back is beginning anew.
 *
 * Invariant: at every moment table and detector are what a live run would have had then.
 */
#include "player.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pipeline.h"
#include "recording.h"
#include "sys/log.h"

struct player {
	const struct options *options;
	struct source_replay *source;
	struct pipeline *pipeline;
	struct event next; /* read and not yet played; its strings are the source's */
	bool has_next;
	bool is_file; /* can be read again */
	bool at_end;
	uint64_t begin_ns, end_ns, now_ns;
	int64_t realtime_at_zero_ns;
	bool was_told; /* what is wrong with it has been said */
};

/* Reads on; has_next is false at the end. */
static int read_next(struct player *player)
{
	int r = source_replay_next(player->source, &player->next);

	player->has_next = r == 1;
	if (r < 0) {
		log_error("%s", source_replay_error(player->source));
		return r;
	}
	player->at_end = r == 0;
	if (r == 0) {
		player->end_ns = player->now_ns;
		if (source_replay_was_cut(player->source) && !player->was_told)
			log_notice("%s", source_replay_error(player->source));
		player->was_told = true;
	}
	return 0;
}

static int open_source(struct player *player)
{
	source_replay_close(player->source);
	player->source = NULL;
	return recording_open(player->options, player->options->recording, &player->source);
}

/* At the first event, with nothing played. */
static int rewind_it(struct player *player)
{
	int r = open_source(player);

	if (r < 0)
		return r;
	pipeline_free(player->pipeline);
	player->pipeline = pipeline_new(player->options, true, NULL, NULL);
	if (!player->pipeline) {
		log_error("out of memory");
		return -ENOMEM;
	}
	player->realtime_at_zero_ns = trace_header_local_ns(source_replay_header(player->source));
	pipeline_set_realtime(player->pipeline, player->realtime_at_zero_ns);
	player->now_ns = 0;
	r = read_next(player);
	if (r == 0 && player->has_next)
		player->begin_ns = player->now_ns = player->next.t_ns;
	return r;
}

static int find_end(struct player *player)
{
	struct event event = {0};
	int r = open_source(player);

	if (r < 0)
		return r;
	while ((r = source_replay_next(player->source, &event)) == 1)
		;
	if (r < 0)
		log_error("%s", source_replay_error(player->source));
	player->end_ns = event.t_ns;
	return r;
}

int player_open(const struct options *options, struct player **ret_player)
{
	struct player *player = calloc(1, sizeof(*player));
	struct stat status;
	int r = 0;

	if (!player) {
		log_error("out of memory");
		return EXIT_RUNTIME;
	}
	player->options = options;
	player->is_file = strcmp(options->recording, "-") != 0 &&
			  stat(options->recording, &status) == 0 && S_ISREG(status.st_mode);
	if (player->is_file)
		r = find_end(player);
	if (r == 0)
		r = rewind_it(player);
	if (r < 0) {
		player_close(player);
		return EXIT_RUNTIME;
	}
	*ret_player = player;
	return EXIT_DONE;
}

void player_close(struct player *player)
{
	if (!player)
		return;
	source_replay_close(player->source);
	pipeline_free(player->pipeline);
	free(player);
}

/* What the table refuses is a fault of the recording; the rest of it can still be looked at. */
static int play_event(struct player *player, const struct event *event)
{
	int r = pipeline_feed(player->pipeline, event);

	if (r > 0)
		log_detail("%s:%llu: %s", source_replay_name(player->source),
			   (unsigned long long)source_replay_line(player->source), strerror(r));
	if (r < 0)
		log_error("%s", strerror(-r));
	return r < 0 ? r : 0;
}

int player_seek(struct player *player, uint64_t t_ns)
{
	struct event moment = {.type = EVENT_END};
	int r = 0;

	if (t_ns < player->begin_ns)
		t_ns = player->begin_ns;
	if (t_ns < player->now_ns) {
		if (!player->is_file)
			return -ESPIPE;
		r = rewind_it(player);
	}
	while (r == 0 && player->has_next && player->next.t_ns <= t_ns) {
		player->now_ns = player->next.t_ns;
		r = play_event(player, &player->next);
		if (r == 0)
			r = read_next(player);
	}
	if (r < 0 || !player->has_next)
		return r;
	moment.t_ns = t_ns;
	player->now_ns = t_ns;
	return play_event(player, &moment);
}

int player_finish(struct player *player)
{
	return player_seek(player, UINT64_MAX);
}

uint64_t player_begin_ns(const struct player *player)
{
	return player->begin_ns;
}

uint64_t player_end_ns(const struct player *player)
{
	return player->end_ns;
}

uint64_t player_now_ns(const struct player *player)
{
	return player->now_ns;
}

bool player_is_at_end(const struct player *player)
{
	return player->at_end;
}

void player_scene(const struct player *player, struct sample_scene *ret_scene)
{
	*ret_scene = (struct sample_scene){
		.table = pipeline_table(player->pipeline),
		.detector = pipeline_detector(player->pipeline),
		.databases = player->options->databases,
		.now_ns = player->now_ns,
		.since_ns = player->begin_ns,
		.realtime_at_zero_ns = player->realtime_at_zero_ns,
		.lost_count = table_lost_count(pipeline_table(player->pipeline)),
	};
}
