// SPDX-License-Identifier: Apache-2.0
/* Memory that is refused to tables, to the screen, and to what top is told by the agent. */
#include "no_memory_world.h"

#include <jansson.h>

#include "cli/sample_json.h"
#include "core/view.h"
#include "screen/detail.h"
#include "screen/sample_follow.h"
#include "screen/sample_take.h"
#include "screen/screen.h"

static int render(struct world *world)
{
	struct conn **conns = NULL;
	struct view *view = view_connections(true);
	size_t count = 0;
	char *text = NULL;
	int r = view ? view_collect_conns(world->table, &conns, &count) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = view_add_connection(view, world->table, conns[i], world->databases,
					100 * NS_PER_SEC);
	if (r == 0)
		text = view_render(view);
	r = text ? 0 : -ENOMEM;
	free(text);
	free(conns);
	view_free(view);
	return r;
}

static int run_view(void *userdata)
{
	return render(userdata);
}

static int press(struct browse *browse, uint32_t key)
{
	int r = browse_press(browse, key, 0);

	return r < 0 ? r : 0;
}

static int type(struct browse *browse, const char *keys)
{
	int r = 0;

	for (; *keys && r == 0; keys++)
		r = press(browse, (uint8_t)*keys);
	return r;
}

/* As a list, as a page, and as batch mode prints it. */
static int draw(struct browse *browse, const struct screen_facts *facts)
{
	struct grid grid;
	char *text;

	if (grid_init(&grid, 120, 40, true) < 0)
		return -ENOMEM;
	screen_draw(browse, facts, &grid);
	text = grid_render(&grid);
	grid_clear(&grid);
	if (!text)
		return -ENOMEM;
	free(text);
	text = screen_print(browse, facts, true);
	free(text);
	return text ? 0 : -ENOMEM;
}

static int draw_detail(struct browse *browse, const struct sample_scene *scene)
{
	struct screen_facts facts = {.source = "own probes"};
	struct detail *detail = NULL;
	int r = type(browse, "1");

	if (r == 0)
		r = press(browse, BROWSE_KEY_ENTER);
	if (r == 0)
		r = detail_take(scene, &browse->sample->rows[0], &detail);
	facts.detail = detail;
	if (r == 0)
		r = draw(browse, &facts);
	detail_free(detail);
	return r ? r : press(browse, BROWSE_KEY_ESCAPE);
}

/* Every grouping with a filter, and each twice: the second one holds the order of the first. */
static int walk(struct browse *browse, struct sample *samples[2])
{
	struct screen_facts facts = {.source = "own probes"};
	int r = 0;

	for (int group = 0; r == 0 && group <= ROWS_GROUP_COUNT; group++) {
		r = browse_show(browse, samples[0], 1);
		r = r ? r : press(browse, BROWSE_KEY_DOWN);
		r = r ? r : browse_show(browse, samples[1], 1);
		r = r ? r : draw(browse, &facts);
		r = r ? r : press(browse, BROWSE_KEY_TAB);
	}
	r = r ? r : type(browse, "/comm:orders open>0");
	r = r ? r : press(browse, BROWSE_KEY_ENTER);
	return r ? r : draw(browse, &facts);
}

static int run_screen(void *userdata)
{
	struct world *world = userdata;
	struct sample_scene scene = {
		.table = world->table,
		.detector = world->detector,
		.databases = world->databases,
		.now_ns = 395 * NS_PER_SEC,
		.with_sites = true,
	};
	struct sample *samples[2] = {NULL, NULL};
	struct browse browse;
	int r = sample_take(&scene, &samples[0]);

	browse_init(&browse, NS_PER_SEC, false);
	r = r ? r : sample_take(&scene, &samples[1]);
	r = r ? r : sample_follow(samples[1], samples[0]);
	r = r ? r : sample_add_loss(samples[1], "ring_full", 3);
	r = r ? r : walk(&browse, samples);
	r = r ? r : draw_detail(&browse, &scene);
	browse_clear(&browse);
	sample_free(samples[0]);
	sample_free(samples[1]);
	return r;
}

static char *sample_text(const struct world *world)
{
	struct sample_scene scene = {.table = world->table, .with_sites = true};
	struct sample *sample;
	char *text;

	assert_int_equal(sample_take(&scene, &sample), 0);
	text = sample_json_print(sample);
	assert_non_null(text);
	sample_free(sample);
	return text;
}

/* What top is told by the agent. */
static int run_answer(void *userdata)
{
	struct sample *sample;
	char error[256];
	int r = sample_json_decode(userdata, strlen(userdata), &sample, error, sizeof(error));

	if (r == 0)
		sample_free(sample);
	return r;
}

static void screen_with_memory_refused_neither_leaks_nor_crashes(void **state)
{
	struct world world;
	char *text;

	(void)state;
	world_init(&world);
	for (uint64_t conn = 1; conn <= 40; conn++)
		open_one(&world, (uint32_t)(7 + conn % 3), conn, (double)conn);
	assert_int_equal(world.error, 0);
	text = sample_text(&world);
	for (int for_ever = 0; for_ever <= 1; for_ever++) {
		assert_true(refused_each(run_view, &world, for_ever) > 5);
		assert_true(refused_each(run_screen, &world, for_ever) > 30);
		assert_true(refused_each(run_answer, text, for_ever) >= 3);
	}
	__real_free(text); /* the library's */
	world_clear(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(screen_with_memory_refused_neither_leaks_nor_crashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
