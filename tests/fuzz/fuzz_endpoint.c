/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a port list and as an endpoint rule. What is refused must be explained and change
 * nothing; what is taken must be found again; address texts must survive being read and written.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/dbkind.h"
#include "core/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "broken: %s\n", what);
	abort();
}

static void check_error(const char *error)
{
	require(error[0] != '\0', "a refusal has a sentence");
	for (const char *c = error; *c; c++)
		require((uint8_t)*c >= 0x20 && *c != 0x7f, "the sentence is safe");
}

static void check_ports(const char *text)
{
	static uint8_t bitmap[8192];
	struct dbkind *kinds = dbkind_new();
	char error[300] = "";

	require(kinds, "memory");
	if (dbkind_set_ports(kinds, text, error, sizeof(error))) {
		check_error(error);
		require(dbkind_is_watched(kinds, 5432) && dbkind_is_watched(kinds, 33060) &&
				!dbkind_is_watched(kinds, 1) && !dbkind_is_watched(kinds, 7000),
			"a refusal changes nothing");
		dbkind_free(kinds);
		return;
	}
	dbkind_port_bitmap(kinds, bitmap);
	require(!(bitmap[0] & 1), "port 0 is never watched");
	for (unsigned int port = 0; port < 65536; port++)
		require(dbkind_is_watched(kinds, (uint16_t)port) ==
				(bitmap[port / 8] >> port % 8 & 1),
			"the bitmap says what the table says");
	dbkind_free(kinds);
}

static void check_endpoint(const char *text)
{
	struct dbkind *kinds = dbkind_new();
	struct netaddr probe = {.port = 5432};
	const struct endpoint_rule *rule;
	char error[300] = "";

	require(kinds, "memory");
	if (dbkind_add_endpoint(kinds, text, error, sizeof(error))) {
		check_error(error);
		require(!dbkind_endpoint(kinds, &probe), "a refusal adds nothing");
	} else {
		require(dbkind_add_endpoint(kinds, text, error, sizeof(error)) != 0,
			"the same again is refused");
		check_error(error);
		/* Whatever the rule is, of these two everything matches one. */
		(void)dbkind_add_endpoint(kinds, "all=::/0", error, sizeof(error));
		rule = dbkind_endpoint(kinds, &probe);
		require(rule && rule->prefix_bits <= 128 && rule->name[0], "a rule is found");
	}
	dbkind_free(kinds);
}

static void check_address(const char *text)
{
	struct netaddr addr, again;
	char written[ADDR_TEXT_SIZE];

	if (parse_netaddr(text, &addr))
		return;
	require(addr.port, "port 0 is refused");
	(void)format_netaddr(&addr, written, sizeof(written));
	require(!parse_netaddr(written, &again), "an address can be read back");
	require(!memcmp(addr.ip, again.ip, sizeof(addr.ip)) && addr.port == again.port,
		"an address is read back the same");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	require(text, "memory");
	memcpy(text, data, size);
	text[size] = '\0';
	check_ports(text);
	check_endpoint(text);
	check_address(text);
	free(text);
	return 0;
}
