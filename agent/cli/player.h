/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recording as a film: forward at any speed, back, and to any moment of it.
 */
#ifndef CONNLEAK_CLI_PLAYER_H
#define CONNLEAK_CLI_PLAYER_H

#include "option.h"
#include "screen/sample_take.h"

struct player;

/*
 * Opens the recording that options name and reads it once, to know how long it is, where it can be
 * read twice (standard input and pipes are only played forward). Returns 0, or after one line on
 * stderr an exit status. Free with player_close(), which accepts NULL.
 */
int player_open(const struct options *options, struct player **ret_player);
void player_close(struct player *player);

/*
 * Plays to a moment, back to the beginning first where that is behind. Beyond the end it stops
 * there. Returns 0; -ESPIPE where it cannot go back; else -errno after one line on stderr.
 */
int player_seek(struct player *player, uint64_t t_ns);

/* Everything that is left. */
int player_finish(struct player *player);

uint64_t player_begin_ns(const struct player *player); /* time of the first event */
uint64_t player_end_ns(const struct player *player); /* of the last one; 0 = not known yet */
uint64_t player_now_ns(const struct player *player);
bool player_is_at_end(const struct player *player);

/* Everything but with_sites. */
void player_scene(const struct player *player, struct sample_scene *ret_scene);

#endif
