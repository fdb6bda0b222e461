// SPDX-License-Identifier: Apache-2.0
/*
 * Why: sd_journal_sendv() waits while journald is busy or stopped, and a journal on a full disk
 * would then stall the watching. So entries are sent without waiting, by journald's documented
 * protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram an entry.
 *
 * Invariant: entries reach the journal in the order in which they were written; sent + waiting +
 * lost is what was written. The address is looked up at each try, so a journald that comes back
 * under the same name is found.
 */
#include "journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal_entry.h"
#include "sys/log.h"

#define SEND_BUFFER_BYTES (256 * 1024)

struct waiting {
	char *bytes; /* owned */
	size_t length;
};

struct journal {
	int fd;
	struct sockaddr_un address;
	struct waiting queue[JOURNAL_QUEUE_MAX]; /* a ring */
	uint32_t first, count;
	struct journal_counts counts;
	bool has_complained; /* since it last took an entry */
};

struct journal *journal_open(const char *socket_path)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int bytes = SEND_BUFFER_BYTES;

	if (!journal || strlen(socket_path) >= sizeof(journal->address.sun_path)) {
		log_error("journal: %s", strerror(journal ? ENAMETOOLONG : ENOMEM));
		free(journal);
		return NULL;
	}
	journal->address.sun_family = AF_UNIX;
	strcpy(journal->address.sun_path, socket_path);
	journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (journal->fd < 0) {
		log_error("journal: %s", strerror(errno));
		free(journal);
		return NULL;
	}
	/* The default is enough for an entry, too; without it fewer can be under way. */
	(void)setsockopt(journal->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return journal;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal_retry(journal) > 0)
		log_error("journal: %u verdicts could not be written", journal->count);
	for (; journal->count > 0; journal->count--) {
		free(journal->queue[journal->first].bytes);
		journal->first = (journal->first + 1) % JOURNAL_QUEUE_MAX;
	}
	close(journal->fd);
	free(journal);
}

static int send_entry(struct journal *journal, const char *bytes, size_t length)
{
	ssize_t n;

	do
		n = sendto(journal->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (const struct sockaddr *)&journal->address, sizeof(journal->address));
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static void note_sent(struct journal *journal)
{
	journal->counts.sent++;
	if (journal->has_complained && journal->count == 0) {
		log_notice("journal: takes entries again, none is waiting");
		journal->has_complained = false;
	}
}

static void give_up_oldest(struct journal *journal)
{
	/* Powers of two, so that a journal that stays away for weeks does not fill this log. */
	uint64_t lost = ++journal->counts.lost;

	if ((lost & (lost - 1)) == 0)
		log_error("journal: the queue is full, %llu verdict%s given up so far",
			  (unsigned long long)lost, lost == 1 ? "" : "s");
	free(journal->queue[journal->first].bytes);
	journal->first = (journal->first + 1) % JOURNAL_QUEUE_MAX;
	journal->count--;
}

static void enqueue(struct journal *journal, const char *bytes, size_t length, int error)
{
	struct waiting *slot;
	char *copy = malloc(length);

	journal->counts.failed++;
	if (!copy) {
		journal->counts.lost++;
		log_error("journal: out of memory, a verdict is given up");
		return;
	}
	memcpy(copy, bytes, length);
	if (journal->count == JOURNAL_QUEUE_MAX)
		give_up_oldest(journal);
	slot = &journal->queue[(journal->first + journal->count) % JOURNAL_QUEUE_MAX];
	*slot = (struct waiting){copy, length};
	journal->count++;
	if (!journal->has_complained)
		log_error("journal: %s: %s; verdicts wait", journal->address.sun_path,
			  error == -EAGAIN ? "busy" : strerror(-error));
	journal->has_complained = true;
}

void journal_write(struct journal *journal, const struct verdict *verdict)
{
	char bytes[JOURNAL_ENTRY_MAX];
	size_t length = journal_entry_write(verdict, bytes);
	int r = journal_retry(journal) > 0 ? -EAGAIN : send_entry(journal, bytes, length);

	if (r < 0)
		enqueue(journal, bytes, length, r);
	else
		note_sent(journal);
}

uint32_t journal_retry(struct journal *journal)
{
	while (journal->count > 0) {
		struct waiting *oldest = &journal->queue[journal->first];

		if (send_entry(journal, oldest->bytes, oldest->length) < 0)
			break;
		free(oldest->bytes);
		journal->first = (journal->first + 1) % JOURNAL_QUEUE_MAX;
		journal->count--;
		note_sent(journal);
	}
	return journal->count;
}

const struct journal_counts *journal_counts(const struct journal *journal)
{
	return &journal->counts;
}

bool journal_is_behind(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	char rest;

	return stream && sscanf(stream, "%llu:%llu%c", &device, &inode, &rest) == 2 &&
	       fstat(fd, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}
