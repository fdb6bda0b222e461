// SPDX-License-Identifier: Apache-2.0
/*
 * Why: an agent that was restarted must not call anybody a second time, and must not learn for an
 * hour what it knew.
 *
 * Invariant: a write is at least WRITE_GAP_NS after the one before, however many verdicts change.
 * Nothing that goes wrong here ends the agent: it watches on and keeps nothing. Nothing waits for a
 * disk once the agent watches: a process aside does, and at the end for CLOSE_WAIT_MS.
 */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/format.h"
#include "state_json.h"
#include "sys/keep_file.h"
#include "sys/log.h"

#define STATE_FILE "state.json"
#define STATE_DEFAULT "/var/lib/connleak"
#define WRITE_GAP_NS (5 * NS_PER_SEC)
#define RETRY_NS (30 * NS_PER_SEC)
/* A disk that is busy syncs within seconds; one that takes longer is worth a line. */
#define LATE "is not written"
#define LATE_NS (30 * NS_PER_SEC)
/* Less than what a service manager waits for before it kills. */
#define CLOSE_WAIT_MS 3000
/* Baselines move slowly; what is lost of them by a crash is the last quarter of an hour. */
#define BASELINE_GAP_NS (900 * NS_PER_SEC)

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now); /* cannot fail for these clocks */
	return (int64_t)now.tv_sec * (int64_t)NS_PER_SEC + now.tv_nsec;
}

static void read_clock(struct state_clock *ret_clock)
{
	char id[sizeof(ret_clock->boot_id)] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof(id) - 1);

	if (fd >= 0)
		close(fd);
	id[n > 0 ? n : 0] = '\0';
	id[strcspn(id, "\n")] = '\0';
	/* Without one every boot is another one: nothing is carried over wrongly. */
	memcpy(ret_clock->boot_id, id, sizeof(id));
	ret_clock->t_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);
	ret_clock->realtime_ns = clock_ns(CLOCK_REALTIME);
}

/* Once at the first of several failures, and once when it works again. */
static void note_failure(struct state *state, const char *what, int error)
{
	char safe[512];

	state->failed_count++;
	if (!state->is_failing)
		log_error("%s: %s: %s; verdicts would be told again after a restart",
			  format_safe(state->path, strlen(state->path), safe, sizeof(safe)), what,
			  strerror(-error));
	state->is_failing = true;
}

static void note_success(struct state *state)
{
	char safe[512];

	if (state->is_failing)
		log_notice("%s: written again",
			   format_safe(state->path, strlen(state->path), safe, sizeof(safe)));
	state->is_failing = false;
}

static void choose_path(struct state *state, const struct options *options)
{
	const char *given = getenv("STATE_DIRECTORY");

	if (options->state)
		snprintf(state->path, sizeof(state->path), "%s", options->state);
	else if (given && given[0] == '/') /* the first one of a list */
		snprintf(state->path, sizeof(state->path), "%.*s", (int)strcspn(given, ":"), given);
	else
		snprintf(state->path, sizeof(state->path), "%s", STATE_DEFAULT);
}

static int open_directory(struct state *state)
{
	if (mkdir(state->path, 0700) < 0 && errno != EEXIST && errno != EROFS)
		return -errno;
	state->directory_fd = open(state->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return state->directory_fd < 0 ? -errno : 0;
}

static void set_aside(struct state *state, const char *reason)
{
	int r = keep_file_set_aside(state->directory_fd, STATE_FILE);
	char safe[512];

	state->failed_count++;
	format_safe(state->path, strlen(state->path), safe, sizeof(safe));
	if (r == 0)
		log_error("%s/" STATE_FILE ": %s; put aside as " STATE_FILE
			  ".bad, beginning without it",
			  safe, reason);
	else
		log_error("%s/" STATE_FILE ": %s; cannot be put aside: %s", safe, reason,
			  strerror(-r));
}

static void load(struct state *state, struct ledger *ledger, struct fleets *fleets)
{
	struct state_clock now;
	char *bytes = NULL, reason[256];
	size_t length = 0;
	int r = keep_file_read(state->directory_fd, STATE_FILE, STATE_BYTES_MAX, &bytes, &length);

	if (r == -ENOENT)
		return;
	if (r < 0) {
		set_aside(state, r == -EINVAL ? "not a regular file" : strerror(-r));
		return;
	}
	read_clock(&now);
	r = state_decode(bytes, length, &now, ledger, fleets, reason, sizeof(reason));
	free(bytes);
	if (r == -EINVAL || r == -ENOTSUP)
		set_aside(state, reason);
	else if (r < 0)
		note_failure(state, "cannot be read", r);
	else if (ledger_standing_count(ledger))
		log_notice("%u verdict%s carried over from the run before",
			   ledger_standing_count(ledger),
			   ledger_standing_count(ledger) == 1 ? "" : "s");
}

int state_open(struct state *state, const struct options *options, struct ledger *ledger,
	       struct fleets *fleets)
{
	char safe[512];
	int r;

	*state = (struct state){.directory_fd = -1, .due_ns = UINT64_MAX};
	choose_path(state, options);
	if (strcmp(state->path, OPTION_NONE) == 0)
		return 0;
	r = open_directory(state);
	if (r < 0) {
		note_failure(state, "cannot be opened", r);
		return 0;
	}
	if (flock(state->directory_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		log_error("%s: another connleak agent keeps its state there; give one of the two "
			  "another --state",
			  format_safe(state->path, strlen(state->path), safe, sizeof(safe)));
		return EXIT_RUNTIME;
	}
	load(state, ledger, fleets);
	state->due_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC) + BASELINE_GAP_NS;
	return 0;
}

void state_touch(struct state *state, uint64_t now_ns)
{
	uint64_t gap_ns = state->is_failing ? RETRY_NS : WRITE_GAP_NS;
	uint64_t due_ns = state->tried_ns ? state->tried_ns + gap_ns : now_ns;

	if (due_ns < state->due_ns)
		state->due_ns = due_ns;
}

struct writing {
	const struct state *state;
	const struct ledger *ledger;
	const struct fleets *fleets;
};

/* In a process of its own, whose memory is what ours was when it began. */
static int write_aside(void *userdata)
{
	const struct writing *writing = userdata;
	struct state_clock now;
	char *text;

	read_clock(&now);
	text = state_encode(writing->ledger, writing->fleets, &now);
	if (!text)
		return -ENOMEM;
	return keep_file_write(writing->state->directory_fd, STATE_FILE, text, strlen(text));
}

static void note_result(struct state *state, int r)
{
	state->is_late = false;
	if (r < 0)
		note_failure(state, "cannot be written", r);
	else
		note_success(state);
}

static void begin_to_write(struct state *state, uint64_t now_ns, const struct ledger *ledger,
			   const struct fleets *fleets)
{
	struct writing writing = {state, ledger, fleets};
	int r;

	state->writing_since_ns = now_ns;
	r = aside_begin(&state->writer, state->directory_fd, write_aside, &writing);
	if (r < 0)
		note_result(state, r);
}

/* How the one that was begun went, if that is known. */
static void follow(struct state *state, uint64_t now_ns)
{
	int r;

	if (!aside_is_busy(&state->writer))
		return;
	if (aside_is_done(&state->writer, &r)) {
		note_result(state, r);
		if (r < 0 && state->tried_ns + RETRY_NS < state->due_ns)
			state->due_ns = state->tried_ns + RETRY_NS;
		return;
	}
	if (state->is_late || now_ns - state->writing_since_ns < LATE_NS)
		return;
	state->is_late = true;
	note_failure(state, LATE, -ETIMEDOUT);
}

void state_keep(struct state *state, uint64_t now_ns, const struct ledger *ledger,
		const struct fleets *fleets)
{
	if (state->directory_fd < 0)
		return;
	follow(state, now_ns);
	if (aside_is_busy(&state->writer) || now_ns < state->due_ns)
		return;
	state->tried_ns = now_ns;
	state->due_ns = now_ns + (state->is_failing ? RETRY_NS : BASELINE_GAP_NS);
	begin_to_write(state, now_ns, ledger, fleets);
}

/* False where the disk does not answer. */
static bool wait_for_writer(struct state *state)
{
	int r = 0;

	if (!aside_is_busy(&state->writer))
		return true;
	if (aside_wait(&state->writer, CLOSE_WAIT_MS, &r)) {
		note_result(state, r);
		return true;
	}
	aside_abandon(&state->writer);
	note_failure(state, LATE, -ETIMEDOUT);
	return false;
}

void state_close(struct state *state, const struct ledger *ledger, const struct fleets *fleets)
{
	if (state->directory_fd < 0)
		return;
	if (wait_for_writer(state) && fleets) {
		begin_to_write(state, (uint64_t)clock_ns(CLOCK_MONOTONIC), ledger, fleets);
		(void)wait_for_writer(state);
	}
	close(state->directory_fd);
	state->directory_fd = -1;
}
