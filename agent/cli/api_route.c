// SPDX-License-Identifier: Apache-2.0
/*
 * Whoever can reach the port can write anything into a request, so reading it is kept apart from
 * acting on it: pure, and fuzzed.
 *
 * Invariant: what is not understood whole is no route, no number and no preference.
 */
#include "api_route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PID_HIGHEST 4194304U /* PID_MAX_LIMIT of the kernel */
#define QUALITY_ONE 1000

static const struct {
	const char *path;
	struct api_route route;
} routes[] = {
	{"/metrics", {.what = API_METRICS, .is_public = true}},
	{"/healthz", {.what = API_HEALTH, .is_public = true}},
	{"/readyz", {.what = API_READY, .is_public = true}},
	{"/v1/pools", {.what = API_POOLS}},
	{"/v1/connections", {.what = API_CONNECTIONS, .has_text = true}},
	{"/v1/verdicts", {.what = API_VERDICTS, .has_text = true}},
};

/* A pid at the start of text: its digits, 0 = none. */
static size_t scan_pid(const char *text, uint32_t *ret_pid)
{
	uint32_t pid = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && pid <= PID_HIGHEST; i++)
		pid = pid * 10 + (uint32_t)(text[i] - '0');
	if (i == 0 || text[0] == '0' || pid > PID_HIGHEST)
		return 0;
	*ret_pid = pid;
	return i;
}

void api_route_parse(const char *path, struct api_route *ret_route)
{
	static const char explain[] = "/v1/explain/";
	const char *pid = path + sizeof(explain) - 1;
	struct api_route route = {.what = API_EXPLAIN, .has_text = true};
	size_t length;

	*ret_route = (struct api_route){.what = API_NOTHING};
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (strcmp(path, routes[i].path) == 0)
			*ret_route = routes[i].route;
	if (strncmp(path, explain, sizeof(explain) - 1) != 0)
		return;
	length = scan_pid(pid, &route.pid);
	if (length > 0 && pid[length] == '\0')
		*ret_route = route;
}

int api_parse_format(const char *format, bool *ret_is_text)
{
	if (format && strcmp(format, "json") != 0 && strcmp(format, "text") != 0)
		return -EINVAL;
	*ret_is_text = format && strcmp(format, "text") == 0;
	return 0;
}

int api_parse_pids(const char *list, uint32_t ret_pids[static API_PIDS_MAX])
{
	int count = 0;

	if (!list)
		return 0;
	for (;;) {
		size_t length = count < API_PIDS_MAX ? scan_pid(list, &ret_pids[count]) : 0;

		if (length == 0 || (list[length] != ',' && list[length] != '\0'))
			return -EINVAL;
		count++;
		if (list[length] == '\0')
			return count;
		list += length + 1;
	}
}

/* --- Accept ----------------------------------------------------------------------------------- */

struct piece {
	const char *text;
	size_t length;
};

static struct piece trim(const char *text, size_t length)
{
	while (length > 0 && (*text == ' ' || *text == '\t'))
		text++, length--;
	while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
		length--;
	return (struct piece){text, length};
}

static bool piece_is(struct piece piece, const char *word)
{
	return piece.length == strlen(word) && strncasecmp(piece.text, word, piece.length) == 0;
}

static bool piece_begins(struct piece piece, const char *word)
{
	return piece.length >= strlen(word) && strncasecmp(piece.text, word, strlen(word)) == 0;
}

/* "0", "1", "0.75": thousandths; 0 for what is none. RFC 9110, 12.4.2. */
static int parse_quality(struct piece piece)
{
	int quality = 0, weight = QUALITY_ONE;

	if (piece.length == 0 || piece.length > 5 || (piece.text[0] != '0' && piece.text[0] != '1'))
		return 0;
	if (piece.length > 1 && piece.text[1] != '.')
		return 0;
	quality = (piece.text[0] - '0') * QUALITY_ONE;
	for (size_t i = 2; i < piece.length; i++) {
		if (piece.text[i] < '0' || piece.text[i] > '9')
			return 0;
		weight /= 10;
		quality += (piece.text[i] - '0') * weight;
	}
	return quality > QUALITY_ONE ? 0 : quality;
}

/* The next piece up to one of the separators; *text is moved behind it. */
static struct piece next_piece(const char **text, const char *end, char separator)
{
	const char *start = *text;
	const char *stop = memchr(start, separator, (size_t)(end - start));

	stop = stop ? stop : end;
	*text = stop < end ? stop + 1 : end;
	return trim(start, (size_t)(stop - start));
}

/* Quality of one range of the list: of OpenMetrics in *ret_open, of text/plain in *ret_plain. */
static void weigh(struct piece range, int *ret_open, int *ret_plain)
{
	const char *at = range.text, *end = range.text + range.length;
	struct piece type = next_piece(&at, end, ';');
	int quality = QUALITY_ONE;
	bool is_known_version = true;

	while (at < end) {
		struct piece parameter = next_piece(&at, end, ';');

		if (piece_begins(parameter, "q="))
			quality = parse_quality(
				(struct piece){parameter.text + 2, parameter.length - 2});
		else if (piece_begins(parameter, "version="))
			is_known_version = piece_is(parameter, "version=1.0.0") ||
					   piece_is(parameter, "version=\"1.0.0\"");
	}
	if (piece_is(type, "application/openmetrics-text") && is_known_version &&
	    quality > *ret_open)
		*ret_open = quality;
	if (piece_is(type, "text/plain") && quality > *ret_plain)
		*ret_plain = quality;
}

bool api_wants_openmetrics(const char *accept)
{
	int open = 0, plain = 0;
	const char *end;

	if (!accept)
		return false;
	end = accept + strlen(accept);
	while (accept < end)
		weigh(next_piece(&accept, end, ','), &open, &plain);
	return open > 0 && open >= plain;
}
