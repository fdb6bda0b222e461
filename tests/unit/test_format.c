/* SPDX-License-Identifier: Apache-2.0 */
/* How figures, addresses and foreign names look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "core/format.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void format_duration_each_range_uses_its_unit(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} rows[] = {
		{0, "0 s"},
		{1, "1 ns"},
		{999, "999 ns"},
		{1000, "1 us"},
		{1500, "1.5 us"},
		{250 * NS_PER_US, "250 us"},
		{999499, "999 us"},
		{999500, "1 ms"},
		{1100 * NS_PER_US, "1.1 ms"},
		{99 * NS_PER_MS, "99 ms"},
		{250 * NS_PER_MS, "0.25 s"},
		{800 * NS_PER_MS, "0.8 s"},
		{994 * NS_PER_MS, "0.99 s"},
		{996 * NS_PER_MS, "1 s"},
		{3400 * NS_PER_MS, "3.4 s"},
		{9949 * NS_PER_MS, "9.9 s"},
		{9950 * NS_PER_MS, "10 s"},
		{12 * NS_PER_SEC, "12 s"},
		{119 * NS_PER_SEC, "119 s"},
		{120 * NS_PER_SEC, "2 min"},
		{150 * NS_PER_SEC, "2.5 min"},
		{39 * 60 * NS_PER_SEC, "39 min"},
		{3 * 3600 * NS_PER_SEC, "3 h"},
		{48 * 3600 * NS_PER_SEC, "2 d"},
		{UINT64_MAX, "213504 d"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(format_duration(rows[i].ns, text, sizeof(text)), rows[i].text);
}

static void format_bytes_each_range_uses_its_unit(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{512, "512 B"},
		{999, "999 B"},
		{1000, "1 kB"},
		{3400, "3.4 kB"},
		{999499, "999 kB"},
		{999500, "1 MB"},
		{12000000, "12 MB"},
		{5500000000ULL, "5.5 GB"},
		{UINT64_MAX, "18 EB"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(format_bytes(rows[i].bytes, text, sizeof(text)), rows[i].text);
}

static void format_netaddr_of_what_was_parsed_is_the_same_text(void **state)
{
	static const char *const texts[] = {
		"10.0.3.7:5432",      "0.0.0.0:1",  "255.255.255.255:65535",
		"[2001:db8::1]:5432", "[::1]:3306", "[::]:1",
	};
	struct netaddr addr;
	char text[ADDR_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(parse_netaddr(texts[i], &addr), 0);
		assert_string_equal(format_netaddr(&addr, text, sizeof(text)), texts[i]);
	}
}

static void format_netaddr_longest_address_fits(void **state)
{
	struct netaddr addr = {.port = 65535};
	char text[ADDR_TEXT_SIZE];

	(void)state;
	memset(addr.ip, 0xff, sizeof(addr.ip));
	assert_string_equal(format_netaddr(&addr, text, sizeof(text)),
			    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static void parse_netaddr_mapped_ipv4_is_plain_ipv4(void **state)
{
	struct netaddr mapped, plain;

	(void)state;
	assert_int_equal(parse_netaddr("[::ffff:10.0.3.7]:5432", &mapped), 0);
	assert_int_equal(parse_netaddr("10.0.3.7:5432", &plain), 0);
	assert_memory_equal(mapped.ip, plain.ip, sizeof(plain.ip));
	assert_int_equal(plain.ip[10], 0xff);
	assert_int_equal(plain.ip[15], 7);
	assert_int_equal(plain.port, 5432);
}

static void parse_netaddr_malformed_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"10.0.3.7",
		"10.0.3.7:",
		"10.0.3.7:0",
		"10.0.3.7:65536",
		"10.0.3.7:99999999999999999999",
		"10.0.3.7:05432",
		"10.0.3.7:+5432",
		"10.0.3.7: 5432",
		"10.0.3.7:5432 ",
		"10.0.3.7:54x",
		"10.0.3:5432",
		"10.0.3.256:5432",
		"010.0.3.7:5432",
		"localhost:5432",
		"[10.0.3.7]:5432",
		"2001:db8::1:5432",
		"[2001:db8::1]",
		"[2001:db8::1:5432",
		"[]:5432",
		"[:5432",
		"[fe80::1%eth0]:5432",
		"[2001:db8::1]x:5432",
		"[[::1]]:5432",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:1",
	};
	struct netaddr addr = {.port = 7};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(parse_netaddr(texts[i], &addr), -EINVAL);
		assert_int_equal(addr.port, 7);
	}
}

static void parse_ip_with_port_or_name_is_refused(void **state)
{
	uint8_t ip[16];

	(void)state;
	assert_int_equal(parse_ip("10.0.0.1", ip), 0);
	assert_int_equal(parse_ip("2001:db8::1", ip), 0);
	assert_int_equal(parse_ip("10.0.0.1:1", ip), -EINVAL);
	assert_int_equal(parse_ip("[::1]", ip), -EINVAL);
	assert_int_equal(parse_ip("db", ip), -EINVAL);
}

static void format_safe_dangerous_characters_are_escaped(void **state)
{
	static const struct {
		const char *raw, *safe;
	} rows[] = {
		{"orders-api", "orders-api"},
		{"caf\xc3\xa9 \xf0\x9f\x90\x98", "caf\xc3\xa9 \xf0\x9f\x90\x98"},
		{"a\x1b[2Jb", "a\\x1b[2Jb"},
		{"a\r\nb\tc\x7f", "a\\x0d\\x0ab\\x09c\\x7f"},
		{"a\\x1b", "a\\x5cx1b"},
		{"\xff\xc3", "\\xff\\xc3"},
		{"\xc0\xaf", "\\xc0\\xaf"}, /* overlong */
		{"\xe0\x80\xaf", "\\xe0\\x80\\xaf"}, /* overlong */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* surrogate */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond Unicode */
		{"\xc2\x9b", "\\xc2\\x9b"}, /* CSI of C1 */
		{"\xd8\x9c", "\\xd8\\x9c"}, /* U+061C */
		{"\xe2\x80\xae", "\\xe2\\x80\\xae"}, /* U+202E: right to left override */
		{"\xe2\x80\xa7", "\xe2\x80\xa7"}, /* U+2027, a neighbour */
		{"\xe2\x80\xaf", "\xe2\x80\xaf"}, /* U+202F, a neighbour */
		{"\xe2\x81\xa6", "\\xe2\\x81\\xa6"}, /* U+2066 */
		{"\xef\xbb\xbf", "\\xef\\xbb\\xbf"}, /* U+FEFF */
		{"\xef\xbf\xbf", "\\xef\\xbf\\xbf"}, /* U+FFFF: in no XML file */
		{"\xef\xbf\xbd", "\xef\xbf\xbd"}, /* U+FFFD, a neighbour */
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(format_safe(rows[i].raw, SIZE_MAX, text, sizeof(text)),
				    rows[i].safe);
}

static void format_safe_small_buffer_ends_at_a_whole_character(void **state)
{
	char text[8];

	(void)state;
	assert_string_equal(format_safe("ab\x1b", SIZE_MAX, text, 6), "ab");
	assert_string_equal(format_safe("ab\x1b", SIZE_MAX, text, 7), "ab\\x1b");
	assert_string_equal(format_safe("abc\xc3\xa9", SIZE_MAX, text, 5), "abc");
	assert_string_equal(format_safe("abc\xc3\xa9", SIZE_MAX, text, 6), "abc\xc3\xa9");
	assert_string_equal(format_safe("a", SIZE_MAX, text, 1), "");
	text[0] = 'x';
	(void)format_safe("a", SIZE_MAX, text, 0);
	assert_int_equal(text[0], 'x');
}

static void format_safe_sequence_cut_by_max_is_escaped(void **state)
{
	char text[16];

	(void)state;
	assert_string_equal(format_safe("\xc3\xa9", 1, text, sizeof(text)), "\\xc3");
}

static void format_comm_without_nul_stops_after_16_bytes(void **state)
{
	const char comm[COMM_SIZE] = {'0', '1', '2', '3', '4', '5', '6', '7',
				      '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'};
	char text[64];

	(void)state;
	assert_string_equal(format_comm(comm, text, sizeof(text)), "0123456789abcdef");
}

static void format_utf8_invalid_bytes_become_replacement_characters(void **state)
{
	char text[16];

	(void)state;
	assert_string_equal(format_utf8("a\xff\xc3\xa9\n", SIZE_MAX, text, sizeof(text)),
			    "a\xef\xbf\xbd\xc3\xa9\n");
	assert_string_equal(format_utf8("ab\xff", SIZE_MAX, text, 5), "ab");
	assert_string_equal(format_utf8("ab\xff", SIZE_MAX, text, 6), "ab\xef\xbf\xbd");
}

static void format_clock_with_and_without_wall_clock(void **state)
{
	char text[32];

	(void)state;
	assert_string_equal(format_clock(830 * NS_PER_SEC, 0, text, sizeof(text)), "t=830 s");
	/* 1970-01-02 14:01:50 at t = 0 */
	assert_string_equal(format_clock(10 * NS_PER_SEC,
					 (int64_t)((86400 + 14 * 3600 + 110) * NS_PER_SEC), text,
					 sizeof(text)),
			    "14:02");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_duration_each_range_uses_its_unit),
		cmocka_unit_test(format_bytes_each_range_uses_its_unit),
		cmocka_unit_test(format_netaddr_of_what_was_parsed_is_the_same_text),
		cmocka_unit_test(format_netaddr_longest_address_fits),
		cmocka_unit_test(parse_netaddr_mapped_ipv4_is_plain_ipv4),
		cmocka_unit_test(parse_netaddr_malformed_text_is_refused),
		cmocka_unit_test(parse_ip_with_port_or_name_is_refused),
		cmocka_unit_test(format_safe_dangerous_characters_are_escaped),
		cmocka_unit_test(format_safe_small_buffer_ends_at_a_whole_character),
		cmocka_unit_test(format_safe_sequence_cut_by_max_is_escaped),
		cmocka_unit_test(format_comm_without_nul_stops_after_16_bytes),
		cmocka_unit_test(format_utf8_invalid_bytes_become_replacement_characters),
		cmocka_unit_test(format_clock_with_and_without_wall_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
