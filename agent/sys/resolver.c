// SPDX-License-Identifier: Apache-2.0
/*
 * Puts the parts together: mappings, the way up the stack, names, the interpreter's own frames, and
 * the line. What was read of a process is kept for its next sample, because opening its files is
 * what costs.
 *
 * Invariant: at most IMAGES_MAX processes are kept, and of the maps of their JIT compilers no more
 * than JIT_BYTES_MAX, the least recently used goes first: anybody can write a large one. Where the
 * process is gone before its stack was read, that is what the site says.
 */
#include "resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "core/index.h"
#include "image.h"
#include "interpreter.h"
#include "known_frames.h"
#include "stack_unwind.h"
#include "symbol.h"

#define IMAGES_MAX 64
/* Of maps of JIT compilers, beside that of the process at hand; in memory a map is twice as large.
 */
#define JIT_BYTES_MAX (32ULL << 20)
#define INLINED_MAX 4
#define SCRIPTS_MAX 1024 /* 350 KB of a Python process; the hash has 10 bits */
/* A program that has just begun loads its libraries; one with a JIT compiler never has all mapped.
 */
#define FIRST_GAP_NS NS_PER_MS
#define FRAMES_MAX (2 * UNWIND_FRAMES_MAX + ABI_SCRIPT_FRAMES_MAX)

/* Names of a frame that was read before: of a process that is gone it is all there is. */
struct known_script {
	struct script_frame at;
	struct script_names names; /* function "" = free */
};

struct slot {
	struct image *image; /* NULL = free */
	struct known_script *scripts; /* SCRIPTS_MAX of them; NULL = none yet */
	struct known_frames *frames; /* owned; of the image as of generation */
	uint32_t generation;
	struct interpreter interpreter;
	uint64_t used_at; /* runs of the resolver */
	uint64_t refreshed_ns;
	uint64_t gap_ns; /* until its mappings may be read again; grows */
};

struct resolver {
	int proc_fd;
	struct unwinder *unwinder;
	struct slot slots[IMAGES_MAX];
	uint64_t run;
	/* Of the run under way. */
	struct symbol symbols[FRAMES_MAX];
	struct script_names scripts[ABI_SCRIPT_FRAMES_MAX];
	struct site_frame frames[FRAMES_MAX];
	uint32_t symbol_count, frame_count, script_count;
};

static void clear_slot(struct slot *slot)
{
	image_free(slot->image);
	free(slot->scripts);
	known_frames_free(slot->frames);
	memset(slot, 0, sizeof(*slot));
}

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
		clear_slot(&resolver->slots[i]);
	unwinder_free(resolver->unwinder);
	free(resolver);
}

/* --- processes -------------------------------------------------------------------------------- */

static void refresh(struct slot *slot)
{
	bool is_other;

	slot->refreshed_ns = clock_monotonic_ns();
	/* Of one that is gone the old state is all there is. */
	if (image_refresh(slot->image) < 0)
		return;
	is_other = image_generation(slot->image) != slot->generation;
	if (is_other) {
		known_frames_free(slot->frames);
		slot->frames = NULL;
		slot->generation = image_generation(slot->image);
	}
	if (is_other || !interpreter_is_known(&slot->interpreter))
		interpreter_detect(slot->image, &slot->interpreter);
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

static void drop_maps(struct resolver *resolver, const struct slot *kept)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < IMAGES_MAX; i++)
		if (resolver->slots[i].image && &resolver->slots[i] != kept)
			bytes += image_jit_bytes(resolver->slots[i].image);
	while (bytes > JIT_BYTES_MAX) {
		struct slot *oldest = NULL;

		for (unsigned i = 0; i < IMAGES_MAX; i++) {
			struct slot *slot = &resolver->slots[i];

			if (slot->image && slot != kept && image_jit_bytes(slot->image) > 0 &&
			    (!oldest || slot->used_at < oldest->used_at))
				oldest = slot;
		}
		bytes -= image_jit_bytes(oldest->image);
		image_drop_jit(oldest->image);
	}
}

/*
 * Processes have their turns, so the one that was used longest ago is the next to come: to drop it
 * would be to keep none of those that are too many. So one is drawn.
 */
static struct slot *make_room(struct resolver *resolver)
{
	struct slot *drawn = &resolver->slots[index_mix(resolver->run) % IMAGES_MAX];

	for (unsigned i = 0; i < IMAGES_MAX; i++)
		if (!resolver->slots[i].image)
			return &resolver->slots[i];
	clear_slot(drawn);
	return drawn;
}

static int take_slot(struct resolver *resolver, struct client_id id, struct slot **ret_slot)
{
	struct slot *slot = find_slot(resolver, id);
	struct image *image;
	int r;

	if (slot && image_is_stale(slot->image))
		refresh(slot);
	if (!slot) {
		r = image_open(resolver->proc_fd, id, &image);
		if (r < 0)
			return r;
		slot = make_room(resolver);
		slot->image = image;
		slot->refreshed_ns = clock_monotonic_ns();
		slot->gap_ns = FIRST_GAP_NS;
		slot->generation = image_generation(image);
		interpreter_detect(slot->image, &slot->interpreter);
	}
	slot->used_at = resolver->run;
	drop_maps(resolver, slot);
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

/* Those inlined at address first; of a file's code they are known from then on. */
static uint32_t look_up(struct slot *slot, uint64_t address,
			struct symbol ret_symbols[static INLINED_MAX + 1])
{
	struct symbol outer;
	uint32_t count;

	symbol_find(slot->image, address, &outer);
	count = outer.line > 0 ? symbol_find_inlined(slot->image, address, &outer, ret_symbols,
						     INLINED_MAX)
			       : 0;
	ret_symbols[count++] = outer;
	if (!outer.is_jit)
		known_frames_keep(&slot->frames, address, ret_symbols, count);
	return count;
}

static void add_native(struct resolver *resolver, struct slot *slot, uint64_t address)
{
	struct symbol found[INLINED_MAX + 1];
	const struct symbol *symbols;
	uint32_t count;

	symbols = known_frames_find(slot->frames, address, &count);
	if (!symbols) {
		count = look_up(slot, address, found);
		symbols = found;
	}
	for (uint32_t i = 0; i < count; i++)
		add_symbol(resolver, &symbols[i]);
}

static struct known_script *known_script_of(struct slot *slot, const struct script_frame *at)
{
	uint64_t hash = (at->code >> 4 ^ at->position) * 0x9e3779b97f4a7c15ULL;

	if (!slot->scripts)
		slot->scripts = calloc(SCRIPTS_MAX, sizeof(*slot->scripts));
	return slot->scripts ? &slot->scripts[hash >> 54] : NULL;
}

/* What was read of the same place before; else nothing. */
static void recall_script(struct slot *slot, const struct script_frame *at,
			  struct script_names *ret_names)
{
	const struct known_script *known = known_script_of(slot, at);

	ret_names->function[0] = '\0';
	if (known && memcmp(&known->at, at, sizeof(*at)) == 0)
		*ret_names = known->names;
}

static void keep_script(struct slot *slot, const struct script_frame *at,
			const struct script_names *names)
{
	struct known_script *known = known_script_of(slot, at);

	if (known)
		*known = (struct known_script){.at = *at, .names = *names};
}

/*
 * Before anything else: the process goes on, and may be gone when its libraries have been read. It
 * may be gone now, too, and its pid another's: then what was read may be of that one.
 */
static void read_scripts(struct resolver *resolver, struct slot *slot,
			 const struct stack_sample *sample)
{
	struct script_names read[ABI_SCRIPT_FRAMES_MAX];
	const struct script_frame *frames = sample->script_frames;
	uint32_t count = sample->script_frame_count;
	bool is_another;

	resolver->script_count = 0;
	if (count > ABI_SCRIPT_FRAMES_MAX)
		count = ABI_SCRIPT_FRAMES_MAX;
	for (uint32_t i = 0; i < count; i++)
		if (!interpreter_read_frame(&slot->interpreter, slot->image, &frames[i], &read[i]))
			read[i].function[0] = '\0';
	is_another = count > 0 && image_is_another(slot->image);
	for (uint32_t i = 0; i < count; i++) {
		if (!is_another && read[i].function[0])
			keep_script(slot, &frames[i], &read[i]);
		else
			recall_script(slot, &frames[i], &read[i]);
		if (read[i].function[0])
			resolver->scripts[resolver->script_count++] = read[i];
	}
}

static void add_scripts(struct resolver *resolver)
{
	for (uint32_t i = 0; i < resolver->script_count && resolver->frame_count < FRAMES_MAX;
	     i++) {
		const struct script_names *script = &resolver->scripts[i];

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
	return frame->module && interpreter_owns(image_runtime(slot->image), frame->module);
}

static void gather(struct resolver *resolver, struct slot *slot, const uint64_t *addresses,
		   uint32_t count)
{
	resolver->symbol_count = resolver->frame_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		add_native(resolver, slot, addresses[i]);
		if (resolver->script_count > 0 && resolver->frame_count > 0 &&
		    is_interpreter(slot, &resolver->frames[resolver->frame_count - 1]))
			break;
	}
	add_scripts(resolver);
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

/*
 * A system call comes out of libc: where not even that is mapped, the program has only begun.
 * Otherwise it may be the code of a JIT compiler, which no reading finds.
 */
static bool wants_refresh(const struct slot *slot, const uint64_t *addresses, uint32_t count)
{
	if (count > 0 && has_unmapped(slot, addresses, 1))
		return true;
	return has_unmapped(slot, addresses, count) &&
	       clock_monotonic_ns() - slot->refreshed_ns > slot->gap_ns;
}

static const char *thread_of(const struct slot *slot, const struct stack_sample *sample)
{
	const char *name = (const char *)sample->thread_comm;

	if (image_runtime(slot->image) == RUNTIME_JAVA)
		return name;
	return strncmp(name, image_comm(slot->image), COMM_SIZE) != 0 ? name : NULL;
}

static bool has_interpreter(const struct resolver *resolver, const struct slot *slot)
{
	for (uint32_t i = 0; i < resolver->frame_count; i++)
		if (is_interpreter(slot, &resolver->frames[i]))
			return true;
	return false;
}

static bool has_application(const struct resolver *resolver)
{
	for (uint32_t i = 0; i < resolver->frame_count; i++)
		if (site_rank(&resolver->frames[i]) == RANK_APPLICATION)
			return true;
	return false;
}

/* The interpreter is on the stack, and none of its program's functions: what became of them. */
static const char *why_no_script(const struct slot *slot, const struct stack_sample *sample)
{
	if (!interpreter_is_known(&slot->interpreter))
		return image_runtime(slot->image) == RUNTIME_PHP
			       ? " (not a PHP whose functions can be read)"
			       : " (not a Python whose frames can be read)";
	if (!sample->has_layout)
		return " (functions out of sight: the interpreter was not known yet)";
	if (sample->script_frame_count == 0)
		return " (no function of the interpreter was found for this thread)";
	return image_has_ended(slot->image)
		       ? " (the process ended before its functions were read)"
		       : " (its functions were gone when they were to be read)";
}

/* What a reader would miss in the line; "" = nothing. */
static const char *why_incomplete(const struct resolver *resolver, const struct slot *slot,
				  const struct stack_sample *sample)
{
	switch (image_runtime(slot->image)) {
	case RUNTIME_NODE:
		return has_application(resolver)
			       ? ""
			       : " (JavaScript out of sight: no perf map, or a callback)";
	case RUNTIME_JAVA:
		return has_application(resolver) ? "" : " (Java out of sight: no perf map)";
	case RUNTIME_PHP:
	case RUNTIME_PYTHON:
		return resolver->script_count == 0 && has_interpreter(resolver, slot)
			       ? why_no_script(slot, sample)
			       : "";
	default:
		return "";
	}
}

/* Code that stays what it is: of a file, and not one that is made to be written while it runs. */
static bool is_lasting(const struct slot *slot, const uint64_t *addresses, uint32_t count)
{
	const char *path;
	uint64_t offset;

	for (uint32_t i = 0; i < count; i++)
		if (!image_find_file(slot->image, addresses[i], &path, &offset) ||
		    !strncmp(path, "/memfd:", 7) || !strncmp(path, "/dev/", 5))
			return false;
	return true;
}

/*
 * The functions of an interpreter are not told apart by addresses of code, and one that is not
 * known yet may be at the next look.
 */
static void read_trail(const struct resolver *resolver, const struct slot *slot,
		       const struct stack_sample *sample, const uint64_t *addresses, uint32_t count,
		       struct site_answer *answer)
{
	enum image_runtime runtime = image_runtime(slot->image);

	if (sample->role != ROLE_INTRODUCE && runtime != RUNTIME_PYTHON && runtime != RUNTIME_PHP &&
	    !interpreter_is_known(&slot->interpreter) && sample->script_frame_count == 0 &&
	    is_lasting(slot, addresses, count))
		unwinder_read_trail(resolver->unwinder, sample, &answer->trail);
}

static void resolve(struct resolver *resolver, struct slot *slot, const struct stack_sample *sample,
		    struct site_answer *answer)
{
	uint64_t addresses[UNWIND_FRAMES_MAX];
	uint32_t count;
	size_t length;

	read_scripts(resolver, slot, sample);
	count = unwinder_run(resolver->unwinder, slot->image, sample, addresses);

	if (wants_refresh(slot, addresses, count)) {
		refresh(slot);
		count = unwinder_run(resolver->unwinder, slot->image, sample, addresses);
		/* In vain, as always where a JIT compiler is at work: not so soon again. */
		if (!has_unmapped(slot, addresses, count))
			slot->gap_ns = FIRST_GAP_NS;
		else if (slot->gap_ns < NS_PER_SEC)
			slot->gap_ns *= 2;
	}
	read_trail(resolver, slot, sample, addresses, count, answer);
	gather(resolver, slot, addresses, count);
	length = site_format(resolver->frames, resolver->frame_count, thread_of(slot, sample),
			     answer->site, sizeof(answer->site));
	if (length > 0)
		(void)snprintf(answer->site + length, sizeof(answer->site) - length, "%s",
			       why_incomplete(resolver, slot, sample));
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
	ret_answer->key = sample->key;
	resolver->run++;
	r = take_slot(resolver, id, &slot);
	if (r < 0) {
		(void)snprintf(ret_answer->site, sizeof(ret_answer->site), "unknown code (%s)",
			       r == -ESRCH ? "the process ended before its stack was read"
					   : "its mappings cannot be read");
		return;
	}
	if (sample->role == ROLE_INTRODUCE && !interpreter_is_known(&slot->interpreter))
		refresh(slot);
	else
		resolve(resolver, slot, sample, ret_answer);
	ret_answer->has_layout = interpreter_is_known(&slot->interpreter);
	if (!ret_answer->has_layout)
		return;
	ret_answer->layout = *interpreter_layout(&slot->interpreter);
	ret_answer->is_in_program =
		interpreter_is_at(&slot->interpreter, slot->image, sample->code_start);
}
