// SPDX-License-Identifier: Apache-2.0
/*
 * A site is known some time after its connection was announced, so it comes in an event of its own:
 * as a look at counters that have not changed. It is told once, with the first event that can carry
 * it.
 *
 * Invariant: what has not been told stays with sites.h. Of connections nothing is kept here.
 */
#include "site_teller.h"

#include <string.h>

/* After two looks without a send the last one is the last one for a while. Who settles has no
 * time to wait for that: its processes are gone soon. */
#define QUIET_LOOKS 2
#define SETTLE_MS 2000
/* Connections in use whose place is looked at, so that their sends cost less. */
#define LEARN_EACH_LOOK 16

void site_teller_begin_look(struct site_teller *teller)
{
	teller->look++;
	if (teller->sites && teller->settles)
		sites_settle(teller->sites, SETTLE_MS);
}

void site_teller_add_opener(const struct site_teller *teller, uint64_t number, struct event *event)
{
	struct site_news news;

	if (!teller->sites)
		return;
	(void)sites_news(teller->sites, event->conn, &news); /* without news both are NULL */
	event->site = news.site ? news.site : sites_of_trail(teller->sites, event->conn, number);
}

/* Any other may have one in a library, but there are too many of them. */
static bool is_interpreter(const char *exe)
{
	const char *slash = exe ? strrchr(exe, '/') : NULL;

	return slash && (!strncmp(slash + 1, "python", 6) || !strncmp(slash + 1, "php", 3));
}

void site_teller_introduce(const struct site_teller *teller, const struct event *event)
{
	struct abi_client client = {.pid = event->client.pid, .start_ns = event->client.start_ns};

	if (teller->sites && event->type == EVENT_SEEN && is_interpreter(event->exe))
		sites_introduce(teller->sites, &client);
}

void site_teller_add_news(const struct site_teller *teller, const struct live_conn *conn,
			  uint64_t number, struct event *event)
{
	struct site_news news;

	if (!teller->sites || !conn->is_up)
		return;
	(void)sites_news(teller->sites, conn->id, &news); /* without news both are NULL */
	event->site = news.site;
	event->last_site = news.last_site;
	if (!event->site && !conn->has_site)
		event->site = sites_of_trail(teller->sites, conn->id, number);
}

void site_teller_told(const struct site_teller *teller, struct live_conn *conn,
		      const struct event *event)
{
	struct site_news news;

	conn->has_site |= event->site != NULL;
	if (!teller->sites || !sites_news(teller->sites, event->conn, &news))
		return;
	/* What this event could not carry waits for one that can. */
	if ((!news.site || event->site) && event->last_site == news.last_site)
		sites_told(teller->sites, event->conn);
}

void site_teller_note_io(const struct site_teller *teller, struct live_conn *conn,
			 const struct event *event)
{
	if (!live_conn_has_sent(conn, event->sent_bytes)) {
		conn->send_look = teller->look;
		conn->sender_wanted = true;
	}
	conn->sent = event->sent_bytes & LIVE_CONN_BYTES_MASK;
	conn->received = event->received_bytes & LIVE_CONN_BYTES_MASK;
}

static int tell(const struct site_teller *teller, struct live_conn *conn, uint64_t t_ns)
{
	struct event event = {
		.type = EVENT_IO,
		.t_ns = t_ns,
		.conn = conn->id,
	};
	int r;

	site_teller_add_news(teller, conn, 0, &event);
	if (!event.site && !event.last_site)
		return 0;
	r = batch_add(teller->batch, &event);
	site_teller_told(teller, conn, &event);
	return r;
}

static void ask_sender(const struct site_teller *teller, struct live_conn *conn)
{
	/* What was leaked sends no more, and so there would be no second time to ask. */
	conn->sender_wanted = !sites_ask_sender(teller->sites, conn->id);
}

struct ask_walk {
	const struct site_teller *teller;
	uint32_t busy_count;
};

/* Those in use take turns. */
static bool is_its_turn(const struct ask_walk *walk)
{
	uint32_t turns = walk->teller->busy_count / LEARN_EACH_LOOK + 1;

	return walk->busy_count % turns == walk->teller->look % turns;
}

static void ask_if_quiet(void *userdata, struct live_conn *conn)
{
	struct ask_walk *walk = userdata;
	const struct site_teller *teller = walk->teller;

	if (!conn->sender_wanted)
		return;
	if (teller->settles || (uint8_t)(teller->look - conn->send_look) >= QUIET_LOOKS) {
		ask_sender(teller, conn);
		return;
	}
	if (is_its_turn(walk))
		sites_learn_sender(teller->sites, conn->id);
	walk->busy_count++;
}

static void ask_senders(struct site_teller *teller, const struct live_conns *conns)
{
	struct ask_walk walk = {.teller = teller};

	live_conns_each(conns, ask_if_quiet, &walk);
	teller->busy_count = walk.busy_count;
}

struct sweep_walk {
	const struct live_conns *conns;
	uint64_t before; /* ids are given out in order: of these the look has announced what is open
			  */
	uint64_t newest;
};

static bool has_ended(void *userdata, uint64_t id)
{
	struct sweep_walk *walk = userdata;

	if (id > walk->newest)
		walk->newest = id;
	return id <= walk->before && !live_conns_find(walk->conns, id);
}

/* What opens and ends between two looks is never announced, and would take the room of the rest. */
static void sweep_senders(struct site_teller *teller, const struct live_conns *conns)
{
	struct sweep_walk walk = {.conns = conns, .before = teller->newest_send};

	sites_sweep_senders(teller->sites, has_ended, &walk);
	teller->newest_send = walk.newest;
}

struct news_walk {
	const struct site_teller *teller;
	const struct live_conns *conns;
	uint64_t t_ns;
	int error;
};

static void on_news(void *userdata, uint64_t id)
{
	struct news_walk *walk = userdata;
	struct live_conn *conn = live_conns_find(walk->conns, id);
	int r = conn ? tell(walk->teller, conn, walk->t_ns) : 0;

	if (r < 0)
		walk->error = r;
}

int site_teller_finish_look(struct site_teller *teller, const struct live_conns *conns,
			    uint64_t t_ns)
{
	struct news_walk walk = {.teller = teller, .conns = conns, .t_ns = t_ns};

	if (!teller->sites)
		return 0;
	if (sites_watch_sends(teller->sites)) {
		ask_senders(teller, conns);
		sweep_senders(teller, conns);
	}
	sites_pump(teller->sites);
	sites_each_news(teller->sites, on_news, &walk);
	return walk.error;
}

int site_teller_end(const struct site_teller *teller, struct live_conn *conn, bool by_exit,
		    uint64_t t_ns)
{
	if (!teller->sites)
		return 0;
	if (teller->settles && by_exit) {
		ask_sender(teller, conn);
		sites_settle(teller->sites, SETTLE_MS);
	}
	return tell(teller, conn, t_ns);
}

void site_teller_forget(const struct site_teller *teller, uint64_t id)
{
	if (teller->sites)
		sites_forget(teller->sites, id);
}

void site_teller_forget_client(const struct site_teller *teller, uint32_t pid)
{
	if (teller->sites)
		sites_forget_client(teller->sites, pid);
}
