// SPDX-License-Identifier: Apache-2.0
/*
 * Why: a restart of the agent is not news. Whoever was called for verdict 17 is not to be called
 * again for the same leak as verdict 1, and is to hear when 17 is over.
 *
 *	detector's id --index--> entry (ledger's id) --> last line told
 *
 * Invariant: an entry is in the index exactly while detector_id is set; ids are given out once.
 *What there is no room for has a slip: told as often as the others, not shown, not known after a
 * restart. A verdict that was carried over ends in one of three ways: the detector finds it again
 * and decides; what it is about is gone; or, where nothing can be looked up, its time is over.
 */
#include "ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/*
 * Longer than it takes to find what still is: a pool that has never been seen with room to spare is
 * called saturated after eleven minutes (saturated.c), and pools are made known one by one.
 */
#define GRACE_NS (900 * NS_PER_SEC)
/* A storm is over or found again within its own two windows of a minute. */
#define STORM_GRACE_NS (120 * NS_PER_SEC)
/* A suspicion may rest on as much; what is no leak is no longer kept for what lies there. */
#define SUSPICION_GRACE_NS (3600 * NS_PER_SEC)
/* A leak is over when less than this part of what it named is still silent; as CLEAR has it. */
#define REMAINING_SHARE 5

/* 3 MB. A pool has few verdicts at a time, and so many pools can be tracked. */
#define SLIPS_MAX 65536

struct slip {
	struct index_link link;
	uint64_t detector_id, id;
	enum verdict_kind kind;
	enum severity severity; /* of the last line */
	bool is_raised;
};

struct ledger {
	struct index index;
	struct index slips;
	uint32_t slip_count;
	uint32_t raised_slips[VERDICT_KIND_COUNT];
	struct ledger_entry *first, *last;
	uint32_t count;
	uint64_t next_id;
	uint64_t overflow_count;
	struct verdict told; /* what the last call handed out, when it is in no entry */
};

struct ledger *ledger_new(void)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return NULL;
	ledger->next_id = 1;
	if (index_init(&ledger->index) == 0 && index_init(&ledger->slips) == 0)
		return ledger;
	ledger_free(ledger);
	return NULL;
}

static void destroy_entry(struct ledger_entry *entry)
{
	verdict_clear(&entry->verdict);
	free(entry->suspects);
	free(entry);
}

static void free_slip(void *userdata, struct index_link *link)
{
	(void)userdata;
	free(link);
}

void ledger_free(struct ledger *ledger)
{
	struct ledger_entry *next;

	if (!ledger)
		return;
	for (struct ledger_entry *entry = ledger->first; entry; entry = next) {
		next = entry->next;
		destroy_entry(entry);
	}
	index_destroy(&ledger->index);
	index_each(&ledger->slips, free_slip, NULL);
	index_destroy(&ledger->slips);
	verdict_clear(&ledger->told);
	free(ledger);
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct ledger_entry *find_by_detector(const struct ledger *ledger, uint64_t id)
{
	uint64_t hash = index_mix(id);

	for (struct index_link *link = index_bucket(&ledger->index, hash); link;
	     link = link->next) {
		struct ledger_entry *entry = (struct ledger_entry *)link;

		if (entry->detector_id == id)
			return entry;
	}
	return NULL;
}

_Static_assert(offsetof(struct ledger_entry, link) == 0, "a link is cast to its entry");

/* --- slips ------------------------------------------------------------------------------------ */

_Static_assert(offsetof(struct slip, link) == 0, "a link is cast to its slip");

static struct slip *find_slip(const struct ledger *ledger, uint64_t id)
{
	struct index_link *link = index_bucket(&ledger->slips, index_mix(id));

	while (link && ((struct slip *)link)->detector_id != id)
		link = link->next;
	return (struct slip *)link;
}

/* NULL where there is no room for that either. */
static struct slip *add_slip(struct ledger *ledger, const struct verdict *line)
{
	struct slip *slip = ledger->slip_count < SLIPS_MAX ? calloc(1, sizeof(*slip)) : NULL;

	if (!slip)
		return NULL;
	slip->detector_id = line->id;
	slip->id = ledger->next_id++;
	slip->kind = line->kind;
	slip->severity = line->severity;
	index_insert(&ledger->slips, &slip->link, index_mix(line->id));
	ledger->slip_count++;
	return slip;
}

static void drop_slip(struct ledger *ledger, struct slip *slip)
{
	ledger->raised_slips[slip->kind] -= slip->is_raised;
	ledger->slip_count--;
	index_remove(&ledger->slips, &slip->link);
	free(slip);
}

/* --- more of entries -------------------------------------------------------------------------- */

/* Whether it was carried over, has not been found again, and is about that. */
static bool is_carried_of(const struct ledger_entry *entry, struct client_id client,
			  const struct netaddr *remote, enum verdict_kind kind)
{
	return entry->detector_id == 0 && entry->verdict.kind == kind &&
	       client_id_equal(entry->verdict.client, client) &&
	       memcmp(&entry->verdict.remote, remote, sizeof(*remote)) == 0;
}

/* What was carried over and is about the same. */
static struct ledger_entry *find_carried(const struct ledger *ledger, const struct verdict *line)
{
	for (struct ledger_entry *entry = ledger->first; entry; entry = entry->next)
		if (entry->known_ns != 0 &&
		    is_carried_of(entry, line->client, &line->remote, line->kind))
			return entry;
	return NULL;
}

static struct ledger_entry *add_entry(struct ledger *ledger, uint64_t id)
{
	struct ledger_entry *entry = calloc(1, sizeof(*entry));
	struct ledger_entry *after = ledger->last;

	if (!entry)
		return NULL;
	entry->verdict.id = id;
	while (after && after->verdict.id > id)
		after = after->prev;
	entry->prev = after;
	entry->next = after ? after->next : ledger->first;
	*(entry->prev ? &entry->prev->next : &ledger->first) = entry;
	*(entry->next ? &entry->next->prev : &ledger->last) = entry;
	ledger->count++;
	return entry;
}

static void bind_entry(struct ledger *ledger, struct ledger_entry *entry, uint64_t detector_id)
{
	entry->detector_id = detector_id;
	index_insert(&ledger->index, &entry->link, index_mix(detector_id));
}

/* Takes an entry out; its verdict stays, as what was told last. */
static void retire_entry(struct ledger *ledger, struct ledger_entry *entry)
{
	*(entry->prev ? &entry->prev->next : &ledger->first) = entry->next;
	*(entry->next ? &entry->next->prev : &ledger->last) = entry->prev;
	if (entry->detector_id)
		index_remove(&ledger->index, &entry->link);
	ledger->count--;
	verdict_clear(&ledger->told);
	ledger->told = entry->verdict;
	entry->verdict = (struct verdict){0};
	destroy_entry(entry);
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct netaddr));
}

/* Connections are known by an id while their source lives, and by their addresses for longer. */
static void note_suspects(struct ledger_entry *entry, const struct table *table)
{
	uint32_t count = entry->verdict.suspect_count, known = 0;
	struct netaddr *suspects;

	if (count > LEDGER_SUSPECTS_MAX)
		count = LEDGER_SUSPECTS_MAX;
	suspects = reallocarray(entry->suspects, count ? count : 1, sizeof(*suspects));
	if (!suspects)
		return; /* those of the line before will do */
	for (uint32_t i = 0; i < count; i++) {
		const struct conn *conn = table_find_conn(table, entry->verdict.suspects[i]);

		if (conn && conn->local_port)
			suspects[known++] = table_local(table, conn);
	}
	qsort(suspects, known, sizeof(*suspects), compare_addresses);
	entry->suspects = suspects;
	entry->suspect_count = known;
}

/* --- lines of the detector -------------------------------------------------------------------- */

/* What a line means to somebody who has heard the lines before it. */
static enum ledger_news weigh(bool is_raised, enum severity before, const struct verdict *line)
{
	bool is_heavier = line->severity != before;

	switch (line->state) {
	case VERDICT_SUSPECT:
		return is_raised ? LEDGER_REPEAT : LEDGER_LINE;
	case VERDICT_RAISED:
		if (!is_raised)
			return LEDGER_NEWS;
		return is_heavier ? LEDGER_NEWS : LEDGER_REPEAT;
	case VERDICT_UPDATED:
		if (!is_raised)
			return LEDGER_LINE;
		return is_heavier ? LEDGER_NEWS : LEDGER_LINE;
	case VERDICT_CLEARED:
		break;
	}
	return is_raised ? LEDGER_NEWS : LEDGER_LINE;
}

static void write_slip(struct ledger *ledger, struct slip *slip, const struct verdict *line)
{
	bool raises = line->state == VERDICT_RAISED || line->state == VERDICT_UPDATED;

	ledger->raised_slips[slip->kind] += raises && !slip->is_raised;
	slip->is_raised |= raises;
	slip->severity = line->severity;
	if (line->state == VERDICT_CLEARED)
		drop_slip(ledger, slip);
}

/* A line of a verdict that has no entry: told now, under a number that it keeps. */
static int pass_on(struct ledger *ledger, const struct verdict *line, struct ledger_line *ret_line)
{
	struct slip *slip = find_slip(ledger, line->id);
	int r;

	verdict_clear(&ledger->told);
	r = verdict_copy(line, &ledger->told);
	if (r < 0)
		return r;
	if (!slip) {
		ledger->overflow_count++;
		slip = add_slip(ledger, line);
	}
	ledger->told.id = slip ? slip->id : ledger->next_id++;
	ret_line->verdict = &ledger->told;
	/* Of what could not even be noted the end is told. */
	ret_line->news = weigh(slip ? slip->is_raised : line->state == VERDICT_CLEARED,
			       slip ? slip->severity : line->severity, line);
	if (slip)
		write_slip(ledger, slip, line);
	return 0;
}

static int write_line(struct ledger_entry *entry, const struct verdict *line)
{
	struct verdict copy;
	int r = verdict_copy(line, &copy);

	if (r < 0)
		return r;
	copy.id = entry->verdict.id;
	/* Found again, it is not raised a second time. */
	if (entry->is_raised && line->state == VERDICT_RAISED)
		copy.state = VERDICT_UPDATED;
	verdict_clear(&entry->verdict);
	entry->verdict = copy;
	entry->is_raised |= line->state == VERDICT_RAISED || line->state == VERDICT_UPDATED;
	return 0;
}

int ledger_take(struct ledger *ledger, const struct table *table, const struct verdict *line,
		struct ledger_line *ret_line)
{
	struct ledger_entry *entry = find_by_detector(ledger, line->id);
	int r;

	if (!entry && find_slip(ledger, line->id))
		return pass_on(ledger, line, ret_line);
	if (!entry) {
		entry = find_carried(ledger, line);
		if (!entry && ledger->count >= LEDGER_MAX)
			return pass_on(ledger, line, ret_line);
		if (!entry)
			entry = add_entry(ledger, ledger->next_id);
		if (!entry)
			return -ENOMEM;
		if (entry->verdict.id == ledger->next_id)
			ledger->next_id++;
		bind_entry(ledger, entry, line->id);
	}
	ret_line->news = weigh(entry->is_raised, entry->verdict.severity, line);
	entry->is_suspected = line->state == VERDICT_SUSPECT;
	/* A suspicion says less than what is known: the line of the verdict stays. */
	if (ret_line->news != LEDGER_REPEAT || line->state != VERDICT_SUSPECT) {
		r = write_line(entry, line);
		if (r < 0)
			return r;
		note_suspects(entry, table);
	}
	ret_line->verdict = &entry->verdict;
	if (line->state == VERDICT_CLEARED) {
		retire_entry(ledger, entry);
		ret_line->verdict = &ledger->told;
	}
	return 0;
}

/* --- over a restart --------------------------------------------------------------------------- */

/* By address, and for the ids of this run: those of another one name nothing in it. */
static int make_room_for_suspects(struct ledger_entry *entry, uint32_t count)
{
	entry->suspects = calloc(count, sizeof(*entry->suspects));
	if (!entry->suspects)
		return -ENOMEM;
	return verdict_make_room(&entry->verdict, count);
}

int ledger_carry(struct ledger *ledger, const struct verdict *verdict,
		 const struct netaddr *suspects, uint32_t suspect_count, uint64_t known_ns,
		 uint64_t now_ns)
{
	struct ledger_entry *entry;
	int r;

	if (verdict->id == 0 || verdict->id == UINT64_MAX || verdict->state == VERDICT_CLEARED)
		return -EINVAL;
	for (entry = ledger->first; entry; entry = entry->next)
		if (entry->verdict.id == verdict->id)
			return -EINVAL;
	if (ledger->count >= LEDGER_MAX || suspect_count > LEDGER_SUSPECTS_MAX)
		return -ENOSPC;
	entry = add_entry(ledger, verdict->id);
	if (!entry)
		return -ENOMEM;
	entry->carried_ns = now_ns;
	entry->known_ns = known_ns;
	entry->is_raised = verdict->state != VERDICT_SUSPECT;
	entry->is_suspected = !entry->is_raised;
	r = verdict_copy(verdict, &entry->verdict);
	if (r == 0 && suspect_count > 0)
		r = make_room_for_suspects(entry, suspect_count);
	if (r < 0) {
		retire_entry(ledger, entry);
		return r;
	}
	if (suspect_count > 0) {
		memcpy(entry->suspects, suspects, suspect_count * sizeof(*suspects));
		qsort(entry->suspects, suspect_count, sizeof(*suspects), compare_addresses);
	}
	entry->suspect_count = suspect_count;
	ledger_reserve(ledger, verdict->id + 1);
	return 0;
}

void ledger_reserve(struct ledger *ledger, uint64_t next_id)
{
	if (next_id > ledger->next_id)
		ledger->next_id = next_id;
}

uint64_t ledger_next_id(const struct ledger *ledger)
{
	return ledger->next_id;
}

static const struct pool *find_pool(const struct table *table, const struct verdict *verdict)
{
	const struct client *client = table_find_client(table, verdict->client);
	const struct pool *found = NULL;

	if (!client || client->exited)
		return NULL;
	for (const struct pool *pool = client->pools; pool; pool = pool->next_of_client)
		if (pool->conn_count > 0 &&
		    memcmp(&pool->remote, &verdict->remote, sizeof(pool->remote)) == 0)
			found = pool;
	return found;
}

static bool is_named(const struct ledger_entry *entry, const struct table *table,
		     const struct conn *conn)
{
	struct netaddr local = table_local(table, conn);

	return local.port && bsearch(&local, entry->suspects, entry->suspect_count, sizeof(local),
				     compare_addresses);
}

static bool remains(const struct ledger_entry *entry, const struct table *table,
		    const struct conn *conn)
{
	return conn->last_active_ns <= (int64_t)entry->known_ns && is_named(entry, table, conn);
}

/* How many of the connections named are open and have been silent ever since. */
static uint32_t count_remaining(const struct ledger_entry *entry, const struct table *table,
				const struct pool *pool)
{
	uint32_t count = 0;

	for (const struct conn *conn = pool ? pool->oldest : NULL; conn; conn = conn_newer(conn))
		count += remains(entry, table, conn);
	return count;
}

/* Those are what the verdict names, under the ids that they have now; there is room for all. */
static void name_remaining(struct ledger_entry *entry, const struct table *table)
{
	struct verdict *verdict = &entry->verdict;
	const struct pool *pool = find_pool(table, verdict);

	verdict->suspect_count = 0;
	for (const struct conn *conn = pool ? pool->oldest : NULL; conn; conn = conn_newer(conn))
		if (verdict->suspect_count < entry->suspect_count && remains(entry, table, conn))
			verdict_name(verdict, conn->id, conn->local_port);
}

void ledger_recall(const struct ledger *ledger, const struct table *table)
{
	for (const struct ledger_entry *entry = ledger->first; entry; entry = entry->next) {
		bool is_leak = entry->is_raised && entry->verdict.kind == VERDICT_LEAK;
		const struct pool *pool = is_leak ? find_pool(table, &entry->verdict) : NULL;

		for (struct conn *conn = pool ? pool->oldest : NULL; conn; conn = conn_newer(conn))
			conn->was_named |= remains(entry, table, conn);
	}
}

static uint64_t grace_of(const struct ledger_entry *entry)
{
	if (!entry->is_raised)
		return SUSPICION_GRACE_NS;
	return entry->verdict.kind == VERDICT_STORM ? STORM_GRACE_NS : GRACE_NS;
}

/* Why it is over; NULL = it is not. */
static const char *find_end(const struct ledger_entry *entry, const struct table *table,
			    uint64_t now_ns)
{
	uint64_t waited_ns = now_ns > entry->carried_ns ? now_ns - entry->carried_ns : 0;
	const struct pool *pool;

	if (entry->known_ns == 0)
		return "the host was restarted";
	pool = find_pool(table, &entry->verdict);
	/* What is turned away is not there when somebody looks: that says nothing of a storm. */
	if (!pool && entry->verdict.kind != VERDICT_STORM)
		return "the process has none of these connections any more";
	if (entry->suspect_count > 0 &&
	    count_remaining(entry, table, pool) <= entry->suspect_count / REMAINING_SHARE)
		return "the connections it named were closed or used again";
	/* What a verdict has named stands for as long as it lies there. */
	if (entry->suspect_count > 0 && entry->is_raised)
		return NULL;
	return waited_ns > grace_of(entry) ? "not found again since connleak was restarted" : NULL;
}

bool ledger_review(struct ledger *ledger, const struct table *table, uint64_t now_ns,
		   struct ledger_line *ret_line)
{
	for (struct ledger_entry *entry = ledger->first; entry; entry = entry->next) {
		const char *reason = entry->detector_id ? NULL : find_end(entry, table, now_ns);
		struct verdict *verdict = &entry->verdict;

		if (!reason && !entry->detector_id && entry->suspect_count > 0)
			name_remaining(entry, table);
		if (!reason)
			continue;
		verdict->t_ns = now_ns;
		verdict->state = VERDICT_CLEARED;
		report_begin(verdict, "CLEARED");
		report_append(verdict, "%s.", reason);
		ret_line->news = entry->is_raised ? LEDGER_NEWS : LEDGER_LINE;
		retire_entry(ledger, entry);
		ret_line->verdict = &ledger->told;
		return true;
	}
	return false;
}

/* --- answers ---------------------------------------------------------------------------------- */

bool ledger_knows_better(const struct ledger_entry *entry)
{
	return entry->is_raised && (entry->detector_id == 0 || entry->is_suspected);
}

const struct verdict *ledger_carried_of(const struct ledger *ledger, struct client_id client,
					const struct netaddr *remote, enum verdict_kind kind)
{
	const struct ledger_entry *entry = ledger ? ledger->first : NULL;

	while (entry && !is_carried_of(entry, client, remote, kind))
		entry = entry->next;
	return entry ? &entry->verdict : NULL;
}

const struct verdict *ledger_carried(const struct ledger *ledger, struct client_id client,
				     const struct netaddr *remote)
{
	const struct verdict *worst = NULL;

	for (int kind = 0; ledger && kind < VERDICT_KIND_COUNT; kind++)
		worst = verdict_worse(
			worst, ledger_carried_of(ledger, client, remote, (enum verdict_kind)kind));
	return worst;
}

void ledger_translate(const struct ledger *ledger, const struct verdict *line,
		      struct verdict *ret_verdict)
{
	const struct ledger_entry *entry = ledger ? find_by_detector(ledger, line->id) : NULL;
	const struct slip *slip = ledger && !entry ? find_slip(ledger, line->id) : NULL;

	*ret_verdict = *line;
	if (slip)
		ret_verdict->id = slip->id;
	if (entry && entry->is_raised && line->state == VERDICT_SUSPECT)
		*ret_verdict = entry->verdict;
	if (entry)
		ret_verdict->id = entry->verdict.id;
}

const struct ledger_entry *ledger_first(const struct ledger *ledger)
{
	return ledger->first;
}

bool ledger_stands(const struct ledger *ledger, uint32_t kinds)
{
	for (const struct ledger_entry *entry = ledger->first; entry; entry = entry->next)
		if (entry->is_raised && kinds & (1u << entry->verdict.kind))
			return true;
	for (int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
		if (ledger->raised_slips[kind] && kinds & (1u << kind))
			return true;
	return false;
}

uint32_t ledger_standing_count(const struct ledger *ledger)
{
	uint32_t count = 0;

	for (const struct ledger_entry *entry = ledger->first; entry; entry = entry->next)
		count += entry->is_raised;
	for (int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
		count += ledger->raised_slips[kind];
	return count;
}

uint64_t ledger_overflow_count(const struct ledger *ledger)
{
	return ledger->overflow_count;
}
