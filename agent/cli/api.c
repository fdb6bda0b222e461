// SPDX-License-Identifier: Apache-2.0
/*
 * Answers are made of what the last look has left in the table, from memory: nothing in here waits.
 * All are made in one go but what has connections one by one, of which there may be a hundred
 * thousand: that is made in steps, between looks. What may be asked for again and again (metrics,
 * pools) is made once a look.
 *
 * Invariant: an answer is complete or an error in JSON with its status; names from outside are
 * escaped by those who print them.
 * It does not read requests (api_route.c) and does not send answers (http.c).
 */
#include "api.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api_route.h"
#include "explain.h"
#include "listing.h"
#include "live_sites.h"
#include "sample_json.h"
#include "screen/sample_follow.h"
#include "sinks/jsonl.h"
#include "sinks/text.h"
#include "snapshot.h"
#include "sys/clock.h"
#include "sys/sites.h"

#define TYPE_JSON "application/json"
#define TYPE_LINES "application/x-ndjson" /* one object a line */
#define TYPE_TEXT "text/plain; charset=utf-8"

/* Looks that are missing for so long are not a long interval any more. */
#define SICK_INTERVALS 5
#define SICK_AT_LEAST_NS (10 * NS_PER_SEC)

/* Of what is made in steps, for which everything else waits. */
#define STEP_NS (5 * NS_PER_MS)

void api_init(struct api *api, const struct live *live, const struct ledger *ledger)
{
	*api = (struct api){.live = live, .ledger = ledger};
}

void api_clear(struct api *api)
{
	http_body_unref(api->pages[0]);
	http_body_unref(api->pages[1]);
	http_body_unref(api->pools);
	sample_free(api->sample_before);
	*api = (struct api){0};
}

void api_add_loss(struct api *api, const char *reason, uint64_t (*count)(const void *of),
		  const void *of)
{
	assert(api->loss_count < API_LOSSES_MAX);
	api->losses[api->loss_count++] = (struct api_loss){reason, count, of};
}

/* --- small answers ---------------------------------------------------------------------------- */

static void answer_bytes(struct http_answer *answer, unsigned int status, const char *type,
			 char *bytes, size_t size)
{
	answer->status = status;
	answer->content_type = type;
	answer->body = bytes ? http_body_new(bytes, size) : NULL;
}

__attribute__((format(printf, 3, 4))) static void answer_error(struct http_answer *answer,
							       unsigned int status,
							       const char *format, ...)
{
	char *bytes = NULL;
	va_list args;
	json_t *object;
	char text[256];

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	object = json_pack("{s:s, s:i}", "error", text, "status", (int)status);
	if (object)
		bytes = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	answer_bytes(answer, status, TYPE_JSON, bytes, bytes ? strlen(bytes) : 0);
}

static void answer_memory(struct http_answer *answer)
{
	answer_error(answer, 503, "out of memory");
}

static void answer_health(const struct api *api, struct http_answer *answer)
{
	uint64_t now_ns = clock_monotonic_ns(), looked_ns = api->live->now_ns;
	uint64_t limit_ns = SICK_INTERVALS * api->live->options->interval_ns;
	uint64_t since_ns = now_ns > looked_ns ? now_ns - looked_ns : 0;
	char *text = NULL;
	int length;

	if (limit_ns < SICK_AT_LEAST_NS)
		limit_ns = SICK_AT_LEAST_NS;
	if (since_ns > limit_ns) {
		answer_error(answer, 503, "the last look is %llu s ago",
			     (unsigned long long)(since_ns / NS_PER_SEC));
		return;
	}
	length = asprintf(&text, "ok\n");
	answer_bytes(answer, 200, TYPE_TEXT, length < 0 ? NULL : text, (size_t)length);
}

/* --- metrics ---------------------------------------------------------------------------------- */

static size_t gather_losses(const struct api *api, struct metrics_count *counts)
{
	uint64_t lost[SOURCE_LOST_COUNT], stacks[SITES_LOST_COUNT];
	size_t count = 0;

	source_bpf_lost(api->live->source, lost);
	for (unsigned int i = 0; i < SOURCE_LOST_COUNT; i++)
		counts[count++] = (struct metrics_count){source_bpf_lost_name(i), lost[i]};
	live_sites_lost(api->live->sites, stacks);
	for (int i = 0; i < SITES_LOST_COUNT; i++)
		counts[count++] =
			(struct metrics_count){sites_lost_name((enum sites_lost)i), stacks[i]};
	counts[count++] = (struct metrics_count){
		"table_full", table_overflow_count(pipeline_table(api->live->pipeline))};
	counts[count++] =
		(struct metrics_count){"verdicts_full", ledger_overflow_count(api->ledger)};
	for (size_t i = 0; i < api->loss_count; i++) {
		const struct api_loss *loss = &api->losses[i];

		counts[count++] = (struct metrics_count){loss->reason, loss->count(loss->of)};
	}
	return count;
}

static size_t gather_requests(const struct api *api, struct metrics_count *counts,
			      char words[HTTP_STATUSES][8])
{
	for (size_t i = 0; i < HTTP_STATUSES; i++) {
		(void)snprintf(words[i], 8, "%u", http_statuses[i]);
		counts[i] = (struct metrics_count){words[i], api->counts.answers[i]};
	}
	return HTTP_STATUSES;
}

static size_t gather_refusals(const struct api *api, struct metrics_count *counts)
{
	for (int i = 0; i < HTTP_REFUSED_COUNT; i++)
		counts[i] = (struct metrics_count){http_refusal_name((enum http_refusal)i),
						   api->counts.refusals[i]};
	return HTTP_REFUSED_COUNT;
}

static void survey(const struct api *api)
{
	const struct pipeline *pipeline = api->live->pipeline;
	struct table *table = pipeline_table(api->live->pipeline);
	struct rollup *rollup = pipeline_rollup(pipeline);
	const struct ledger_entry *entry = ledger_first(api->ledger);

	rollup_survey(rollup, table, pipeline_detector(pipeline), api->live->now_ns);
	/* What this run's detector has found is in the survey; an alert must not end by a restart.
	 */
	for (; entry; entry = entry->next)
		if (ledger_knows_better(entry))
			rollup_add_verdict(rollup, table, &entry->verdict, api->live->now_ns);
}

static struct http_body *make_page(const struct api *api, enum exposition_format format)
{
	struct metrics_count losses[SOURCE_LOST_COUNT + SITES_LOST_COUNT + 2 + API_LOSSES_MAX];
	struct metrics_count requests[HTTP_STATUSES], refusals[HTTP_REFUSED_COUNT];
	const struct pipeline *pipeline = api->live->pipeline;
	struct table *table = pipeline_table(api->live->pipeline);
	struct rollup *rollup = pipeline_rollup(pipeline);
	char words[HTTP_STATUSES][8], *text = NULL;
	struct metrics_figures figures = {
		.rollup = rollup,
		.per_process = api->live->options->metrics_per_process,
		.losses = losses,
		.loss_count = gather_losses(api, losses),
		.requests = requests,
		.request_count = gather_requests(api, requests, words),
		.refusals = refusals,
		.refusal_count = gather_refusals(api, refusals),
		.tracked_count = table_conn_count(table),
		.ticks = &api->live->looks,
	};
	size_t size;

	survey(api);
	if (metrics_render(&figures, format, &text, &size) < 0)
		return NULL;
	return http_body_new(text, size);
}

static void answer_metrics(struct api *api, const struct http_request *request,
			   struct http_answer *answer)
{
	enum exposition_format format = api_wants_openmetrics(request->accept)
						? EXPOSITION_OPENMETRICS
						: EXPOSITION_CLASSIC;

	if (!api->pages[format] || api->page_ns[format] != api->live->now_ns) {
		http_body_unref(api->pages[format]);
		api->pages[format] = make_page(api, format);
		api->page_ns[format] = api->live->now_ns;
	}
	answer->status = 200;
	answer->content_type = exposition_content_type(format);
	answer->body = api->pages[format] ? http_body_ref(api->pages[format]) : NULL;
}

/* --- pools ------------------------------------------------------------------------------------ */

/* Rates are those since the sample that was last asked for. */
static int make_pools(struct api *api)
{
	struct sample *sample;
	char *text;
	int r = snapshot_sample(api->live, api->ledger, true, &sample);

	if (r < 0)
		return r;
	r = sample_follow(sample, api->sample_before);
	sample_free(api->sample_before);
	api->sample_before = sample;
	if (r < 0)
		return r;
	text = sample_json_print(sample);
	if (!text)
		return -ENOMEM;
	http_body_unref(api->pools);
	api->pools = http_body_new(text, strlen(text));
	api->pools_ns = api->live->now_ns;
	return api->pools ? 0 : -ENOMEM;
}

static void answer_pools(struct api *api, struct http_answer *answer)
{
	if ((!api->pools || api->pools_ns != api->live->now_ns) && make_pools(api) < 0) {
		answer_memory(answer);
		return;
	}
	answer->status = 200;
	answer->content_type = TYPE_JSON;
	answer->body = http_body_ref(api->pools);
}

/* --- what is printed into an answer ----------------------------------------------------------- */

struct printer {
	const struct api *api;
	const struct api_route *route;
	struct listing listing;
	bool is_text, utf8;
};

static int print_verdict(const struct printer *printer, FILE *stream, const struct verdict *verdict)
{
	return printer->is_text ? text_write_verdict(stream, verdict,
						     printer->api->live->realtime_at_zero_ns)
				: jsonl_write_verdict(stream, verdict);
}

static int print_verdicts(const struct printer *printer, FILE *stream)
{
	const struct ledger_entry *entry = ledger_first(printer->api->ledger);
	int r = 0;

	for (; entry && r == 0; entry = entry->next)
		r = print_verdict(printer, stream, &entry->verdict);
	return r;
}

static void answer_verdicts(const struct printer *printer, struct http_answer *answer)
{
	char *bytes = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&bytes, &size);
	int r = stream ? print_verdicts(printer, stream) : -ENOMEM;

	if (stream && fclose(stream) == EOF && r == 0)
		r = -ENOMEM;
	if (r == 0) {
		answer_bytes(answer, 200, printer->is_text ? TYPE_TEXT : TYPE_LINES, bytes, size);
		return;
	}
	free(bytes);
	answer_memory(answer);
}

/* --- what is made in steps -------------------------------------------------------------------- */

/* An answer while it is being made. */
struct draft {
	int (*step)(struct draft *draft, uint64_t until_ns); /* 1: there is more; 0, or -errno */
	FILE *stream; /* into bytes */
	char *bytes; /* owned, and complete when stream is closed */
	size_t size;
	const char *type;
	const struct live *live;
	struct listing_steps *listing; /* of a list of connections */
	uint32_t pid; /* of an explanation, as what follows */
	struct options options;
	struct explain explain;
	struct explain_steps *explanation;
};

static void draft_free(void *userdata)
{
	struct draft *draft = userdata;

	if (!draft)
		return;
	if (draft->stream)
		(void)fclose(draft->stream); /* nobody reads it any more */
	listing_steps_free(draft->listing);
	explain_steps_free(draft->explanation);
	explain_free(&draft->explain);
	free(draft->bytes);
	free(draft);
}

static struct draft *draft_new(const struct printer *printer, const char *json_type)
{
	struct draft *draft = calloc(1, sizeof(*draft));

	if (!draft)
		return NULL;
	draft->type = printer->is_text ? TYPE_TEXT : json_type;
	draft->live = printer->api->live;
	draft->stream = open_memstream(&draft->bytes, &draft->size);
	if (draft->stream)
		return draft;
	draft_free(draft);
	return NULL;
}

static bool draft_step(void *userdata, struct http_answer *answer)
{
	struct draft *draft = userdata;
	int r = draft->step(draft, clock_monotonic_ns() + STEP_NS);
	int failed;

	if (r > 0)
		return true;
	failed = fclose(draft->stream);
	draft->stream = NULL;
	if (r < 0 || failed) {
		answer_memory(answer);
		return false;
	}
	answer_bytes(answer, 200, draft->type, draft->bytes, draft->size);
	draft->bytes = NULL; /* the answer's */
	return false;
}

/* Most are made in their first step, of one look then. */
static void answer_draft(struct draft *draft, struct http_answer *answer)
{
	if (draft_step(draft, answer))
		answer->task = (struct http_task){draft_step, draft_free, draft};
	else
		draft_free(draft);
}

static int step_list(struct draft *draft, uint64_t until_ns)
{
	return listing_step(draft->listing, draft->stream, until_ns);
}

static void answer_connections(const struct printer *printer, struct http_answer *answer)
{
	struct draft *draft = draft_new(printer, TYPE_LINES);

	if (!draft ||
	    listing_steps_new(printer->api->live, &printer->listing, &draft->listing) < 0) {
		draft_free(draft);
		answer_memory(answer);
		return;
	}
	draft->step = step_list;
	answer_draft(draft, answer);
}

/* --- an explanation --------------------------------------------------------------------------- */

/* The printers take the pid from the options; the rest of them is the agent's, as of now. */
static void take_options(struct draft *draft)
{
	draft->options = *draft->live->options;
	draft->options.subject_pid = draft->pid;
}

static int step_explanation(struct draft *draft, uint64_t until_ns)
{
	take_options(draft);
	draft->explain.view = *draft->live;
	draft->explain.now_ns = draft->live->now_ns;
	return explain_step(draft->explanation, until_ns);
}

static int step_text(struct draft *draft, uint64_t until_ns)
{
	(void)draft; /* it names some connections of each pool, so it has been printed already */
	(void)until_ns;
	return 0;
}

static int begin_explanation(struct draft *draft, const struct printer *printer)
{
	int r;

	draft->pid = printer->route->pid;
	take_options(draft);
	draft->explain = (struct explain){.options = &draft->options,
					  .stream = draft->stream,
					  .ledger = printer->api->ledger};
	r = explain_recall(&draft->explain, draft->live);
	if (r == 0 && draft->explain.pool_count == 0)
		r = -ENOENT;
	if (r < 0)
		return r;
	draft->step = printer->is_text ? step_text : step_explanation;
	return printer->is_text ? explain_print_text(&draft->explain, printer->utf8)
				: explain_steps_new(&draft->explain, &draft->explanation);
}

static bool process_exists(const struct printer *printer)
{
	char pid[16];

	(void)snprintf(pid, sizeof(pid), "%" PRIu32, printer->route->pid);
	return faccessat(printer->api->live->proc_fd, pid, F_OK, 0) == 0;
}

static void answer_explanation(const struct printer *printer, struct http_answer *answer)
{
	struct draft *draft = draft_new(printer, TYPE_JSON);
	int r = draft ? begin_explanation(draft, printer) : -ENOMEM;

	if (r == 0) {
		answer_draft(draft, answer);
		return;
	}
	draft_free(draft);
	if (r == -ENOENT && process_exists(printer))
		answer_error(answer, 404, "process %" PRIu32 " has no connection to a watched port",
			     printer->route->pid);
	else if (r == -ENOENT)
		answer_error(answer, 404, "there is no process %" PRIu32, printer->route->pid);
	else
		answer_memory(answer);
}

/* --- routes ----------------------------------------------------------------------------------- */

static void answer_route(struct api *api, const struct api_route *route,
			 const struct http_request *request, struct http_answer *answer)
{
	const char *charset = http_argument(request, "charset");
	struct printer printer = {
		.api = api, .route = route, .utf8 = charset && strcmp(charset, "utf-8") == 0};
	uint32_t pids[API_PIDS_MAX];
	int pid_count = api_parse_pids(http_argument(request, "pid"), pids);

	if (api_parse_format(http_argument(request, "format"), &printer.is_text) < 0 ||
	    (printer.is_text && !route->has_text)) {
		answer_error(answer, 400, "format: %s",
			     route->has_text ? "json and text are served" : "json is served");
		return;
	}
	if (pid_count < 0) {
		answer_error(answer, 400, "pid: not a list of at most %d process ids",
			     API_PIDS_MAX);
		return;
	}
	printer.listing = (struct listing){.json = !printer.is_text,
					   .with_sites = http_argument(request, "sites"),
					   .pids = pids,
					   .pid_count = (uint32_t)pid_count};
	switch (route->what) {
	case API_METRICS:
		answer_metrics(api, request, answer);
		break;
	case API_HEALTH:
	case API_READY: /* whoever answers has seen all that was open */
		answer_health(api, answer);
		break;
	case API_POOLS:
		answer_pools(api, answer);
		break;
	case API_CONNECTIONS:
		answer_connections(&printer, answer);
		break;
	case API_VERDICTS:
		answer_verdicts(&printer, answer);
		break;
	case API_EXPLAIN:
		answer_explanation(&printer, answer);
		break;
	case API_NOTHING:
		break;
	}
}

void api_answer_public(void *userdata, const struct http_request *request,
		       struct http_answer *ret_answer)
{
	struct api_route route;

	api_route_parse(request->path, &route);
	if (route.what == API_NOTHING || !route.is_public)
		answer_error(ret_answer, 404, "here are /metrics, /healthz and /readyz");
	else
		answer_route(userdata, &route, request, ret_answer);
}

void api_answer_local(void *userdata, const struct http_request *request,
		      struct http_answer *ret_answer)
{
	struct api_route route;

	api_route_parse(request->path, &route);
	if (route.what == API_NOTHING)
		answer_error(ret_answer, 404,
			     "here are /v1/pools, /v1/connections, /v1/verdicts, /v1/explain/PID, "
			     "/metrics, /healthz and /readyz");
	else
		answer_route(userdata, &route, request, ret_answer);
}
