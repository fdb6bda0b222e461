// SPDX-License-Identifier: Apache-2.0
/*
 * Puts the parts together: mappings, the way up the stack, names, the interpreter's own frames, and
 * the line. What was read of a process is kept for its next sample, because opening its files is
 * what costs.
 *
 * Invariant: at most IMAGES_MAX processes are kept, the least recently used goes first. Where the
 * process is gone before its stack was read, that is what the site says.
 */
#include "resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "image.h"
#include "python_frames.h"
#include "stack_unwind.h"
#include "symbol.h"

#define IMAGES_MAX 32
#define INLINED_MAX 4
#define FRAMES_MAX (2 * UNWIND_FRAMES_MAX + ABI_SCRIPT_FRAMES_MAX)

struct slot {
	struct image *image; /* NULL = free */
	struct python python;
	bool is_python;
	uint64_t used_at; /* runs of the resolver */
	time_t refreshed_s;
};

struct resolver {
	int proc_fd;
	struct unwinder *unwinder;
	struct slot slots[IMAGES_MAX];
	uint64_t run;
	/* Of the run under way. */
	struct symbol symbols[FRAMES_MAX];
	struct python_frame scripts[ABI_SCRIPT_FRAMES_MAX];
	struct site_frame frames[FRAMES_MAX];
	uint32_t symbol_count, frame_count;
};

struct resolver *resolver_new(int proc_fd)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	resolver->proc_fd = proc_fd;
	resolver->unwinder = unwinder_new();
	if (!resolver->unwinder) {
		free(resolver);
		return NULL;
	}
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	for (unsigned i = 0; i < IMAGES_MAX; i++)
		image_free(resolver->slots[i].image);
	unwinder_free(resolver->unwinder);
	free(resolver);
}

static time_t now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return now.tv_sec;
}

/* --- processes -------------------------------------------------------------------------------- */

static void look_for_python(struct slot *slot)
{
	uint32_t version = 0;

	slot->is_python = image_runtime(slot->image) == RUNTIME_PYTHON &&
			  python_detect(slot->image, &slot->python, &version) == 0;
}

static void refresh(struct slot *slot)
{
	slot->refreshed_s = now_s();
	/* Of one that is gone the old state is all there is. */
	if (image_refresh(slot->image) == 0)
		look_for_python(slot);
}

static struct slot *find_slot(struct resolver *resolver, struct client_id id)
{
	for (unsigned i = 0; i < IMAGES_MAX; i++) {
		struct slot *slot = &resolver->slots[i];

		if (slot->image && client_id_equal(image_client(slot->image), id))
			return slot;
	}
	return NULL;
}

static int take_slot(struct resolver *resolver, struct client_id id, struct slot **ret_slot)
{
	struct slot *slot = find_slot(resolver, id), *oldest = &resolver->slots[0];
	struct image *image;
	int r;

	if (slot && image_is_stale(slot->image))
		refresh(slot);
	if (!slot) {
		r = image_open(resolver->proc_fd, id, &image);
		if (r < 0)
			return r;
		for (unsigned i = 0; i < IMAGES_MAX; i++)
			if (resolver->slots[i].used_at < oldest->used_at)
				oldest = &resolver->slots[i];
		image_free(oldest->image);
		memset(oldest, 0, sizeof(*oldest));
		oldest->image = image;
		oldest->refreshed_s = now_s();
		slot = oldest;
		look_for_python(slot);
	}
	slot->used_at = resolver->run;
	*ret_slot = slot;
	return 0;
}

/* --- frames ----------------------------------------------------------------------------------- */

static void add_symbol(struct resolver *resolver, const struct symbol *symbol)
{
	struct symbol *copy = &resolver->symbols[resolver->symbol_count];

	if (resolver->frame_count == FRAMES_MAX)
		return;
	*copy = *symbol;
	resolver->symbol_count++;
	symbol_to_frame(copy, &resolver->frames[resolver->frame_count++]);
}

static void add_native(struct resolver *resolver, struct image *image, uint64_t address)
{
	struct symbol outer, inlined[INLINED_MAX];
	uint32_t count;

	symbol_find(image, address, &outer);
	count = symbol_find_inlined(image, address, &outer, inlined, INLINED_MAX);
	for (uint32_t i = 0; i < count; i++)
		add_symbol(resolver, &inlined[i]);
	add_symbol(resolver, &outer);
}

static void add_scripts(struct resolver *resolver, const struct slot *slot,
			const struct stack_sample *sample)
{
	for (uint32_t i = 0; i < sample->script_frame_count && i < ABI_SCRIPT_FRAMES_MAX; i++) {
		struct python_frame *script = &resolver->scripts[i];

		if (resolver->frame_count == FRAMES_MAX ||
		    !python_read_frame(slot->image, &slot->python, &sample->script_frames[i],
				       script))
			continue;
		resolver->frames[resolver->frame_count++] = (struct site_frame){
			.function = script->function,
			.file = script->file[0] ? script->file : NULL,
			.line = script->line,
			.kind = FRAME_SCRIPT,
		};
	}
}

/* The loop of the interpreter: from there on outwards its own frames tell more. */
static bool is_interpreter(const struct slot *slot, const struct site_frame *frame)
{
	return slot->is_python && frame->module &&
	       (!strncmp(frame->module, "python", 6) || !strncmp(frame->module, "libpython", 9));
}

static void gather(struct resolver *resolver, struct slot *slot, const struct stack_sample *sample,
		   const uint64_t *addresses, uint32_t count)
{
	resolver->symbol_count = resolver->frame_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		add_native(resolver, slot->image, addresses[i]);
		if (sample->script_frame_count > 0 && resolver->frame_count > 0 &&
		    is_interpreter(slot, &resolver->frames[resolver->frame_count - 1]))
			break;
	}
	if (slot->is_python)
		add_scripts(resolver, slot, sample);
}

/* A library that was loaded since: its code is in no mapping that is known. */
static bool has_unmapped(const struct slot *slot, const uint64_t *addresses, uint32_t count)
{
	const char *path;
	uint64_t offset;

	for (uint32_t i = 0; i < count; i++)
		if (!image_find_file(slot->image, addresses[i], &path, &offset))
			return true;
	return false;
}

static const char *thread_of(const struct slot *slot, const struct stack_sample *sample)
{
	const char *name = (const char *)sample->thread_comm;

	if (image_runtime(slot->image) == RUNTIME_JAVA)
		return name;
	return strncmp(name, image_comm(slot->image), COMM_SIZE) != 0 ? name : NULL;
}

static void resolve(struct resolver *resolver, struct slot *slot, const struct stack_sample *sample,
		    struct site_answer *answer)
{
	uint64_t addresses[UNWIND_FRAMES_MAX];
	uint32_t count = unwinder_run(resolver->unwinder, slot->image, sample, addresses);

	if (has_unmapped(slot, addresses, count) && slot->refreshed_s != now_s()) {
		refresh(slot);
		count = unwinder_run(resolver->unwinder, slot->image, sample, addresses);
	}
	gather(resolver, slot, sample, addresses, count);
	(void)site_format(resolver->frames, resolver->frame_count, thread_of(slot, sample),
			  answer->site, sizeof(answer->site));
}

void resolver_run(struct resolver *resolver, const struct stack_sample *sample,
		  struct site_answer *ret_answer)
{
	struct client_id id = {.pid = sample->client.pid, .start_ns = sample->client.start_ns};
	struct slot *slot;
	int r;

	memset(ret_answer, 0, sizeof(*ret_answer));
	ret_answer->id = sample->id;
	ret_answer->role = sample->role;
	ret_answer->sequence = sample->sequence;
	ret_answer->client = sample->client;
	resolver->run++;
	r = take_slot(resolver, id, &slot);
	if (r < 0) {
		(void)snprintf(ret_answer->site, sizeof(ret_answer->site), "unknown code (%s)",
			       r == -ESRCH ? "the process ended before its stack was read"
					   : "its mappings cannot be read");
		return;
	}
	resolve(resolver, slot, sample, ret_answer);
	ret_answer->has_layout = slot->is_python;
	if (slot->is_python)
		ret_answer->layout = slot->python.layout;
}
