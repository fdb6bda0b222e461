/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How figures look: durations, sizes, addresses, times of day, and names from outside made safe
 * for a terminal. Every function writes at most size bytes with the NUL and returns its buffer.
 */
#ifndef CONNLEAK_CORE_FORMAT_H
#define CONNLEAK_CORE_FORMAT_H

#include "types.h"

#define ADDR_TEXT_SIZE 56 /* "[ffff:...]:65535" with room */

/* "0.8 s", "12 s", "39 min", "3 h", "2 d": two significant digits below 10. */
const char *format_duration(uint64_t ns, char *buffer, size_t size);

/* "512 B", "3.4 kB", "12 MB": powers of 1000. */
const char *format_bytes(uint64_t bytes, char *buffer, size_t size);

/* "10.0.3.7:5432", "[2001:db8::1]:5432"; mapped IPv4 is written as IPv4. */
const char *format_netaddr(const struct netaddr *addr, char *buffer, size_t size);

/*
 * Parses what format_netaddr() writes. Returns 0 or -EINVAL (port 0, 65536, garbage behind it, a
 * name). Does not resolve.
 */
int parse_netaddr(const char *text, struct netaddr *ret_addr);

/* Parses an IPv4 or IPv6 address without a port into 16 bytes. Returns 0 or -EINVAL. */
int parse_ip(const char *text, uint8_t ret_ip[static 16]);

/*
 * Copies a name of unknown origin: control characters, DEL, backslash and bytes that are not valid
 * UTF-8 become \xNN, so that it can neither move a cursor nor forge a line; Unicode's control and
 * bidirectional formatting characters (U+0080-9F, U+061C, U+200E-F, U+2028-2E, U+2066-69, U+FEFF)
 * too. length is at most max; stops at NUL.
 */
const char *format_safe(const char *text, size_t max, char *buffer, size_t size);

/* True when text is as format_safe() writes: valid UTF-8, nothing but printable characters. */
bool format_is_safe(const char *text);

/*
 * Bytes of the valid UTF-8 sequence that text begins with, and its code point; 0 where it begins
 * with none (cut off, overlong, a surrogate, above U+10FFFF).
 */
size_t utf8_decode(const char *text, size_t length, uint32_t *ret_code);

/* Copies at most max bytes up to a NUL, with U+FFFD for each byte that is not valid UTF-8. */
const char *format_utf8(const char *text, size_t max, char *buffer, size_t size);

/* Same as format_safe() for a comm, which is not always NUL-terminated. */
const char *format_comm(const char comm[static COMM_SIZE], char *buffer, size_t size);

/*
 * A moment for people: "14:02" where the wall clock is known (realtime_at_zero_ns is not 0: wall
 * clock at t = 0 plus the zone's offset), else "t=830 s".
 */
const char *format_clock(uint64_t t_ns, int64_t realtime_at_zero_ns, char *buffer, size_t size);

#endif
