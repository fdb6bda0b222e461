// SPDX-License-Identifier: Apache-2.0
/*
 * Why: a file on a disk outlives the program that wrote it, and comes back cut off, edited, from
 * another version or from before a reboot.
 *
 * Invariant: a document is taken whole or not at all: it is read twice, and the first time only
 * looks. No text of it reaches a terminal unescaped, for it is the verdict's own text again, and
 * that is made anew before it is shown.
 *
 * Not here: the file (keep_file.c) and when it is written (state.c).
 */
#include "state_json.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"
#include "core/json_read.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15))
#define BASELINES_MAX 8192

/* --- writing ---------------------------------------------------------------------------------- */

static void set(json_t *object, const char *key, json_t *value, bool *failed)
{
	if (json_object_set_new_nocheck(object, key, value))
		*failed = true;
}

static void set_count(json_t *object, const char *key, uint64_t count, bool *failed)
{
	if (count > INT64_MAX)
		count = INT64_MAX;
	set(object, key, json_integer((json_int_t)count), failed);
}

static void set_text(json_t *object, const char *key, const char *text, size_t max, bool *failed)
{
	char clean[3 * 1024 + 1];

	if (max > 0 && text[0] != '\0')
		set(object, key, json_string(format_utf8(text, max, clean, sizeof(clean))), failed);
}

static void set_real(json_t *object, const char *key, double value, bool *failed)
{
	if (isfinite(value))
		set(object, key, json_real(value), failed);
}

static void set_address(json_t *object, const char *key, const struct netaddr *addr, bool *failed)
{
	char text[ADDR_TEXT_SIZE];

	set(object, key, json_string(format_netaddr(addr, text, sizeof(text))), failed);
}

#define SET_MEMBER(object, key, member, failed)                                                    \
	set_text(object, key, member, sizeof(member), failed)

static json_t *suspects_json(const struct ledger_entry *entry, bool *failed)
{
	json_t *array = json_array();
	char text[ADDR_TEXT_SIZE];

	for (uint32_t i = 0; i < entry->suspect_count; i++)
		if (json_array_append_new(array, json_string(format_netaddr(&entry->suspects[i],
									    text, sizeof(text)))))
			*failed = true;
	return array;
}

static json_t *verdict_json(const struct ledger_entry *entry, bool *failed)
{
	const struct verdict *verdict = &entry->verdict;
	json_t *object = json_object();

	set_count(object, "id", verdict->id, failed);
	set(object, "kind", json_string(verdict_kind_name(verdict->kind)), failed);
	set_count(object, "severity", verdict->severity, failed);
	set_count(object, "pid", verdict->client.pid, failed);
	set_count(object, "pstart_ns", verdict->client.start_ns, failed);
	set_count(object, "ns_pid", verdict->ns_pid, failed);
	SET_MEMBER(object, "comm", verdict->comm, failed);
	SET_MEMBER(object, "workload", verdict->workload, failed);
	SET_MEMBER(object, "namespace", verdict->namespace, failed);
	SET_MEMBER(object, "pod", verdict->pod, failed);
	SET_MEMBER(object, "container", verdict->container, failed);
	SET_MEMBER(object, "database", verdict->database, failed);
	SET_MEMBER(object, "endpoint", verdict->endpoint, failed);
	SET_MEMBER(object, "summary", verdict->summary, failed);
	set_address(object, "remote", &verdict->remote, failed);
	set_count(object, "open", verdict->open_count, failed);
	set_count(object, "stale", verdict->stale_count, failed);
	set_count(object, "limit", verdict->limit, failed);
	set_real(object, "growth_per_hour", verdict->growth_per_hour, failed);
	set_real(object, "exhausts_in_s", verdict->exhausts_in_s, failed);
	set_count(object, "t_ns", verdict->t_ns, failed);
	set_count(object, "since_ns", verdict->since_ns, failed);
	/* One that was carried over and not found again is known as of then, not as of now. */
	if (entry->detector_id == 0)
		set_count(object, "known_ns", entry->known_ns, failed);
	set(object, "suspects", suspects_json(entry, failed), failed);
	return object;
}

static json_t *baseline_json(const struct baseline *baseline, bool *failed)
{
	json_t *object = json_object();

	SET_MEMBER(object, "workload", baseline->workload, failed);
	set_address(object, "remote", &baseline->remote, failed);
	set_count(object, "netns", baseline->netns, failed);
	set_count(object, "plateau", baseline->plateau, failed);
	set_count(object, "plateau_before", baseline->plateau_before, failed);
	set_real(object, "rate", baseline->rate, failed);
	set_real(object, "busy", baseline->busy, failed);
	set_count(object, "epoch_ns", baseline->epoch_ns, failed);
	set_count(object, "known_ns", baseline->known_ns, failed);
	return object;
}

char *state_encode(const struct ledger *ledger, const struct fleets *fleets,
		   const struct state_clock *now)
{
	json_t *root = json_object(), *verdicts = json_array(), *baselines = json_array();
	/* Apart, as an agent before this would take them for verdicts. */
	json_t *suspicions = json_array();
	bool failed = false;
	uint32_t count = 0;
	char *text;

	set_count(root, "connleak_state", STATE_VERSION, &failed);
	SET_MEMBER(root, "boot_id", now->boot_id, &failed);
	set_count(root, "t_ns", now->t_ns, &failed);
	set(root, "realtime_ns", json_integer(now->realtime_ns), &failed);
	set_count(root, "next_id", ledger_next_id(ledger), &failed);
	for (const struct ledger_entry *entry = ledger_first(ledger); entry; entry = entry->next)
		if (json_array_append_new(entry->is_raised ? verdicts : suspicions,
					  verdict_json(entry, &failed)))
			failed = true;
	for (const struct fleet *fleet = fleets_first(fleets); fleet && count < BASELINES_MAX;
	     fleet = fleet->next) {
		if (!fleet->baseline)
			continue;
		count++;
		if (json_array_append_new(baselines, baseline_json(fleet->baseline, &failed)))
			failed = true;
	}
	set(root, "verdicts", verdicts, &failed);
	set(root, "suspicions", suspicions, &failed);
	set(root, "baselines", baselines, &failed);
	text = failed ? NULL : json_dumps(root, DUMP_FLAGS);
	json_decref(root);
	return text;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
	const struct state_clock *now;
	struct state_clock then;
	char *error;
	size_t error_size;
	bool is_same_boot;
	bool is_refused;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct reader *reader, const char *format,
							 ...)
{
	va_list args;

	if (reader->is_refused)
		return;
	reader->is_refused = true;
	va_start(args, format);
	(void)vsnprintf(reader->error, reader->error_size, format, args);
	va_end(args);
}

static uint64_t get_count(struct reader *reader, const json_t *object, const char *key,
			  uint64_t max)
{
	const json_t *value = json_object_get(object, key);
	json_int_t count = json_integer_value(value);

	if (!value)
		return 0;
	if (!json_is_integer(value) || count < 0 || (uint64_t)count > max) {
		refuse(reader, "%s is not a number from 0 to %llu", key, (unsigned long long)max);
		return 0;
	}
	return (uint64_t)count;
}

/* NAN where it is not there. */
static double get_real(struct reader *reader, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (value && !json_is_number(value))
		refuse(reader, "%s is not a number", key);
	return json_is_number(value) ? json_number_value(value) : NAN;
}

static void get_text(struct reader *reader, const json_t *object, const char *key, char *buffer,
		     size_t size)
{
	const json_t *value = json_object_get(object, key);
	size_t length = json_string_length(value);

	buffer[0] = '\0';
	if (!value)
		return;
	if (!json_is_string(value) || strlen(json_string_value(value)) != length) {
		refuse(reader, "%s is not a text", key);
		return;
	}
	/* Bytes that were no UTF-8 take more place than they did. */
	if (length >= size)
		length = size - 1;
	memcpy(buffer, json_string_value(value), length);
	buffer[length] = '\0';
}

#define GET_MEMBER(reader, object, key, member)                                                    \
	get_text(reader, object, key, member, sizeof(member))

static void get_address(struct reader *reader, const json_t *value, struct netaddr *ret_addr)
{
	if (!json_is_string(value) || parse_netaddr(json_string_value(value), ret_addr) < 0)
		refuse(reader, "an address is not ADDR:PORT");
}

/* A moment of the file on the clock of now; the past of a former boot may be before this one. */
static uint64_t to_now(const struct reader *reader, uint64_t then_ns)
{
	int64_t age_ns = (int64_t)(reader->then.t_ns - then_ns);

	if (then_ns > reader->then.t_ns)
		age_ns = 0;
	if (reader->is_same_boot)
		return then_ns < reader->now->t_ns ? then_ns : reader->now->t_ns;
	if (reader->now->realtime_ns > reader->then.realtime_ns &&
	    __builtin_add_overflow(age_ns, reader->now->realtime_ns - reader->then.realtime_ns,
				   &age_ns))
		age_ns = INT64_MAX;
	return (uint64_t)age_ns < reader->now->t_ns ? reader->now->t_ns - (uint64_t)age_ns : 0;
}

static void read_verdict(struct reader *reader, const json_t *object, struct verdict *verdict)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));

	if (!kind || !verdict_kind_parse(kind, &verdict->kind))
		refuse(reader, "kind is not one of a verdict");
	verdict->id = get_count(reader, object, "id", INT64_MAX - 1);
	verdict->severity = (enum severity)get_count(reader, object, "severity", SEVERITY_CRITICAL);
	verdict->client.pid = (uint32_t)get_count(reader, object, "pid", UINT32_MAX);
	verdict->client.start_ns = get_count(reader, object, "pstart_ns", INT64_MAX);
	verdict->ns_pid = (uint32_t)get_count(reader, object, "ns_pid", UINT32_MAX);
	GET_MEMBER(reader, object, "comm", verdict->comm);
	GET_MEMBER(reader, object, "workload", verdict->workload);
	GET_MEMBER(reader, object, "namespace", verdict->namespace);
	GET_MEMBER(reader, object, "pod", verdict->pod);
	GET_MEMBER(reader, object, "container", verdict->container);
	GET_MEMBER(reader, object, "database", verdict->database);
	GET_MEMBER(reader, object, "endpoint", verdict->endpoint);
	GET_MEMBER(reader, object, "summary", verdict->summary);
	get_address(reader, json_object_get(object, "remote"), &verdict->remote);
	verdict->open_count = (uint32_t)get_count(reader, object, "open", UINT32_MAX);
	verdict->stale_count = (uint32_t)get_count(reader, object, "stale", UINT32_MAX);
	verdict->limit = get_count(reader, object, "limit", INT64_MAX);
	verdict->growth_per_hour = get_real(reader, object, "growth_per_hour");
	verdict->exhausts_in_s = get_real(reader, object, "exhausts_in_s");
	verdict->exhausts_in_low_s = verdict->exhausts_in_high_s = NAN;
	/* "4 min left" was so when it was kept. What has run dry stays so until it is used. */
	if (verdict->kind != VERDICT_EXHAUSTED)
		verdict->exhausts_in_s = NAN;
	verdict->t_ns = to_now(reader, get_count(reader, object, "t_ns", INT64_MAX));
	verdict->since_ns = to_now(reader, get_count(reader, object, "since_ns", INT64_MAX));
	if (!format_is_safe(verdict->namespace) || !format_is_safe(verdict->pod) ||
	    !format_is_safe(verdict->container))
		refuse(reader, "a name of Kubernetes is none");
	if (verdict->id == 0)
		refuse(reader, "a verdict has no id");
}

/* ledger NULL: only looks. A suspicion is not worth a word of its end after a boot. */
static int take_verdict(struct reader *reader, const json_t *object, enum verdict_state state,
			struct ledger *ledger)
{
	const json_t *array = json_object_get(object, "suspects");
	size_t count = json_array_size(array);
	struct netaddr *suspects = NULL;
	uint64_t known_ns = reader->then.t_ns;
	struct verdict verdict = {.state = state};
	int r = 0;

	if (state == VERDICT_SUSPECT && !reader->is_same_boot)
		ledger = NULL;
	read_verdict(reader, object, &verdict);
	if (!json_is_array(array) || count > LEDGER_SUSPECTS_MAX)
		refuse(reader, "suspects is not a list of at most %d", LEDGER_SUSPECTS_MAX);
	if (json_object_get(object, "known_ns"))
		known_ns = get_count(reader, object, "known_ns", INT64_MAX);
	if (reader->is_refused)
		return -EINVAL;
	suspects = calloc(count ? count : 1, sizeof(*suspects));
	if (!suspects)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		get_address(reader, json_array_get(array, i), &suspects[i]);
	if (reader->is_refused)
		r = -EINVAL;
	else if (ledger)
		r = ledger_carry(ledger, &verdict, suspects, (uint32_t)count,
				 reader->is_same_boot ? known_ns : 0, reader->now->t_ns);
	free(suspects);
	return r;
}

static int take_baseline(struct reader *reader, const json_t *object, struct fleets *fleets)
{
	struct baseline baseline = {0};

	GET_MEMBER(reader, object, "workload", baseline.workload);
	get_address(reader, json_object_get(object, "remote"), &baseline.remote);
	baseline.netns = (uint32_t)get_count(reader, object, "netns", UINT32_MAX);
	baseline.plateau = (uint32_t)get_count(reader, object, "plateau", UINT32_MAX);
	baseline.plateau_before = (uint32_t)get_count(reader, object, "plateau_before", UINT32_MAX);
	baseline.rate = get_real(reader, object, "rate");
	baseline.busy = get_real(reader, object, "busy");
	baseline.epoch_ns = to_now(reader, get_count(reader, object, "epoch_ns", INT64_MAX));
	baseline.known_ns = to_now(reader, get_count(reader, object, "known_ns", INT64_MAX));
	if (!(baseline.rate >= 0 && baseline.rate < 1e18) ||
	    !(baseline.busy >= 0 && baseline.busy <= 1) || !baseline.workload[0] ||
	    !baseline.plateau)
		refuse(reader, "a baseline is out of range");
	if (reader->is_refused)
		return -EINVAL;
	/* A network namespace of a former boot is another one now. */
	if (!fleets || (baseline.netns && !reader->is_same_boot))
		return 0;
	return fleets_import(fleets, &baseline);
}

static int take_verdicts(struct reader *reader, const json_t *array, enum verdict_state state,
			 struct ledger *ledger)
{
	json_t *object;
	size_t i;

	json_array_foreach(array, i, object)
	{
		int r = take_verdict(reader, object, state, ledger);

		/* Two of one id: the first one it is. */
		if (r == -ENOMEM || reader->is_refused)
			return r;
	}
	return 0;
}

static int take_all(struct reader *reader, const json_t *root, struct ledger *ledger,
		    struct fleets *fleets)
{
	const json_t *verdicts = json_object_get(root, "verdicts");
	const json_t *suspicions = json_object_get(root, "suspicions");
	const json_t *baselines = json_object_get(root, "baselines");
	size_t i;
	json_t *object;
	int r;

	if (!json_is_array(verdicts) || json_array_size(verdicts) > LEDGER_MAX)
		refuse(reader, "verdicts is not a list of at most %d", LEDGER_MAX);
	/* An agent before this has kept none. */
	if (suspicions && (!json_is_array(suspicions) || json_array_size(suspicions) > LEDGER_MAX))
		refuse(reader, "suspicions is not a list of at most %d", LEDGER_MAX);
	if (!json_is_array(baselines) || json_array_size(baselines) > BASELINES_MAX)
		refuse(reader, "baselines is not a list of at most %d", BASELINES_MAX);
	if (reader->is_refused)
		return -EINVAL;
	r = take_verdicts(reader, verdicts, VERDICT_RAISED, ledger);
	if (r == 0 && !reader->is_refused)
		r = take_verdicts(reader, suspicions, VERDICT_SUSPECT, ledger);
	if (r < 0 || reader->is_refused)
		return r;
	json_array_foreach(baselines, i, object)
	{
		r = take_baseline(reader, object, fleets);
		if (r == -ENOMEM || reader->is_refused)
			return r;
	}
	return 0;
}

static int read_head(struct reader *reader, const json_t *root)
{
	uint64_t version;

	if (!json_is_object(root) || !json_object_get(root, "connleak_state")) {
		refuse(reader, "it is no state of connleak");
		return -EINVAL;
	}
	version = get_count(reader, root, "connleak_state", INT64_MAX);
	if (!reader->is_refused && version != STATE_VERSION) {
		refuse(reader, "it has version %llu, this connleak knows %d",
		       (unsigned long long)version, STATE_VERSION);
		return -ENOTSUP;
	}
	GET_MEMBER(reader, root, "boot_id", reader->then.boot_id);
	reader->then.t_ns = get_count(reader, root, "t_ns", INT64_MAX);
	reader->then.realtime_ns = (int64_t)get_count(reader, root, "realtime_ns", INT64_MAX);
	reader->is_same_boot =
		reader->then.boot_id[0] && strcmp(reader->then.boot_id, reader->now->boot_id) == 0;
	return reader->is_refused ? -EINVAL : 0;
}

int state_decode(const char *bytes, size_t length, const struct state_clock *now,
		 struct ledger *ledger, struct fleets *fleets, char *ret_error, size_t error_size)
{
	struct reader reader = {.now = now, .error = ret_error, .error_size = error_size};
	json_error_t error;
	json_t *root = NULL;
	uint64_t next_id;
	int r = json_read(bytes, length, &root, &error);

	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		snprintf(ret_error, error_size, "it is no JSON from byte %d on", error.position);
		return -EINVAL;
	}
	r = read_head(&reader, root);
	next_id = r == 0 ? get_count(&reader, root, "next_id", INT64_MAX) : 0;
	if (r == 0)
		r = take_all(&reader, root, NULL, NULL);
	if (r == 0)
		r = take_all(&reader, root, ledger, fleets);
	if (r == 0)
		ledger_reserve(ledger, next_id);
	json_decref(root);
	return r;
}
