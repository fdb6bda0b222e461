/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One place decides how a figure looks, so that a duration reads the same in a verdict, a screen
 * and a log, and so that no name from outside reaches a terminal as it came.
 *
 * Invariant: every function leaves a NUL-terminated buffer (where size > 0) that ends at a whole
 * character: an escape or a UTF-8 sequence that does not fit is left out altogether.
 * Integer arithmetic throughout: the same figure gives the same text on every machine.
 *
 * It does not resolve names, knows no locale and no time zone: the caller adds the offset.
 */
#include "format.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct unit {
	uint64_t from; /* smallest figure that is shown in this unit */
	uint64_t size;
	const char *name;
};

/*
 * A unit begins where the one below would round to four digits, or, for time, where it would stop
 * being handy: 90 s and 90 min are easier read than 1.5 of the next.
 */
static const struct unit duration_units[] = {
	{48 * 3600 * NS_PER_SEC, 86400 * NS_PER_SEC, "d"},
	{120 * 60 * NS_PER_SEC, 3600 * NS_PER_SEC, "h"},
	{120 * NS_PER_SEC, 60 * NS_PER_SEC, "min"},
	{100 * NS_PER_MS, NS_PER_SEC, "s"},
	{999500, NS_PER_MS, "ms"},
	{1000, NS_PER_US, "us"},
	{1, 1, "ns"},
};

static const struct unit byte_units[] = {
	{999500000000000000ULL, 1000000000000000000ULL, "EB"},
	{999500000000000ULL, 1000000000000000ULL, "PB"},
	{999500000000ULL, 1000000000000ULL, "TB"},
	{999500000ULL, 1000000000ULL, "GB"},
	{999500ULL, 1000000ULL, "MB"},
	{1000ULL, 1000ULL, "kB"},
	{0, 1, "B"},
};

/* value / divisor, rounded half up, without overflow near UINT64_MAX. */
static uint64_t divide_rounded(uint64_t value, uint64_t divisor)
{
	return value / divisor + (value % divisor >= divisor - divisor / 2 ? 1 : 0);
}

/* Two significant digits below 10 without a trailing zero, whole numbers from there on. */
static void format_scaled(uint64_t value, const struct unit *unit, char *buffer, size_t size)
{
	uint64_t tenths = divide_rounded(value, unit->size / 10);
	uint64_t hundredths = divide_rounded(value, unit->size / 100);

	if (hundredths < 100 && hundredths % 10)
		(void)snprintf(buffer, size, "0.%02u %s", (unsigned int)hundredths, unit->name);
	else if (tenths < 100 && tenths % 10)
		(void)snprintf(buffer, size, "%u.%u %s", (unsigned int)(tenths / 10),
			       (unsigned int)(tenths % 10), unit->name);
	else
		(void)snprintf(buffer, size, "%llu %s",
			       (unsigned long long)divide_rounded(value, unit->size), unit->name);
}

static const char *format_by_units(uint64_t value, const struct unit *units, char *buffer,
				   size_t size)
{
	const struct unit *unit = units;

	while (value < unit->from)
		unit++;
	if (unit->size == 1)
		(void)snprintf(buffer, size, "%u %s", (unsigned int)value, unit->name);
	else
		format_scaled(value, unit, buffer, size);
	return buffer;
}

const char *format_duration(uint64_t ns, char *buffer, size_t size)
{
	if (!ns) {
		(void)snprintf(buffer, size, "0 s");
		return buffer;
	}
	return format_by_units(ns, duration_units, buffer, size);
}

const char *format_bytes(uint64_t bytes, char *buffer, size_t size)
{
	return format_by_units(bytes, byte_units, buffer, size);
}

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

const char *format_netaddr(const struct netaddr *addr, char *buffer, size_t size)
{
	char ip[INET6_ADDRSTRLEN] = "?";

	if (!memcmp(addr->ip, mapped_prefix, sizeof(mapped_prefix))) {
		(void)inet_ntop(AF_INET, addr->ip + 12, ip, sizeof(ip)); /* it always fits */
		(void)snprintf(buffer, size, "%s:%u", ip, addr->port);
	} else {
		(void)inet_ntop(AF_INET6, addr->ip, ip, sizeof(ip));
		(void)snprintf(buffer, size, "[%s]:%u", ip, addr->port);
	}
	return buffer;
}

int parse_ip(const char *text, uint8_t ret_ip[static 16])
{
	uint8_t ip[16];

	if (inet_pton(AF_INET, text, ip + 12) == 1) {
		memcpy(ip, mapped_prefix, sizeof(mapped_prefix));
	} else if (inet_pton(AF_INET6, text, ip) != 1) {
		return -EINVAL;
	}
	memcpy(ret_ip, ip, sizeof(ip));
	return 0;
}

/* Strictly the digits of 1-65535: no sign, no space, no leading zero. */
static int parse_port(const char *text, uint16_t *ret_port)
{
	uint32_t port = 0;

	if (*text == '0')
		return -EINVAL;
	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || c - text >= 5)
			return -EINVAL;
		port = port * 10 + (uint32_t)(*c - '0');
	}
	if (!port || port > UINT16_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

int parse_netaddr(const char *text, struct netaddr *ret_addr)
{
	struct netaddr addr = {.port = 0};
	char ip[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	bool bracketed = *text == '[';
	size_t length;

	if (!colon)
		return -EINVAL;
	length = (size_t)(colon - text);
	if (bracketed) {
		if (length < 2 || text[length - 1] != ']')
			return -EINVAL;
		text++;
		length -= 2;
	}
	if (length >= sizeof(ip))
		return -EINVAL;
	memcpy(ip, text, length);
	ip[length] = '\0';
	/* Without brackets an IPv6 address and its port cannot be told apart. */
	if (!bracketed && strchr(ip, ':'))
		return -EINVAL;
	if (bracketed && !strchr(ip, ':'))
		return -EINVAL;
	if (parse_ip(ip, addr.ip) || parse_port(colon + 1, &addr.port))
		return -EINVAL;
	*ret_addr = addr;
	return 0;
}

/* Bytes that the lead byte announces, and the smallest code point that may take so many. */
static size_t utf8_announced(uint8_t lead, uint32_t *ret_bits, uint32_t *ret_smallest)
{
	if (lead >= 0xc2 && lead <= 0xdf) {
		*ret_bits = lead & 0x1f;
		*ret_smallest = 0x80;
		return 2;
	}
	if (lead >= 0xe0 && lead <= 0xef) {
		*ret_bits = lead & 0x0f;
		*ret_smallest = 0x800;
		return 3;
	}
	if (lead >= 0xf0 && lead <= 0xf4) {
		*ret_bits = lead & 0x07;
		*ret_smallest = 0x10000;
		return 4;
	}
	return 0;
}

size_t utf8_decode(const char *text, size_t length, uint32_t *ret_code)
{
	const uint8_t *bytes = (const uint8_t *)text;
	uint32_t code, smallest;
	size_t need;

	if (!length)
		return 0;
	if (bytes[0] < 0x80) {
		*ret_code = bytes[0];
		return 1;
	}
	need = utf8_announced(bytes[0], &code, &smallest);
	if (!need || need > length)
		return 0;
	for (size_t i = 1; i < need; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3f);
	}
	if (code < smallest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return need;
}

/* Characters that move a cursor, end a line or turn the direction of the text around them. */
static bool is_harmless(uint32_t code)
{
	if (code < 0x20 || code == 0x7f || code == '\\')
		return false;
	if (code >= 0x80 && code <= 0x9f)
		return false;
	if (code == 0x061c || code == 0x200e || code == 0x200f || code == 0xfeff)
		return false;
	if ((code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069))
		return false;
	/* No characters, and a file of XML that has one is none. */
	return (code & 0xfffe) != 0xfffe;
}

bool format_is_safe(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length;) {
		uint32_t code = 0;
		size_t step = utf8_decode(text + i, length - i, &code);

		if (!step || (code != '\\' && !is_harmless(code)))
			return false;
		i += step;
	}
	return true;
}

const char *format_safe(const char *text, size_t max, char *buffer, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t length = strnlen(text, max), used = 0;

	if (!size)
		return buffer;
	for (size_t i = 0; i < length;) {
		uint32_t code = 0;
		size_t step = utf8_decode(text + i, length - i, &code);
		bool harmless = step && is_harmless(code);
		size_t take = step ? step : 1;

		if (size - 1 - used < (harmless ? take : 4 * take))
			break;
		for (size_t end = i + take; i < end; i++) {
			uint8_t byte = (uint8_t)text[i];

			if (harmless) {
				buffer[used++] = text[i];
				continue;
			}
			buffer[used++] = '\\';
			buffer[used++] = 'x';
			buffer[used++] = hex[byte >> 4];
			buffer[used++] = hex[byte & 15];
		}
	}
	buffer[used] = '\0';
	return buffer;
}

const char *format_utf8(const char *text, size_t max, char *buffer, size_t size)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t length = strnlen(text, max), used = 0;

	if (!size)
		return buffer;
	for (size_t i = 0; i < length;) {
		uint32_t code;
		size_t step = utf8_decode(text + i, length - i, &code);
		const char *from = step ? text + i : replacement;
		size_t take = step ? step : sizeof(replacement) - 1;

		if (size - 1 - used < take)
			break;
		memcpy(buffer + used, from, take);
		used += take;
		i += step ? step : 1;
	}
	buffer[used] = '\0';
	return buffer;
}

const char *format_comm(const char comm[static COMM_SIZE], char *buffer, size_t size)
{
	return format_safe(comm, COMM_SIZE, buffer, size);
}

const char *format_clock(uint64_t t_ns, int64_t realtime_at_zero_ns, char *buffer, size_t size)
{
	uint64_t wall_ns, minutes;

	if (!realtime_at_zero_ns) {
		(void)snprintf(buffer, size, "t=%llu s", (unsigned long long)(t_ns / NS_PER_SEC));
		return buffer;
	}
	/* The sum of a Unix time and an uptime: unsigned, it wraps only beyond the year 2500. */
	wall_ns = t_ns + (uint64_t)realtime_at_zero_ns;
	minutes = wall_ns / (60 * NS_PER_SEC) % (24 * 60);
	(void)snprintf(buffer, size, "%02u:%02u", (unsigned int)(minutes / 60),
		       (unsigned int)(minutes % 60));
	return buffer;
}
