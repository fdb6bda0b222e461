// SPDX-License-Identifier: Apache-2.0
/*
 * Lines in, lines out, and the few socket addresses that both ends need.
 */
#include "line.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool line_read(int fd, struct line *line)
{
	size_t length = 0;
	char *rest = line->text;
	char *word;

	/* Byte by byte: what follows the line belongs to whoever reads the next one. */
	while (length < sizeof(line->text) - 1) {
		if (read(fd, &line->text[length], 1) != 1)
			return false;
		if (line->text[length] == '\n')
			break;
		length++;
	}
	line->text[length] = '\0';
	line->word_count = 0;
	while (line->word_count < WORDS_MAX && (word = strsep(&rest, " ")) != NULL)
		if (*word)
			line->words[line->word_count++] = word;
	return true;
}

static void reply_vadd(struct reply *reply, const char *format, va_list args)
{
	size_t room = sizeof(reply->text) - reply->length;
	int length = vsnprintf(reply->text + reply->length, room, format, args);

	if (length > 0)
		reply->length += (size_t)length < room ? (size_t)length : room - 1;
}

void reply_add(struct reply *reply, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	reply_vadd(reply, format, args);
	va_end(args);
}

void reply_error(struct reply *reply, const char *format, ...)
{
	va_list args;

	reply->length = 0;
	reply_add(reply, "error ");
	va_start(args, format);
	reply_vadd(reply, format, args);
	va_end(args);
}

void reply_send(struct reply *reply)
{
	if (reply->length == 0)
		reply_add(reply, "ok");
	printf("%s\n", reply->text);
	fflush(stdout);
	reply->length = 0;
}

bool parse_sockaddr(const char *ip, const char *port, struct sockaddr_storage *ret_addr,
		    socklen_t *ret_length)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(atoi(port))};

	memset(ret_addr, 0, sizeof(*ret_addr));
	if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1) {
		memcpy(ret_addr, &v4, sizeof(v4));
		*ret_length = sizeof(v4);
		return true;
	}
	if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1) {
		memcpy(ret_addr, &v6, sizeof(v6));
		*ret_length = sizeof(v6);
		return true;
	}
	return false;
}

uint16_t socket_local_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t length = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &length) < 0)
		return 0;
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}
