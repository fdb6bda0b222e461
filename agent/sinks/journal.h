/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdicts to the system's journal, by its native protocol and without ever waiting for it.
 */
#ifndef CONNLEAK_SINKS_JOURNAL_H
#define CONNLEAK_SINKS_JOURNAL_H

#include "core/verdict.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define JOURNAL_QUEUE_MAX 1024 /* entries that may wait for a journal that does not take them */

struct journal;

struct journal_counts {
	uint64_t sent; /* entries that the journal took */
	uint64_t failed; /* entries that it did not take at first, whatever came of them */
	uint64_t lost; /* of those: given up, because the queue was full or memory was short */
};

/* socket_path is copied. Returns NULL after a line on stderr: no memory, no sockets. */
struct journal *journal_open(const char *socket_path);

/* What waits is tried a last time; what the journal does not take then is counted as lost. */
void journal_close(struct journal *journal);

/*
 * Writes one entry behind those that wait. What the journal does not take at once waits too; beyond
 * JOURNAL_QUEUE_MAX the oldest one is given up. Each of the two is said once, and its end.
 */
void journal_write(struct journal *journal, const struct verdict *verdict);

/* Tries what waits, in order. Returns how many still do. To be called about once a second. */
uint32_t journal_retry(struct journal *journal);

/* The journal's; they change as it is used. */
const struct journal_counts *journal_counts(const struct journal *journal);

/* Whether what is written to fd goes to the journal ($JOURNAL_STREAM, see systemd.exec(5)). */
bool journal_is_behind(int fd);

#endif
