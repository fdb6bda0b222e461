/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports are watched and what stands behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/dbkind.h"
#include "core/format.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static int setup(void **state)
{
	*state = dbkind_new();
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	dbkind_free(*state);
	return 0;
}

static void set_ports(struct dbkind *kinds, const char *list)
{
	char error[200] = "";
	int r = dbkind_set_ports(kinds, list, error, sizeof(error));

	if (r)
		fail_msg("'%s' refused: %s", list, error);
}

static void add_endpoint(struct dbkind *kinds, const char *rule)
{
	char error[200] = "";
	int r = dbkind_add_endpoint(kinds, rule, error, sizeof(error));

	if (r)
		fail_msg("'%s' refused: %s", rule, error);
}

static const char *endpoint_of(struct dbkind *kinds, const char *remote)
{
	const struct endpoint_rule *rule;
	struct netaddr addr;

	assert_int_equal(parse_netaddr(remote, &addr), 0);
	rule = dbkind_endpoint(kinds, &addr);
	return rule ? rule->name : "none";
}

static void dbkind_new_knows_the_well_known_ports(void **state)
{
	static const struct {
		uint16_t port;
		const char *name;
	} rows[] = {
		{5432, "postgresql"},	 {6432, "pgbouncer"},  {3306, "mysql"},
		{33060, "mysql"},	 {27017, "mongodb"},   {27018, "mongodb"},
		{27019, "mongodb"},	 {6379, "redis"},      {6380, "redis"},
		{11211, "memcached"},	 {1433, "sqlserver"},  {1521, "oracle"},
		{2484, "oracle"},	 {9042, "cassandra"},  {26257, "cockroachdb"},
		{9000, "clickhouse"},	 {9440, "clickhouse"}, {8123, "clickhouse"},
		{9200, "elasticsearch"}, {7687, "neo4j"},      {50000, "db2"},
		{2379, "etcd"},		 {8086, "influxdb"},   {4000, "tidb"},
		{5433, "yugabytedb"},
	};
	unsigned int watched = 0;

	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_true(dbkind_is_watched(*state, rows[i].port));
		assert_string_equal(dbkind_name(*state, rows[i].port), rows[i].name);
	}
	for (unsigned int port = 0; port <= UINT16_MAX; port++)
		watched += dbkind_is_watched(*state, (uint16_t)port);
	assert_int_equal(watched, COUNT(rows));
	assert_null(dbkind_name(*state, 80));
}

static void dbkind_set_ports_list_replaces_the_default(void **state)
{
	set_ports(*state, "5432,6000-6002,orders=7000,shard=7100-7101,65535,1");
	assert_string_equal(dbkind_name(*state, 5432), "postgresql");
	assert_true(dbkind_is_watched(*state, 6000));
	assert_true(dbkind_is_watched(*state, 6002));
	assert_null(dbkind_name(*state, 6001));
	assert_string_equal(dbkind_name(*state, 7000), "orders");
	assert_string_equal(dbkind_name(*state, 7101), "shard");
	assert_true(dbkind_is_watched(*state, 65535));
	assert_true(dbkind_is_watched(*state, 1));
	assert_false(dbkind_is_watched(*state, 3306));
	assert_false(dbkind_is_watched(*state, 5999));
	assert_false(dbkind_is_watched(*state, 6003));
}

static void dbkind_set_ports_given_name_beats_the_well_known(void **state)
{
	set_ports(*state, "orders=5432");
	assert_string_equal(dbkind_name(*state, 5432), "orders");
}

static void dbkind_set_ports_all_ports_are_watched_but_zero(void **state)
{
	set_ports(*state, "1-65535");
	assert_true(dbkind_is_watched(*state, 65535));
	assert_false(dbkind_is_watched(*state, 0));
	assert_string_equal(dbkind_name(*state, 3306), "mysql");
}

static void dbkind_set_ports_bad_list_is_refused_and_named(void **state)
{
	static const struct {
		const char *list, *error;
	} rows[] = {
		{"", "port '': the list is empty"},
		{"0", "port '0': not in 1-65535"},
		{"65536", "port '65536': not in 1-65535"},
		{"5432,70000", "port '70000': not in 1-65535"},
		{"99999999999999999999999", "port '99999999999999999999999': not in 1-65535"},
		{"5432-", "port '5432-': its end is not in 1-65535"},
		{"-1", "port '-1': not in 1-65535"},
		{"6000-5000", "port '6000-5000': ends before it begins"},
		{"6000-70000", "port '6000-70000': its end is not in 1-65535"},
		{"1-2-3", "port '1-2-3': its end is not in 1-65535"},
		{"5432,,", "port '': an item of the list is empty"},
		{"5432,", "port '': an item of the list is empty"},
		{"5432,5432", "port '5432': given twice"},
		{"6000-6010,6005-6020", "port '6005-6020': overlaps another item"},
		{"5432 ", "port '5432 ': not in 1-65535"},
		{"5432x", "port '5432x': not in 1-65535"},
		{"05432", "port '05432': not in 1-65535"},
		{"=5432", NULL},
		{"1st=5432", NULL},
		{"or ders=5432", NULL},
		{"orders=", NULL},
		{"orders=5432=5433", NULL},
		{"\x1b[2J", "port '\\x1b[2J': not in 1-65535"},
	};
	char error[200];

	for (size_t i = 0; i < COUNT(rows); i++) {
		error[0] = '\0';
		assert_int_equal(dbkind_set_ports(*state, rows[i].list, error, sizeof(error)),
				 -EINVAL);
		assert_true(error[0]);
		if (rows[i].error)
			assert_string_equal(error, rows[i].error);
		assert_string_equal(dbkind_name(*state, 5432), "postgresql");
		assert_true(dbkind_is_watched(*state, 3306));
		assert_false(dbkind_is_watched(*state, 6000));
	}
}

static void dbkind_set_ports_tiny_error_buffer_is_not_overrun(void **state)
{
	char error[8] = "xxxxxxx";

	assert_int_equal(dbkind_set_ports(*state, "65536", error, 4), -EINVAL);
	assert_string_equal(error, "por");
	assert_int_equal(error[4], 'x');
}

static void dbkind_port_bitmap_has_a_bit_for_each_watched_port(void **state)
{
	static uint8_t bitmap[8192];
	unsigned int bits = 0;

	set_ports(*state, "8,65535,17-18");
	memset(bitmap, 0xff, sizeof(bitmap));
	dbkind_port_bitmap(*state, bitmap);
	assert_int_equal(bitmap[1], 1 << 0);
	assert_int_equal(bitmap[2], 1 << 1 | 1 << 2);
	assert_int_equal(bitmap[8191], 1 << 7);
	for (size_t i = 0; i < sizeof(bitmap); i++)
		bits += (unsigned int)__builtin_popcount(bitmap[i]);
	assert_int_equal(bits, 4);
}

static void dbkind_one_way_bitmap_has_mysql_and_redis(void **state)
{
	static uint8_t bitmap[8192];
	unsigned int bits = 0;

	set_ports(*state, "3306,5432,6379,mysql=6033,orders=7000,8000");
	memset(bitmap, 0xff, sizeof(bitmap));
	dbkind_one_way_bitmap(*state, bitmap);
	assert_int_equal(bitmap[3306 / 8], 1 << 3306 % 8);
	assert_int_equal(bitmap[6033 / 8], 1 << 6033 % 8);
	assert_int_equal(bitmap[6379 / 8], 1 << 6379 % 8);
	for (size_t i = 0; i < sizeof(bitmap); i++)
		bits += (unsigned int)__builtin_popcount(bitmap[i]);
	assert_int_equal(bits, 3);
}

static void dbkind_add_endpoint_most_specific_rule_wins(void **state)
{
	add_endpoint(*state, "any=0.0.0.0/0");
	add_endpoint(*state, "net=10.0.0.0/8");
	add_endpoint(*state, "netpg=10.0.0.0/8:5432");
	add_endpoint(*state, "host=10.0.3.7");
	add_endpoint(*state, "hostpg=10.0.3.7:5432,limit=100");
	add_endpoint(*state, "six=2001:db8::/32");
	add_endpoint(*state, "sixpg=[2001:db8::1]:5432");
	add_endpoint(*state, "sixmy=[2001:db8::]/48:3306");
	assert_string_equal(endpoint_of(*state, "10.0.3.7:5432"), "hostpg");
	assert_string_equal(endpoint_of(*state, "10.0.3.7:3306"), "host");
	assert_string_equal(endpoint_of(*state, "10.0.3.8:5432"), "netpg");
	assert_string_equal(endpoint_of(*state, "10.255.3.8:3306"), "net");
	assert_string_equal(endpoint_of(*state, "11.0.0.1:3306"), "any");
	assert_string_equal(endpoint_of(*state, "[2001:db8::1]:5432"), "sixpg");
	assert_string_equal(endpoint_of(*state, "[2001:db8::2]:3306"), "sixmy");
	assert_string_equal(endpoint_of(*state, "[2001:db8:1::2]:3306"), "six");
	assert_string_equal(endpoint_of(*state, "[2001:db9::2]:3306"), "none");
}

static void dbkind_add_endpoint_odd_prefix_compares_bits(void **state)
{
	add_endpoint(*state, "odd=10.0.3.7/29");
	assert_string_equal(endpoint_of(*state, "10.0.3.0:5432"), "odd");
	assert_string_equal(endpoint_of(*state, "10.0.3.7:5432"), "odd");
	assert_string_equal(endpoint_of(*state, "10.0.3.8:5432"), "none");
	assert_string_equal(endpoint_of(*state, "10.0.2.255:5432"), "none");
}

static void dbkind_add_endpoint_limit_is_kept(void **state)
{
	struct netaddr addr;

	add_endpoint(*state, "pg=10.0.3.7:5432,limit=100");
	assert_int_equal(parse_netaddr("10.0.3.7:5432", &addr), 0);
	assert_int_equal(dbkind_endpoint(*state, &addr)->limit, 100);
	assert_int_equal(dbkind_endpoint(*state, &addr)->prefix_bits, 128);
	assert_int_equal(dbkind_endpoint(*state, &addr)->port, 5432);
}

static void dbkind_add_endpoint_new_port_becomes_watched(void **state)
{
	assert_false(dbkind_is_watched(*state, 7000));
	add_endpoint(*state, "orders=10.0.3.7:7000");
	add_endpoint(*state, "other=10.0.3.7:5432");
	assert_string_equal(dbkind_name(*state, 7000), "orders");
	assert_string_equal(dbkind_name(*state, 5432), "postgresql");
}

static void dbkind_set_ports_ports_of_endpoints_stay_watched(void **state)
{
	add_endpoint(*state, "orders=10.0.3.7:7000");
	set_ports(*state, "5432");
	assert_string_equal(dbkind_name(*state, 7000), "orders");
	assert_false(dbkind_is_watched(*state, 3306));
	set_ports(*state, "stock=7000");
	assert_string_equal(dbkind_name(*state, 7000), "stock");
}

static void dbkind_add_endpoint_bad_rule_is_refused_and_named(void **state)
{
	static const struct {
		const char *rule, *named;
	} rows[] = {
		{"", "''"},
		{"pg", "'pg'"},
		{"=10.0.0.1", "''"},
		{"p g=10.0.0.1", "'p g'"},
		{"pg=", "''"},
		{"pg=db.example", "'db.example'"},
		{"pg=10.0.0", "'10.0.0'"},
		{"pg=10.0.0.1/33", "'33'"},
		{"pg=10.0.0.1/", "''"},
		{"pg=10.0.0.1/24/8", "'24/8'"},
		{"pg=10.0.0.1:0", "'0'"},
		{"pg=10.0.0.1:65536", "'65536'"},
		{"pg=10.0.0.1:5432:1", "'10.0.0.1:5432:1'"},
		{"pg=10.0.0.1:", "''"},
		{"pg=2001:db8::/129", "'129'"},
		{"pg=2001:db8::/64:5432", "brackets"},
		{"pg=[2001:db8::1:5432", "']'"},
		{"pg=[10.0.0.1]:5432", "'10.0.0.1'"},
		{"pg=[::1]5432", "'[::1]5432'"},
		{"pg=10.0.0.1,limit=0", "'0'"},
		{"pg=10.0.0.1,limit=-1", "'-1'"},
		{"pg=10.0.0.1,limit=", "''"},
		{"pg=10.0.0.1,limit=1000000001", "'1000000001'"},
		{"pg=10.0.0.1,limit=1,limit=2", "'1,limit=2'"},
		{"pg=10.0.0.1,", "''"},
		{"pg=10.0.0.1,max=1", "'max=1'"},
	};
	char error[200];

	for (size_t i = 0; i < COUNT(rows); i++) {
		error[0] = '\0';
		assert_int_equal(dbkind_add_endpoint(*state, rows[i].rule, error, sizeof(error)),
				 -EINVAL);
		if (!strstr(error, rows[i].named))
			fail_msg("'%s': error '%s' does not name %s", rows[i].rule, error,
				 rows[i].named);
	}
	assert_string_equal(endpoint_of(*state, "10.0.0.1:5432"), "none");
}

static void dbkind_add_endpoint_same_address_twice_is_refused(void **state)
{
	char error[200];

	add_endpoint(*state, "a=10.0.3.7/24");
	assert_int_equal(dbkind_add_endpoint(*state, "b=10.0.3.0/24", error, sizeof(error)),
			 -EINVAL);
	add_endpoint(*state, "c=10.0.3.0/24:5432");
	assert_string_equal(endpoint_of(*state, "10.0.3.9:5432"), "c");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(dbkind_new_knows_the_well_known_ports),
		TEST(dbkind_set_ports_list_replaces_the_default),
		TEST(dbkind_set_ports_given_name_beats_the_well_known),
		TEST(dbkind_set_ports_all_ports_are_watched_but_zero),
		TEST(dbkind_set_ports_bad_list_is_refused_and_named),
		TEST(dbkind_set_ports_tiny_error_buffer_is_not_overrun),
		TEST(dbkind_port_bitmap_has_a_bit_for_each_watched_port),
		TEST(dbkind_one_way_bitmap_has_mysql_and_redis),
		TEST(dbkind_add_endpoint_most_specific_rule_wins),
		TEST(dbkind_add_endpoint_odd_prefix_compares_bits),
		TEST(dbkind_add_endpoint_limit_is_kept),
		TEST(dbkind_add_endpoint_new_port_becomes_watched),
		TEST(dbkind_set_ports_ports_of_endpoints_stay_watched),
		TEST(dbkind_add_endpoint_bad_rule_is_refused_and_named),
		TEST(dbkind_add_endpoint_same_address_twice_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
