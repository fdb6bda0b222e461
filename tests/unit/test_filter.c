// SPDX-License-Identifier: Apache-2.0
/* The words by which pools are chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "sample_kit.h"
#include "screen/filter.h"

static const struct kit_pool pools[] = {
	{.pid = 4711,
	 .comm = "orders-api",
	 .workload = "shop/orders-7d9f/api",
	 .pod = "orders-7d9f",
	 .remote = "10.0.3.7:5432",
	 .endpoint = "Orders-DB",
	 .open = 61,
	 .stale = 12,
	 .limit = 100,
	 .severity = 3,
	 .left_s = 2340,
	 .site = "OrderRepo.save"},
	{.pid = 12,
	 .comm = "billing",
	 .remote = "10.0.3.8:3306",
	 .database = "mysql",
	 .open = 5,
	 .busy = 2},
	{.pid = 99,
	 .comm = "batch job",
	 .remote = "[2001:db8::1]:6379",
	 .database = "redis",
	 .open = 1,
	 .severity = 1},
};

#define COUNT (sizeof(pools) / sizeof(pools[0]))

/* One letter a pool that matches. */
static void matching(const char *text, char *letters)
{
	struct sample *sample = kit_sample(pools, COUNT);
	struct filter *filter = NULL;
	char error[300] = "";

	if (filter_parse(text, &filter, error, sizeof(error)))
		fail_msg("%s: %s", text, error);
	for (uint32_t i = 0; i < COUNT; i++)
		if (filter_matches(filter, &sample->rows[i]))
			*letters++ = "obj"[i];
	*letters = '\0';
	filter_free(filter);
	sample_free(sample);
}

static void matches_what_all_words_say(void **state)
{
	static const struct {
		const char *text, *letters;
	} cases[] = {
		{"", "obj"},
		{"   ", "obj"},
		{"orders", "o"},
		{"ORDERS", "o"},
		{"orders billing", ""},
		{"orders|billing", "ob"},
		{"pod:orders db:postgresql stale>5", "o"},
		{"pod:orders stale>12", ""},
		{"stale>=12", "o"},
		{"stale=12", "o"},
		{"stale!=12", "bj"},
		{"stale:12", "o"},
		{"stale<1", "bj"},
		{"open<=5", "bj"},
		{"!db:mysql", "oj"},
		{"!stale>5", "bj"},
		{"db:mysql|redis", "bj"},
		{"fill>=61%", "o"},
		{"fill<62", "o"},
		{"left<39m", ""},
		{"left<=39m", "o"},
		{"left<1h", "o"},
		{"left>0", "o"},
		{"pid:47", "o"},
		{"pid=12", "b"},
		{"pid>50 pid<100", "j"},
		{"port=3306", "b"},
		{"remote:10.0.3", "ob"},
		{"10.0.3.7:5432", "o"},
		{"2001:db8", "j"},
		{"[2001:db8::1]:6379", "j"},
		{"endpoint:orders-db", "o"},
		{"site:save", "o"},
		{"repo", "o"},
		{"verdict:leak", "oj"},
		{"verdict:suspect", "j"},
		{"verdict:none", "b"},
		{"sev:warning", "o"},
		{"none", ""},
		{"\"batch job\"", "j"},
		{"comm:\"batch job\"", "j"},
		{"\"stale>5\"", ""},
		{"comm:orders-api|batch !stale>5", "j"},
		{"busy>1.5", "b"},
		{"opens>0.4 opens<0.6", "obj"},
		{"limit>0", "o"},
	};
	char letters[COUNT + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		matching(cases[i].text, letters);
		if (strcmp(letters, cases[i].letters) != 0)
			fail_msg("'%s' matches '%s', not '%s'", cases[i].text, letters,
				 cases[i].letters);
	}
}

static void parse_what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *word, *why;
	} cases[] = {
		{"colour:red", "'colour:red'", "fields are: pid comm"},
		{"orders size>5", "'size>5'", "figures are: open busy"},
		{"comm>5", "'comm>5'", "write comm:WORD"},
		{"stale>", "'stale>'", "no number"},
		{"stale>many", "'stale>many'", "no number"},
		{"stale>5x", "'stale>5x'", "no number"},
		{"stale>0x5", "'stale>0x5'", "no number"},
		{"stale>inf", "'stale>inf'", "no number"},
		{"stale>1e999", "'stale>1e999'", "no number"},
		{"stale:lots", "'stale:lots'", "write stale>5"},
		{"pod:", "'pod:'", "nothing behind the colon"},
		{"!", "'!'", "nothing to look for"},
		{"\"\"", "'\"\"'", "nothing to look for"},
		{"colour:\033[2J", "'colour:\\x1b[2j'", "fields are"},
	};
	char error[400];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct filter *filter = NULL;

		assert_int_equal(filter_parse(cases[i].text, &filter, error, sizeof(error)),
				 -EINVAL);
		assert_null(filter);
		if (!strstr(error, cases[i].word) || !strstr(error, cases[i].why))
			fail_msg("'%s': %s", cases[i].text, error);
	}
}

static void parse_too_much_is_refused(void **state)
{
	char text[FILTER_TEXT_MAX + 1], error[400];
	struct filter *filter = NULL;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[FILTER_TEXT_MAX] = '\0';
	assert_int_equal(filter_parse(text, &filter, error, sizeof(error)), -EINVAL);
	for (size_t i = 1; i < 2 * FILTER_TERMS_MAX; i += 2)
		text[i] = ' ';
	text[2 * FILTER_TERMS_MAX] = '\0';
	assert_int_equal(filter_parse(text, &filter, error, sizeof(error)), 0);
	filter_free(filter);
	text[2 * FILTER_TERMS_MAX] = 'a';
	text[2 * FILTER_TERMS_MAX + 1] = '\0';
	assert_int_equal(filter_parse(text, &filter, error, sizeof(error)), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_what_all_words_say),
		cmocka_unit_test(parse_what_is_wrong_is_named),
		cmocka_unit_test(parse_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
