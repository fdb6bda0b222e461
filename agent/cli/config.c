// SPDX-License-Identifier: Apache-2.0
/*
 * Why: a file that is wrong must say so by line before anything runs; a line that is silently
 * ignored is a filter that silently does not filter.
 *
 * Invariant: every line is blank, a comment, a section or a key with a value; everything else is
 * an error that names the line. Only regular files of bounded size are read.
 *
 * Not here: the meaning of values (option_value.c) and which of file and command line wins
 * (option.c).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/format.h"
#include "core/settings.h"
#include "nearest.h"

#define DETECTOR_SECTION "detector"
#define CONFIG_PROBLEM_SIZE 512

struct reader {
	struct config *config;
	size_t capacity;
	unsigned line;
	bool in_detector;
	char *error;
	size_t error_size;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && is_blank(end[-1]))
		*--end = '\0';
	while (is_blank(*text))
		text++;
	return text;
}

/* "LINE: problem", followed by the offending word where there is one. */
static int refuse(struct reader *reader, const char *problem, const char *word)
{
	char safe[80];

	if (!word)
		snprintf(reader->error, reader->error_size, "%u: %s", reader->line, problem);
	else
		snprintf(reader->error, reader->error_size, "%u: %s '%s'", reader->line, problem,
			 format_safe(word, strlen(word), safe, sizeof(safe)));
	return -EINVAL;
}

static bool is_setting(const char *key)
{
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].key, key) == 0)
			return true;
	return false;
}

static int refuse_key(struct reader *reader, const char *key)
{
	struct nearest nearest = {.typed = key};
	const struct option_row *rows;
	char safe[80], known[320] = "";
	size_t count, used = 0;

	if (is_setting(key))
		return refuse(reader, "below a line [" DETECTOR_SECTION "] only:", key);
	rows = option_rows(&count);
	for (size_t i = 0; i < count; i++) {
		if (!rows[i].in_config)
			continue;
		nearest_offer(&nearest, rows[i].name);
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
					 used ? ", " : "", rows[i].name);
		if (used >= sizeof(known))
			break;
	}
	format_safe(key, strlen(key), safe, sizeof(safe));
	if (nearest.best)
		snprintf(reader->error, reader->error_size,
			 "%u: unknown key '%s' (did you mean '%s'?)", reader->line, safe,
			 nearest.best);
	else
		snprintf(reader->error, reader->error_size, "%u: unknown key '%s' (known: %s)",
			 reader->line, safe, known);
	return -EINVAL;
}

static int add_entry(struct reader *reader, const struct option_row *row, const char *key,
		     const char *value)
{
	struct config *config = reader->config;

	if (config->entry_count == reader->capacity) {
		size_t capacity = reader->capacity ? reader->capacity * 2 : 16;
		void *entries = reallocarray(config->entries, capacity, sizeof(*config->entries));

		if (!entries)
			return -ENOMEM;
		config->entries = entries;
		reader->capacity = capacity;
	}
	config->entries[config->entry_count++] = (struct config_entry){
		.row = row,
		.key = key,
		.value = value,
		.line = reader->line,
	};
	return 0;
}

static int read_section(struct reader *reader, char *text)
{
	size_t length = strlen(text);

	if (text[length - 1] != ']')
		return refuse(reader, "a section ends with ']':", text);
	text[length - 1] = '\0';
	text = trim(text + 1);
	if (strcmp(text, DETECTOR_SECTION) != 0)
		return refuse(reader, "only the section [" DETECTOR_SECTION "] exists, not", text);
	reader->in_detector = true;
	return 0;
}

static int read_assignment(struct reader *reader, char *text)
{
	const struct option_row *row = NULL;
	char *equals = strchr(text, '=');
	char *key, *value;

	if (!equals)
		return refuse(reader, "not KEY = VALUE:", text);
	*equals = '\0';
	key = trim(text);
	value = trim(equals + 1);
	if (key[0] == '\0')
		return refuse(reader, "no key before '='", NULL);
	if (!reader->in_detector) {
		row = option_find(key);
		if (!row || !row->in_config)
			return refuse_key(reader, key);
	}
	if (value[0] == '\0')
		return refuse(reader, "no value for", key);
	return add_entry(reader, row, key, value);
}

static int read_line(struct reader *reader, char *line, size_t length)
{
	char *text;

	if (length > CONFIG_LINE_MAX)
		return refuse(reader, "the line is longer than 4096 bytes", NULL);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)line[i];

		if ((byte < ' ' && byte != '\t') || byte == 0x7f)
			return refuse(reader, "a control character: not a text file", NULL);
	}
	text = trim(line);
	if (text[0] == '\0' || text[0] == '#' || text[0] == ';')
		return 0;
	return text[0] == '[' ? read_section(reader, text) : read_assignment(reader, text);
}

int config_parse(const char *bytes, size_t length, config_problem_fn on_problem, void *userdata,
		 struct config *ret_config)
{
	struct config config = {.text = malloc(length + 1)};
	char error[CONFIG_PROBLEM_SIZE];
	struct reader reader = {
		.config = &config,
		.error = error,
		.error_size = sizeof(error),
	};
	size_t start = 0;
	int ret = 0;

	if (!config.text)
		return -ENOMEM;
	if (length > 0)
		memcpy(config.text, bytes, length);
	config.text[length] = '\0';
	while (ret != -ENOMEM && start < length) {
		char *line = config.text + start;
		char *newline = memchr(line, '\n', length - start);
		size_t line_length = newline ? (size_t)(newline - line) : length - start;
		int r;

		start += line_length + 1;
		if (line_length > 0 && line[line_length - 1] == '\r')
			line_length--;
		line[line_length] = '\0';
		reader.line++;
		r = read_line(&reader, line, line_length);
		if (r == -EINVAL)
			on_problem(userdata, error);
		if (r < 0)
			ret = r;
	}
	if (ret == -ENOMEM)
		config_clear(&config);
	else
		*ret_config = config;
	return ret;
}

/* All of a regular file of at most CONFIG_FILE_MAX bytes, or -errno. */
static int read_file(int fd, char **ret_bytes, size_t *ret_length)
{
	size_t length = 0;
	struct stat status;
	char *bytes;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	bytes = malloc(CONFIG_FILE_MAX + 1);
	if (!bytes)
		return -ENOMEM;
	for (;;) {
		ssize_t count = read(fd, bytes + length, CONFIG_FILE_MAX + 1 - length);
		int error = errno;

		if (count < 0 && error == EINTR)
			continue;
		if (count < 0 || length + (size_t)count > CONFIG_FILE_MAX) {
			free(bytes);
			return count < 0 ? -error : -EFBIG;
		}
		if (count == 0)
			break;
		length += (size_t)count;
	}
	*ret_bytes = bytes;
	*ret_length = length;
	return 0;
}

static const char *read_problem(int error)
{
	if (error == -EINVAL)
		return "not a regular file";
	if (error == -EFBIG)
		return "larger than 1 MiB";
	return strerror(-error);
}

/* Puts the name of the file before each problem. */
struct naming {
	config_problem_fn on_problem;
	void *userdata;
	const char *path; /* terminal-safe */
};

static void name_file(void *userdata, const char *problem)
{
	struct naming *naming = userdata;
	char text[CONFIG_PROBLEM_SIZE + 600];

	snprintf(text, sizeof(text), "%s:%s", naming->path, problem);
	naming->on_problem(naming->userdata, text);
}

int config_load(const char *path, config_problem_fn on_problem, void *userdata,
		struct config *ret_config)
{
	char safe[512], text[1024];
	struct naming naming = {on_problem, userdata, safe};
	char *bytes = NULL;
	size_t length = 0;
	/* Nonblocking, so that a FIFO is refused and not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int ret = fd < 0 ? -errno : read_file(fd, &bytes, &length);

	if (fd >= 0)
		close(fd);
	format_safe(path, strlen(path), safe, sizeof(safe));
	if (ret < 0) {
		snprintf(text, sizeof(text), "%s: %s", safe, read_problem(ret));
		on_problem(userdata, text);
		*ret_config = (struct config){0};
		return ret;
	}
	ret = config_parse(bytes, length, name_file, &naming, ret_config);
	free(bytes);
	return ret;
}

void config_clear(struct config *config)
{
	free(config->text);
	free(config->entries);
	*config = (struct config){0};
}
