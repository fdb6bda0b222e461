// SPDX-License-Identifier: Apache-2.0
/*
 * A stack is taken before the connection has been announced, and its name is known some time after,
 * maybe before and maybe after the announcement. So answers are kept by the connection's id until
 * somebody has told them.
 *
 * Invariant: an entry is there while there is an answer that was not told, or while the last send
 * of a connection is known; entries of connections that were never announced go after KEEP_NS.
 * Where each connection was opened is kept for the next agent as soon as it has been told.
 */
#include "sites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "core/site.h"
#include "core/types.h"
#include "hash.h"
#include "introductions.h"
#include "site_queue.h"
#include "site_store.h"
#include "site_trails.h"
#include "symbolizer.h"

_Static_assert(SITE_SIZE <= ABI_SITE_BYTES, "a site can be kept whole");

#define ENTRIES_MAX 65536
#define FED_MAX 2 /* samples that the symbolizer has at a time */
#define KEEP_NS (60 * NS_PER_SEC)
/* After a stack that nothing could be learned from; twice as long after the next. */
#define LEARN_GAP_NS NS_PER_SEC
#define LEARN_GAP_MAX_NS (64 * NS_PER_SEC)

struct entry {
	uint64_t id;
	char *news[2]; /* by ROLE_; NULL = nothing new; owned */
	uint64_t since_ns;
	uint32_t asked_sequence; /* number of the last look at its last send; 0 = none yet */
	bool is_told; /* somebody has asked for it: the connection is known */
	bool is_kept; /* it came from the agent before */
	UT_hash_handle hh;
};

struct sites {
	struct site_probes *probes;
	struct site_queue *queue; /* what the symbolizer has not been given yet */
	struct symbolizer *symbolizer;
	uint64_t answered_ns; /* when it had nothing to do, or began with the next one */
	struct site_store *store; /* NULL = nothing is kept */
	struct site_trails *trails;
	struct entry *entries;
	struct stack_sample sample; /* of a send, while it is handed on */
	uint32_t asked_count; /* looks at last sends */
	uint64_t swept_ns;
	uint64_t full_count;
	uint64_t learn_due_ns, learn_gap_ns; /* sends: when one may be learned from again */
	int epoll_fd;
	struct introductions introductions; /* of programs that may still load their interpreter */
	int watched_fd; /* the symbolizer's, as far as epoll knows it */
	uint64_t watched_restart_count;
};

/* --- entries ---------------------------------------------------------------------------------- */

static struct entry *find(const struct sites *sites, uint64_t id)
{
	struct entry *entry;

	HASH_FIND(hh, sites->entries, &id, sizeof(id), entry);
	return entry;
}

static struct entry *get(struct sites *sites, uint64_t id)
{
	struct entry *entry = find(sites, id);

	if (entry)
		return entry;
	entry = HASH_COUNT(sites->entries) < ENTRIES_MAX ? calloc(1, sizeof(*entry)) : NULL;
	if (!entry) {
		sites->full_count++;
		return NULL;
	}
	entry->id = id;
	entry->since_ns = clock_monotonic_ns();
	HASH_ADD(hh, sites->entries, id, sizeof(entry->id), entry);
	if (!hash_took(entry)) {
		free(entry);
		sites->full_count++;
		return NULL;
	}
	return entry;
}

static void drop(struct sites *sites, struct entry *entry)
{
	HASH_DEL(sites->entries, entry);
	free(entry->news[ROLE_OPEN]);
	free(entry->news[ROLE_LAST_SEND]);
	free(entry);
}

/* Connections that came and went without a word. */
static void sweep(struct sites *sites)
{
	uint64_t now_ns = clock_monotonic_ns();
	struct entry *entry, *next;

	if (now_ns - sites->swept_ns < KEEP_NS)
		return;
	sites->swept_ns = now_ns;
	HASH_ITER(hh, sites->entries, entry, next)
	{
		if (entry->is_told || now_ns - entry->since_ns <= KEEP_NS)
			continue;
		if (entry->is_kept)
			site_store_forget(sites->store, entry->id);
		drop(sites, entry);
	}
}

/* Keeps a copy of what is new of a connection. NULL when there is no room. */
static struct entry *add_news(struct sites *sites, uint64_t id, uint32_t role, const char *site)
{
	struct entry *entry = get(sites, id);
	char *copy = entry ? strdup(site) : NULL;

	if (!copy)
		return NULL;
	free(entry->news[role]);
	entry->news[role] = copy;
	return entry;
}

/* --- what outlives the agent ------------------------------------------------------------------ */

static void on_kept(void *userdata, uint64_t id, const char *text)
{
	struct entry *entry = add_news(userdata, id, ROLE_OPEN, text);

	if (entry)
		entry->is_kept = true;
}

/* What the agent before knew of connections is told with them. */
static int open_store(struct sites *sites, struct probes *probes)
{
	int sites_fd, texts_fd;

	if (!probes_site_maps(probes, &sites_fd, &texts_fd))
		return 0;
	sites->store = site_store_new(sites_fd, texts_fd);
	return sites->store ? site_store_load(sites->store, on_kept, sites) : -ENOMEM;
}

static void keep(struct sites *sites, const struct entry *entry)
{
	if (sites->store && entry->news[ROLE_OPEN] && !entry->is_kept)
		site_store_put(sites->store, entry->id, entry->news[ROLE_OPEN]);
}

/* --- the way of a stack ----------------------------------------------------------------------- */

static void on_sample(void *userdata, const struct stack_sample *sample)
{
	struct sites *sites = userdata;

	(void)site_queue_put(sites->queue, sample); /* counts what it refuses */
}

/*
 * Two at a time, so that it need not wait for us, and the choice of the next one is made late: what
 * it has been given it works on in that order.
 */
static void feed(struct sites *sites)
{
	struct stack_sample *sample;

	while (symbolizer_pending_count(sites->symbolizer) < FED_MAX &&
	       (sample = site_queue_take(sites->queue))) {
		if (symbolizer_pending_count(sites->symbolizer) == 0)
			sites->answered_ns = clock_monotonic_ns();
		(void)symbolizer_submit(sites->symbolizer, sample); /* has room; else as counted */
		free(sample);
	}
}

/* Answers come in order, so what has passed since the last one was this one's. */
static void note_time(struct sites *sites, const struct abi_client *client)
{
	uint64_t now_ns = clock_monotonic_ns();

	site_queue_note_time(sites->queue, client, now_ns - sites->answered_ns);
	sites->answered_ns = now_ns;
}

static int introduce(void *userdata, const struct abi_client *client)
{
	struct sites *sites = userdata;

	sites->sample.id = 0;
	sites->sample.role = ROLE_INTRODUCE;
	sites->sample.client = *client;
	sites->sample.has_registers = 0;
	sites->sample.stack_bytes = 0;
	sites->sample.script_frame_count = 0;
	sites->sample.program = (struct program_key){0};
	return site_queue_put(sites->queue, &sites->sample);
}

/* Whatever else runs the same program has its interpreter at the same distance from its code. */
static void learn_program(struct sites *sites, const struct site_answer *answer)
{
	struct script_layout layout = answer->layout;

	if (!answer->is_in_program || answer->program.inode == 0)
		return;
	layout.start_ns = 0;
	layout.interpreters_head -= answer->code_start;
	if (layout.finalizing)
		layout.finalizing -= answer->code_start;
	site_probes_set_program(sites->probes, &answer->program, &layout);
}

/*
 * Of an interpreter or a JIT compiler there is nothing to be learned, and that is asked for less
 * and less.
 */
static void learn(struct sites *sites, const struct site_answer *answer)
{
	uint64_t now_ns = clock_monotonic_ns();

	site_trails_learn(sites->trails, &answer->key, &answer->trail, answer->site, now_ns);
	if (answer->role != ROLE_LAST_SEND)
		return;
	if (answer->trail.place_count > 0)
		sites->learn_gap_ns = 0;
	else if (sites->learn_gap_ns < LEARN_GAP_MAX_NS)
		sites->learn_gap_ns = sites->learn_gap_ns ? 2 * sites->learn_gap_ns : LEARN_GAP_NS;
	sites->learn_due_ns = now_ns + sites->learn_gap_ns;
}

/* Whether it is of a send that another one has been told after, or of none that was asked for. */
static bool is_outdated(const struct sites *sites, const struct site_answer *answer)
{
	const struct entry *entry = find(sites, answer->id);

	return answer->role == ROLE_LAST_SEND &&
	       (answer->id == 0 || (entry && entry->asked_sequence != answer->sequence));
}

static void on_answer(void *userdata, const struct site_answer *answer)
{
	struct sites *sites = userdata;

	note_time(sites, &answer->client);
	if (answer->has_layout) {
		site_probes_set_layout(sites->probes, answer->client.pid, &answer->layout);
		learn_program(sites, answer);
	}
	if (answer->role == ROLE_INTRODUCE)
		introductions_note(&sites->introductions, &answer->client, answer->has_layout,
				   clock_monotonic_ns());
	if (answer->site[0] == '\0' || answer->role > ROLE_LAST_SEND)
		return;
	learn(sites, answer);
	if (!is_outdated(sites, answer))
		(void)add_news(sites, answer->id, answer->role,
			       answer->site); /* counts what it refuses */
}

/* The symbolizer comes and goes, and its socket with it. */
static void watch_symbolizer(struct sites *sites)
{
	struct epoll_event event = {.events = EPOLLIN};
	uint64_t restart_count = symbolizer_restart_count(sites->symbolizer);
	int fd = symbolizer_fd(sites->symbolizer);

	/* A new one mostly has the number of the one before, which epoll forgot when it closed. */
	if (fd >= 0 && (fd != sites->watched_fd || restart_count != sites->watched_restart_count))
		(void)epoll_ctl(sites->epoll_fd, EPOLL_CTL_ADD, fd,
				&event); /* else the next tick sees it */
	sites->watched_fd = fd;
	sites->watched_restart_count = restart_count;
}

void sites_pump(struct sites *sites)
{
	(void)site_probes_drain(sites->probes, on_sample, sites); /* nothing can be done about it */
	introductions_go_on(&sites->introductions, clock_monotonic_ns(), introduce, sites);
	feed(sites);
	(void)symbolizer_pump(sites->symbolizer, on_answer,
			      sites); /* samples wait, or are dropped */
	if (site_queue_count(sites->queue) > 0 &&
	    symbolizer_pending_count(sites->symbolizer) < FED_MAX) {
		feed(sites);
		(void)symbolizer_pump(sites->symbolizer, on_answer, sites); /* as above */
	}
	watch_symbolizer(sites);
	sweep(sites);
}

void sites_settle(struct sites *sites, int timeout_ms)
{
	uint64_t end_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;

	sites_pump(sites);
	while (site_queue_count(sites->queue) + symbolizer_pending_count(sites->symbolizer) > 0 &&
	       clock_monotonic_ns() < end_ns) {
		symbolizer_wait(sites->symbolizer, 20);
		sites_pump(sites);
	}
}

int sites_fd(const struct sites *sites)
{
	return sites->epoll_fd;
}

/* --- what to tell ----------------------------------------------------------------------------- */

bool sites_news(const struct sites *sites, uint64_t id, struct site_news *ret_news)
{
	const struct entry *entry = find(sites, id);

	*ret_news = (struct site_news){0};
	if (!entry)
		return false;
	ret_news->site = entry->news[ROLE_OPEN];
	ret_news->last_site = entry->news[ROLE_LAST_SEND];
	return ret_news->site || ret_news->last_site;
}

const char *sites_of_trail(struct sites *sites, uint64_t id, uint64_t number)
{
	const char *site = site_trails_find(sites->trails, number);

	if (site && sites->store)
		site_store_put(sites->store, id, site);
	return site;
}

void sites_told(struct sites *sites, uint64_t id)
{
	struct entry *entry = find(sites, id);

	if (!entry)
		return;
	keep(sites, entry);
	for (unsigned role = 0; role < 2; role++) {
		free(entry->news[role]);
		entry->news[role] = NULL;
	}
	entry->is_told = true;
	if (entry->asked_sequence == 0)
		drop(sites, entry);
}

void sites_each_news(struct sites *sites, void (*handle)(void *userdata, uint64_t id),
		     void *userdata)
{
	struct entry *entry, *next;

	HASH_ITER(hh, sites->entries, entry, next)
	{
		if (entry->news[ROLE_OPEN] || entry->news[ROLE_LAST_SEND])
			handle(userdata, entry->id);
	}
}

void sites_forget(struct sites *sites, uint64_t id)
{
	struct entry *entry = find(sites, id);

	site_probes_drop_send(sites->probes, id);
	if (sites->store)
		site_store_forget(sites->store, id);
	if (entry)
		drop(sites, entry);
}

void sites_forget_client(struct sites *sites, uint32_t pid)
{
	site_trails_forget_client(sites->trails, pid);
	site_probes_drop_layout(sites->probes, pid);
	site_probes_clear(sites->probes, pid);
}

/* --- senders ---------------------------------------------------------------------------------- */

/* A number that is told so soon after it was noted is known. */
static void tell_known_sender(struct sites *sites, const struct stack_sample *sample)
{
	const char *site = site_trails_find(sites->trails, sample->site);

	if (site)
		(void)add_news(sites, sample->id, ROLE_LAST_SEND,
			       site); /* counts what it refuses */
}

bool sites_ask_sender(struct sites *sites, uint64_t id)
{
	struct stack_sample *sample = &sites->sample;
	struct entry *entry;

	if (!site_probes_read_send(sites->probes, id, sample))
		return true;
	if (!sample->site && !site_queue_has_room(sites->queue, &sample->client))
		return false;
	entry = get(sites, id);
	if (!entry)
		return true;
	/* Never 0, and the kernel's own begins anew. */
	sites->asked_count += sites->asked_count == UINT32_MAX ? 2 : 1;
	sample->sequence = entry->asked_sequence = sites->asked_count;
	if (sample->site)
		tell_known_sender(sites, sample);
	else
		(void)site_queue_put(sites->queue, sample); /* has room; else as counted */
	/* Those that are in use need its place. */
	site_probes_drop_send(sites->probes, id);
	return true;
}

void sites_learn_sender(struct sites *sites, uint64_t id)
{
	struct stack_sample *sample = &sites->sample;

	if (clock_monotonic_ns() < sites->learn_due_ns || site_queue_count(sites->queue) > 0 ||
	    !site_probes_read_send(sites->probes, id, sample))
		return;
	if (sample->site || !sample->has_registers || sample->script_frame_count > 0)
		return;
	sample->id = 0; /* nobody is told */
	(void)site_queue_put(sites->queue, sample); /* the next one will do as well */
}

void sites_sweep_senders(struct sites *sites, bool (*has_ended)(void *userdata, uint64_t id),
			 void *userdata)
{
	uint64_t ids[ABI_LAST_SENDS_MAX];
	size_t count = site_probes_list_sends(sites->probes, ids, ABI_LAST_SENDS_MAX);

	for (size_t i = 0; i < count; i++)
		if (has_ended(userdata, ids[i]))
			site_probes_drop_send(sites->probes, ids[i]);
}

void sites_warm_up(struct sites *sites)
{
	struct stack_sample *sample = calloc(1, sizeof(*sample));

	if (!sample)
		return;
	sample->role = ROLE_INTRODUCE;
	sample->client.pid = (uint32_t)getpid();
	(void)site_queue_put(sites->queue, sample); /* else the first stack waits */
	free(sample);
	sites_settle(sites, 2000);
}

void sites_introduce(struct sites *sites, const struct abi_client *client)
{
	(void)introduce(sites, client); /* counts what it refuses */
}

int sites_follow_tree(struct sites *sites)
{
	return site_probes_follow_tree(sites->probes);
}

bool sites_was_finalized(const struct sites *sites, uint64_t id)
{
	return site_probes_was_finalized(sites->probes, id);
}

int sites_suspect(struct sites *sites, uint32_t pid, char *ret_error, size_t error_size)
{
	return site_probes_suspect(sites->probes, pid, ret_error, error_size);
}

void sites_clear(struct sites *sites, uint32_t pid)
{
	site_probes_clear(sites->probes, pid);
}

bool sites_watch_sends(const struct sites *sites)
{
	return site_probes_watches_sends(sites->probes);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int open_trails(struct sites *sites)
{
	int ways_fd, trails_fd;

	site_probes_trail_maps(sites->probes, &ways_fd, &trails_fd);
	return site_trails_new(ways_fd, trails_fd, &sites->trails);
}

int sites_open(struct probes *probes, const struct site_probes_setup *setup,
	       struct sites **ret_sites, char *ret_error, size_t error_size)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct sites *sites = calloc(1, sizeof(*sites));
	int r;

	if (!sites)
		return -ENOMEM;
	sites->watched_fd = -1;
	sites->swept_ns = clock_monotonic_ns();
	sites->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	sites->queue = site_queue_new();
	sites->symbolizer = symbolizer_new();
	r = site_probes_open(probes, setup, &sites->probes, ret_error, error_size);
	if (r == 0)
		r = open_trails(sites);
	if (r == 0)
		r = open_store(sites, probes);
	if (r == 0 && (!sites->queue || !sites->symbolizer || sites->epoll_fd < 0))
		r = -ENOMEM;
	if (r == 0 &&
	    epoll_ctl(sites->epoll_fd, EPOLL_CTL_ADD, site_probes_fd(sites->probes), &event) < 0)
		r = -errno;
	if (r < 0) {
		sites_close(sites);
		return r;
	}
	*ret_sites = sites;
	return 0;
}

void sites_close(struct sites *sites)
{
	struct entry *entry, *next;

	if (!sites)
		return;
	HASH_ITER(hh, sites->entries, entry, next)
	{
		drop(sites, entry);
	}
	site_queue_free(sites->queue);
	symbolizer_free(sites->symbolizer);
	site_store_free(sites->store);
	site_trails_free(sites->trails);
	site_probes_close(sites->probes);
	if (sites->epoll_fd >= 0)
		close(sites->epoll_fd);
	free(sites);
}

void sites_read_lost(const struct sites *sites, uint64_t ret_counts[static SITES_LOST_COUNT])
{
	uint64_t counts[STACK_LOST_COUNT];

	site_probes_read_lost(sites->probes, counts);
	ret_counts[SITES_LOST_RATE] = counts[STACK_LOST_RATE];
	ret_counts[SITES_LOST_RING] = counts[STACK_LOST_RING];
	ret_counts[SITES_LOST_SENDS] = counts[STACK_LOST_SENDS];
	ret_counts[SITES_LOST_TREE] = counts[STACK_LOST_TREE];
	ret_counts[SITES_LOST_QUEUE] = site_queue_refused_count(sites->queue) +
				       symbolizer_dropped_count(sites->symbolizer) +
				       sites->full_count;
	ret_counts[SITES_LOST_STORE] = sites->store ? site_store_refused_count(sites->store) : 0;
	ret_counts[SITES_LOST_SYMBOLIZER] = symbolizer_restart_count(sites->symbolizer);
}

const char *sites_lost_name(enum sites_lost reason)
{
	static const char *const names[SITES_LOST_COUNT] = {
		[SITES_LOST_RATE] = "stack_rate",
		[SITES_LOST_RING] = "stack_ring_full",
		[SITES_LOST_SENDS] = "senders_full",
		[SITES_LOST_TREE] = "processes_full",
		[SITES_LOST_QUEUE] = "stack_queue_full",
		[SITES_LOST_STORE] = "site_store_full",
		[SITES_LOST_SYMBOLIZER] = "symbolizer_restarted",
	};

	return reason < SITES_LOST_COUNT ? names[reason] : "unknown";
}
