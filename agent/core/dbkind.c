/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection is watched because of its remote port; this is the one place that knows which
 * ports those are, what they mean, and what the operator calls the servers behind them.
 *
 * Invariant: slot[port] is 0 where the port is not watched, else an index into names (1 is the
 * name nobody has given). A list is parsed into a second map and takes the place of the first
 * only as a whole. Rules are kept most specific first, so the first that matches is the answer.
 *
 * It does not resolve host names and does not look at the traffic: a MySQL server on 5432 is
 * called postgresql until the operator says otherwise.
 */
#include "dbkind.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

#define PORT_COUNT 65536
#define RULE_MAX 1024 /* looked through one by one, once a pool */
#define NAME_MAX_COUNT 4096 /* of one port list */
#define LIMIT_MAX 1000000000ULL
#define NAME_SIZE 64
#define SHOWN_SIZE 44 /* of an offending value */

enum { SLOT_UNWATCHED, SLOT_UNNAMED, SLOT_FIRST_NAME };

static const struct {
	uint16_t port;
	const char *name;
} well_known[] = {
	{5432, "postgresql"}, {6432, "pgbouncer"},  {3306, "mysql"},	     {33060, "mysql"},
	{27017, "mongodb"},   {27018, "mongodb"},   {27019, "mongodb"},	     {6379, "redis"},
	{6380, "redis"},      {11211, "memcached"}, {1433, "sqlserver"},     {1521, "oracle"},
	{2484, "oracle"},     {9042, "cassandra"},  {26257, "cockroachdb"},  {9000, "clickhouse"},
	{9440, "clickhouse"}, {8123, "clickhouse"}, {9200, "elasticsearch"}, {7687, "neo4j"},
	{50000, "db2"},	      {2379, "etcd"},	    {8086, "influxdb"},	     {4000, "tidb"},
	{5433, "yugabytedb"},
};

#define WELL_KNOWN_COUNT (sizeof(well_known) / sizeof(well_known[0]))

struct port_map {
	uint16_t slot[PORT_COUNT];
	char **names; /* owned; slot - SLOT_FIRST_NAME */
	uint32_t name_count;
};

struct dbkind {
	struct port_map *map; /* owned */
	struct endpoint_rule *rules; /* owned */
	uint32_t rule_count;
};

/* Where the one sentence about a bad value goes. */
struct sentence {
	char *text;
	size_t size;
};

static int refuse(const struct sentence *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int refuse(const struct sentence *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error->text, error->size, format, args);
	va_end(args);
	return -EINVAL;
}

static int refuse_item(const struct sentence *error, const char *what, const char *item,
		       size_t length, const char *why)
{
	char shown[SHOWN_SIZE];

	return refuse(error, "%s '%s': %s", what, format_safe(item, length, shown, sizeof(shown)),
		      why);
}

static void port_map_free(struct port_map *map)
{
	if (!map)
		return;
	for (uint32_t i = 0; i < map->name_count; i++)
		free(map->names[i]);
	free(map->names);
	free(map);
}

/* Returns the slot of a name, adding it where it is new; 0 when out of memory. */
static uint16_t port_map_add_name(struct port_map *map, const char *name)
{
	char **names;

	for (uint32_t i = map->name_count; i > 0; i--)
		if (!strcmp(map->names[i - 1], name))
			return (uint16_t)(SLOT_FIRST_NAME + i - 1);
	names = realloc(map->names, (map->name_count + 1) * sizeof(*names));
	if (!names)
		return 0;
	map->names = names;
	names[map->name_count] = strdup(name);
	if (!names[map->name_count])
		return 0;
	return (uint16_t)(SLOT_FIRST_NAME + map->name_count++);
}

static const char *well_known_name(uint16_t port)
{
	for (size_t i = 0; i < WELL_KNOWN_COUNT; i++)
		if (well_known[i].port == port)
			return well_known[i].name;
	return NULL;
}

/* name NULL: the well-known one, if there is one. */
static int port_map_watch(struct port_map *map, uint16_t port, const char *name)
{
	uint16_t slot = SLOT_UNNAMED;

	if (!name)
		name = well_known_name(port);
	if (name) {
		slot = port_map_add_name(map, name);
		if (!slot)
			return -ENOMEM;
	}
	map->slot[port] = slot;
	return 0;
}

struct dbkind *dbkind_new(void)
{
	struct dbkind *kinds = calloc(1, sizeof(*kinds));

	if (!kinds)
		return NULL;
	kinds->map = calloc(1, sizeof(*kinds->map));
	if (!kinds->map) {
		dbkind_free(kinds);
		return NULL;
	}
	for (size_t i = 0; i < WELL_KNOWN_COUNT; i++) {
		if (port_map_watch(kinds->map, well_known[i].port, well_known[i].name)) {
			dbkind_free(kinds);
			return NULL;
		}
	}
	return kinds;
}

void dbkind_free(struct dbkind *kinds)
{
	if (!kinds)
		return;
	port_map_free(kinds->map);
	free(kinds->rules);
	free(kinds);
}

/* Digits only, no leading zero, at most high. Returns 0 or -EINVAL. */
static int parse_number(const char *text, size_t length, uint64_t high, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!length || (text[0] == '0' && length > 1))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		number = number * 10 + (uint64_t)(text[i] - '0');
		if (number > high)
			return -EINVAL;
	}
	*ret_number = number;
	return 0;
}

static int parse_port(const char *text, size_t length, uint16_t *ret_port)
{
	uint64_t port;

	if (parse_number(text, length, UINT16_MAX, &port) || !port)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

/* A name is a label of metrics and a word of verdicts: letters, digits and ._/- after a letter. */
static int parse_name(const char *text, size_t length, char ret_name[static NAME_SIZE])
{
	if (!length || length >= NAME_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool other = (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '/' || c == '-';

		if (!letter && !(other && i))
			return -EINVAL;
	}
	memcpy(ret_name, text, length);
	ret_name[length] = '\0';
	return 0;
}

#define NAME_RULE "not a name (up to 63 letters, digits and ._/- after a letter)"

/* "5432", "6000-6010" */
static int parse_ports(const char *text, size_t length, const struct sentence *error,
		       uint16_t *ret_low, uint16_t *ret_high)
{
	const char *dash = memchr(text, '-', length);
	size_t low_length = dash ? (size_t)(dash - text) : length;

	if (!length)
		return refuse(error, "port '': an item of the list is empty");
	if (parse_port(text, low_length, ret_low))
		return refuse_item(error, "port", text, length, "not in 1-65535");
	*ret_high = *ret_low;
	if (!dash)
		return 0;
	if (parse_port(dash + 1, length - low_length - 1, ret_high))
		return refuse_item(error, "port", text, length, "its end is not in 1-65535");
	if (*ret_high < *ret_low)
		return refuse_item(error, "port", text, length, "ends before it begins");
	return 0;
}

static int port_map_add_item(struct port_map *map, const char *item, size_t length,
			     const struct sentence *error)
{
	const char *equals = memchr(item, '=', length);
	const char *ports = equals ? equals + 1 : item;
	char name[NAME_SIZE];
	uint16_t low = 0, high = 0;
	int r;

	if (equals && parse_name(item, (size_t)(equals - item), name))
		return refuse_item(error, "port", item, length, NAME_RULE);
	if (equals && map->name_count >= NAME_MAX_COUNT)
		return refuse(error, "port list: more than %d names", NAME_MAX_COUNT);
	r = parse_ports(ports, length - (size_t)(ports - item), error, &low, &high);
	if (r)
		return r;
	for (uint32_t port = low; port <= high; port++) {
		if (map->slot[port])
			return refuse_item(error, "port", item, length,
					   low == high ? "given twice" : "overlaps another item");
		r = port_map_watch(map, (uint16_t)port, equals ? name : NULL);
		if (r)
			return r;
	}
	return 0;
}

static int port_map_add_list(struct port_map *map, const char *list, const struct sentence *error)
{
	if (!*list)
		return refuse(error, "port '': the list is empty");
	for (;;) {
		size_t length = strcspn(list, ",");
		int r = port_map_add_item(map, list, length, error);

		if (r)
			return r;
		if (!list[length])
			return 0;
		list += length + 1;
	}
}

int dbkind_set_ports(struct dbkind *kinds, const char *list, char *ret_error, size_t error_size)
{
	struct sentence error = {ret_error, error_size};
	struct port_map *map = calloc(1, sizeof(*map));
	int r;

	if (!map)
		return -ENOMEM;
	r = port_map_add_list(map, list, &error);
	for (uint32_t i = 0; !r && i < kinds->rule_count; i++) {
		const struct endpoint_rule *rule = &kinds->rules[i];

		if (rule->port && !map->slot[rule->port])
			r = port_map_watch(map, rule->port,
					   well_known_name(rule->port) ? NULL : rule->name);
	}
	if (r) {
		port_map_free(map);
		return r;
	}
	port_map_free(kinds->map);
	kinds->map = map;
	return 0;
}

/* "ADDR[/LEN][:PORT]" taken apart, not yet understood. */
struct address_parts {
	const char *ip, *prefix, *port; /* NULL = not given */
	size_t ip_length, prefix_length, port_length;
	bool bracketed;
};

static int split_address(const char *text, size_t length, const struct sentence *error,
			 struct address_parts *ret_parts)
{
	struct address_parts parts = {.ip = text};
	const char *end = text + length, *rest, *first = memchr(text, ':', length);
	bool many = first && memchr(first + 1, ':', (size_t)(end - first - 1));

	if (length && *text == '[') {
		rest = memchr(text, ']', length);
		if (!rest)
			return refuse_item(error, "endpoint address", text, length,
					   "']' is missing");
		parts.bracketed = true;
		parts.ip++;
		parts.ip_length = (size_t)(rest++ - parts.ip);
	} else {
		/* Without brackets the colons of an IPv6 address are its own. */
		for (rest = text; rest < end && *rest != '/' && (many || *rest != ':'); rest++)
			;
		parts.ip_length = (size_t)(rest - text);
	}
	if (rest < end && *rest == '/') {
		parts.prefix = ++rest;
		while (rest < end && *rest != ':')
			rest++;
		parts.prefix_length = (size_t)(rest - parts.prefix);
	}
	if (rest < end && *rest == ':') {
		if (many && !parts.bracketed)
			return refuse_item(error, "endpoint address", text, length,
					   "IPv6 needs brackets when a port follows");
		parts.port = rest + 1;
		parts.port_length = (size_t)(end - parts.port);
		rest = end;
	}
	if (rest != end)
		return refuse_item(error, "endpoint address", text, length,
				   "not ADDR[/LEN][:PORT]");
	*ret_parts = parts;
	return 0;
}

/* Bits behind the prefix are no part of the rule: "10.0.3.7/24" is 10.0.3.0/24. */
static void mask_ip(uint8_t ip[static 16], uint8_t prefix_bits)
{
	for (unsigned int bit = prefix_bits; bit < 128; bit++)
		ip[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

static int parse_address(const char *text, size_t length, const struct sentence *error,
			 struct endpoint_rule *rule)
{
	struct address_parts parts = {.ip = text};
	char ip[SHOWN_SIZE + 8];
	uint64_t bits;
	bool v4;

	if (split_address(text, length, error, &parts))
		return -EINVAL;
	if (parts.ip_length < sizeof(ip)) {
		memcpy(ip, parts.ip, parts.ip_length);
		ip[parts.ip_length] = '\0';
	}
	if (parts.ip_length >= sizeof(ip) || parse_ip(ip, rule->ip) ||
	    (parts.bracketed && !strchr(ip, ':')))
		return refuse_item(error, "endpoint address", parts.ip, parts.ip_length,
				   "not an IPv4 or IPv6 address");
	v4 = !strchr(ip, ':');
	rule->prefix_bits = 128;
	if (parts.prefix) {
		if (parse_number(parts.prefix, parts.prefix_length, v4 ? 32 : 128, &bits))
			return refuse_item(error, "endpoint prefix length", parts.prefix,
					   parts.prefix_length,
					   v4 ? "not in 0-32" : "not in 0-128");
		rule->prefix_bits = (uint8_t)(bits + (v4 ? 96 : 0));
	}
	if (parts.port && parse_port(parts.port, parts.port_length, &rule->port))
		return refuse_item(error, "endpoint port", parts.port, parts.port_length,
				   "not in 1-65535");
	mask_ip(rule->ip, rule->prefix_bits);
	return 0;
}

static int parse_rule(const char *text, const struct sentence *error,
		      struct endpoint_rule *ret_rule)
{
	static const char limit[] = "limit=";
	struct endpoint_rule rule = {.port = 0};
	const char *address = strchr(text, '=');
	size_t length;

	if (!address)
		return refuse_item(error, "endpoint", text, strlen(text),
				   "not NAME=ADDR[/LEN][:PORT][,limit=N]");
	if (parse_name(text, (size_t)(address - text), rule.name))
		return refuse_item(error, "endpoint", text, (size_t)(address - text), NAME_RULE);
	address++;
	length = strcspn(address, ",");
	if (parse_address(address, length, error, &rule))
		return -EINVAL;
	if (address[length]) {
		const char *option = address + length + 1;
		size_t skip = sizeof(limit) - 1;

		if (strncmp(option, limit, skip))
			return refuse_item(error, "endpoint option", option, strlen(option),
					   "not limit=N");
		option += skip;
		if (parse_number(option, strlen(option), LIMIT_MAX, &rule.limit) || !rule.limit)
			return refuse_item(error, "endpoint limit", option, strlen(option),
					   "not in 1-1000000000");
	}
	*ret_rule = rule;
	return 0;
}

/* Longest prefix first; of equal ones, a rule for one port before one for all. */
static bool is_more_specific(const struct endpoint_rule *a, const struct endpoint_rule *b)
{
	if (a->prefix_bits != b->prefix_bits)
		return a->prefix_bits > b->prefix_bits;
	return a->port && !b->port;
}

int dbkind_add_endpoint(struct dbkind *kinds, const char *text, char *ret_error, size_t error_size)
{
	struct sentence error = {ret_error, error_size};
	struct endpoint_rule rule, *rules;
	uint32_t at = 0;
	int r = parse_rule(text, &error, &rule);

	if (r)
		return r;
	for (uint32_t i = 0; i < kinds->rule_count; i++) {
		const struct endpoint_rule *other = &kinds->rules[i];

		if (!memcmp(other->ip, rule.ip, sizeof(rule.ip)) && other->port == rule.port &&
		    other->prefix_bits == rule.prefix_bits)
			return refuse_item(&error, "endpoint", text, strlen(text),
					   "this address is given twice");
		if (!is_more_specific(&rule, other))
			at = i + 1;
	}
	if (kinds->rule_count == RULE_MAX)
		return refuse(&error, "endpoint '%s': more than %d endpoints", rule.name, RULE_MAX);
	rules = realloc(kinds->rules, (kinds->rule_count + 1) * sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	kinds->rules = rules;
	if (rule.port && !kinds->map->slot[rule.port]) {
		r = port_map_watch(kinds->map, rule.port,
				   well_known_name(rule.port) ? NULL : rule.name);
		if (r)
			return r;
	}
	memmove(rules + at + 1, rules + at, (kinds->rule_count - at) * sizeof(*rules));
	rules[at] = rule;
	kinds->rule_count++;
	return 0;
}

bool dbkind_is_watched(const struct dbkind *kinds, uint16_t port)
{
	return kinds->map->slot[port] != SLOT_UNWATCHED;
}

const char *dbkind_name(const struct dbkind *kinds, uint16_t port)
{
	uint16_t slot = kinds->map->slot[port];

	return slot < SLOT_FIRST_NAME ? NULL : kinds->map->names[slot - SLOT_FIRST_NAME];
}

void dbkind_port_bitmap(const struct dbkind *kinds, uint8_t ret_bitmap[static 8192])
{
	memset(ret_bitmap, 0, PORT_COUNT / 8);
	for (uint32_t port = 0; port < PORT_COUNT; port++)
		if (kinds->map->slot[port])
			ret_bitmap[port / 8] |= (uint8_t)(1 << port % 8);
}

static bool is_one_way(const char *name)
{
	/* COM_STMT_CLOSE of MySQL's protocol; WINDOW_UPDATE and acknowledged PING of RFC 9113. */
	static const char *const names[] = {"mysql", "mariadb", "tidb", "etcd", "redis", "valkey"};

	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

bool dbkind_is_one_way(const struct dbkind *kinds, uint16_t port)
{
	return is_one_way(dbkind_name(kinds, port));
}

void dbkind_one_way_bitmap(const struct dbkind *kinds, uint8_t ret_bitmap[static 8192])
{
	memset(ret_bitmap, 0, PORT_COUNT / 8);
	for (uint32_t port = 0; port < PORT_COUNT; port++)
		if (dbkind_is_one_way(kinds, (uint16_t)port))
			ret_bitmap[port / 8] |= (uint8_t)(1 << port % 8);
}

static bool prefix_matches(const struct endpoint_rule *rule, const uint8_t ip[static 16])
{
	size_t whole = rule->prefix_bits / 8;
	uint8_t mask = (uint8_t)(0xff00 >> rule->prefix_bits % 8);

	if (memcmp(rule->ip, ip, whole))
		return false;
	return rule->prefix_bits == 128 || !((rule->ip[whole] ^ ip[whole]) & mask);
}

const struct endpoint_rule *dbkind_endpoint(const struct dbkind *kinds,
					    const struct netaddr *remote)
{
	for (uint32_t i = 0; i < kinds->rule_count; i++) {
		const struct endpoint_rule *rule = &kinds->rules[i];

		if ((!rule->port || rule->port == remote->port) && prefix_matches(rule, remote->ip))
			return rule;
	}
	return NULL;
}

bool dbkind_is_loopback(const struct netaddr *addr)
{
	static const uint8_t v6[16] = {[15] = 1};
	static const uint8_t v4[13] = {[10] = 0xff, [11] = 0xff, [12] = 127};

	return memcmp(addr->ip, v6, sizeof(v6)) == 0 || memcmp(addr->ip, v4, sizeof(v4)) == 0;
}
