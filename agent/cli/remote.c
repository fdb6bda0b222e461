// SPDX-License-Identifier: Apache-2.0
/*
 * An agent that runs knows more than a command that has just been started (real ages, evidence of
 * hours), and lets people ask who may not load probes. But it watches what its own options say:
 * where a command was told otherwise, an answer of the agent would be one to another question.
 *
 * Invariant: a command never gets part of its answer from the agent and part from own probes.
 */
#include "remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/format.h"
#include "option_table.h"
#include "sys/api_client.h"
#include "sys/log.h"

/* What changes neither what is watched nor how it is judged. */
static const char *const harmless[] = {"socket", "json", "verbose", "config", "no-stacks", NULL};

const char *remote_socket(const struct options *options)
{
	if (!options->socket)
		return API_SOCKET_PATH;
	return strcmp(options->socket, OPTION_NONE) == 0 ? NULL : options->socket;
}

static bool is_among(const char *name, const char *const *names)
{
	for (; names && *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

const char *remote_obstacle(const struct options *options, const char *const *served)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	for (size_t i = 0; i < count; i++)
		if (option_is_given(options, rows[i].name) && !is_among(rows[i].name, harmless) &&
		    !is_among(rows[i].name, served) && (rows[i].commands & options->command))
			return rows[i].name;
	return NULL;
}

int remote_get(const struct options *options, const char *const *served, const char *target,
	       char **ret_body, size_t *ret_size)
{
	const char *path = remote_socket(options), *obstacle;
	char error[512];
	bool is_shut;
	int r;

	if (!path)
		return 0;
	obstacle = remote_obstacle(options, served);
	if (obstacle) {
		/* Where it runs, its real ages are missed, and perhaps the privileges for probes.
		 */
		(access(path, F_OK) == 0 ? log_notice : log_detail)(
			"own probes, not the agent: it cannot serve --%s", obstacle);
		return 0;
	}
	r = api_get(path, target, ret_body, ret_size, error, sizeof(error));
	if (r == 0) {
		log_detail("from the agent at %s", path);
		return 1;
	}
	if (api_is_absent(r)) {
		is_shut = r == -EACCES || r == -EPERM;
		/* Nobody has asked for an agent at the default place. */
		(options->socket || is_shut ? log_notice : log_detail)(
			"own probes, not the agent: %s%s", error,
			is_shut ? "; root and the members of its group may ask there" : "");
		return 0;
	}
	/* What the agent itself has said needs no way around it. */
	log_error("%s%s", error,
		  r == -EREMOTEIO ? "" : "; --socket " OPTION_NONE " takes probes of its own");
	return r;
}

void remote_print(const char *body, size_t size)
{
	char piece[4 * 4 + 1]; /* four bytes of one character, each as \xNN */
	uint32_t code;
	size_t step;

	for (size_t at = 0; at < size; at += step) {
		step = utf8_decode(body + at, size - at, &code);
		step = step ? step : 1;
		/* The backslash is that of what has been made safe already. */
		if (body[at] == '\n' || body[at] == '\\')
			(void)putchar(body[at]);
		else if (body[at] == '\0')
			(void)fputs("\\x00", stdout);
		else
			(void)fputs(format_safe(body + at, step, piece, sizeof(piece)), stdout);
	}
}
