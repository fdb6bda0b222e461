/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leak verdict of a pool: from suspect over raised and updated to cleared, under one id. It is
 * updated when its severity changes and when those it names do (told.h).
 */
#ifndef CONNLEAK_CORE_LEAK_H
#define CONNLEAK_CORE_LEAK_H

#include "judgement.h"

/*
 * To be called for each change before leak_review(): keeps the marks on connections, and clears
 * at once what the change settles. Returns 0 or -ENOMEM.
 */
int leak_observe(struct bench *bench, struct judgement *judgement, const struct change *change);

/* Decides as of t_ns, and queues what is to be said. Returns 0 or -ENOMEM. */
int leak_review(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

/* Clears the verdict because the client has exited. Returns 0 or -ENOMEM. */
int leak_client_exited(struct bench *bench, struct judgement *judgement, uint64_t t_ns);

/* Takes the marks off and frees the verdict, silently. */
void leak_destroy(struct judgement *judgement);

#endif
