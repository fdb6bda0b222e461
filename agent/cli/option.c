// SPDX-License-Identifier: Apache-2.0
/*
 * Why: decides what the user asked for before anything is opened, loaded or attached, so that a
 * usage error costs nothing and changes nothing.
 *
 * Invariant: on OPTION_ERROR exactly one line has been produced, naming the offending value and
 * what would be valid. The command line wins over the config file option by option; what the file
 * says is checked all the same.
 *
 * Not here: the options themselves (option_table.c), their values (option_value.c), the text of
 * --help (help.c).
 */
#include "option.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/abi.h"
#include "config_set.h"
#include "core/format.h"
#include "help.h"
#include "nearest.h"
#include "option_table.h"
#include "option_value.h"

#define LONG_BASE 256 /* getopt's values of rows; above every letter */
#define INTERVAL_DEFAULT_NS NS_PER_SEC
#define LISTEN_DEFAULT "127.0.0.1:9435" /* no other exporter of Prometheus's list has this port */
#define SERIES_DEFAULT 1000

/* One option as it stands on the command line. */
struct given {
	const struct option_row *row;
	const char *value; /* NULL = none */
	bool is_long;
};

struct parser {
	FILE *out;
	struct options *options;
	char *error;
	size_t error_size;
	const struct command_row *command; /* NULL = not found yet */
	struct given *given; /* owned */
	size_t given_count, given_capacity;
	struct config_set config;
	const char *config_path; /* as --config has it; NULL = not given */
};

__attribute__((format(printf, 2, 3))) static enum option_result refuse(struct parser *parser,
								       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parser->error, parser->error_size, format, args);
	va_end(args);
	return OPTION_ERROR;
}

static enum option_result refuse_memory(struct parser *parser)
{
	(void)refuse(parser, "out of memory");
	return OPTION_NO_MEMORY;
}

static const char *safe_of(const char *text, char *buffer, size_t size)
{
	return format_safe(text, strlen(text), buffer, size);
}

int options_init(struct options *options)
{
	*options = (struct options){
		.interval_ns = INTERVAL_DEFAULT_NS,
		.stack_bytes = ABI_STACK_BYTES_MAX,
		.metrics_series = SERIES_DEFAULT,
	};
	(void)parse_netaddr(LISTEN_DEFAULT, &options->listen); /* is one */
	settings_init(&options->settings);
	options->databases = dbkind_new();
	return options->databases ? 0 : -ENOMEM;
}

void options_free(struct options *options)
{
	if (!options)
		return;
	dbkind_free(options->databases);
	free(options->state);
	free(options->socket);
	free(options->pod_logs);
	free(options->pin);
	for (uint32_t i = 0; i < options->cgroup_count; i++)
		free(options->cgroups[i]);
	*options = (struct options){0};
}

static const struct option_row *row_of_value(int value)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	if (value >= LONG_BASE)
		return &rows[value - LONG_BASE];
	for (size_t i = 0; i < count; i++)
		if (value != 0 && rows[i].letter == value)
			return &rows[i];
	return NULL;
}

/* What getopt complains about with '?' or ':'. */
static enum option_result refuse_option(struct parser *parser, int result, const char *word)
{
	const struct option_row *row = row_of_value(optopt);
	struct nearest nearest = {0};
	const struct option_row *rows;
	char safe[80];
	size_t count;

	if (row && result == ':')
		return optopt < LONG_BASE ? refuse(parser, "-%c needs %s: %s", optopt,
						   row->argument, row->help)
					  : refuse(parser, "--%s needs %s: %s", row->name,
						   row->argument, row->help);
	if (row)
		return refuse(parser, "--%s takes no value", row->name);
	if (optopt != 0) {
		char letter[2] = {(char)optopt, '\0'};

		return refuse(parser, "unknown option '-%s'", safe_of(letter, safe, sizeof(safe)));
	}
	nearest.typed = word + strspn(word, "-");
	rows = option_rows(&count);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, rows[i].name);
	safe_of(word, safe, sizeof(safe));
	if (nearest.best)
		return refuse(parser, "unknown option '%s' (did you mean '--%s'?)", safe,
			      nearest.best);
	return refuse(parser, "unknown option '%s'", safe);
}

static enum option_result remember(struct parser *parser, const struct option_row *row,
				   const char *value, bool is_long)
{
	if (row->kind == OPTION_HELP) {
		help_print(parser->out, parser->command);
		return OPTION_DONE;
	}
	if (row->kind == OPTION_VERSION) {
		fprintf(parser->out, "connleak %s\n", CONNLEAK_VERSION);
		return OPTION_DONE;
	}
	if (row->kind == OPTION_CONFIG) {
		if (parser->config_path)
			return refuse(parser, "--config given twice: one file holds it all");
		if (value[0] == '\0')
			return refuse(parser, "--config '': not a file name");
		parser->config_path = value;
		return OPTION_RUN;
	}
	if (parser->given_count == parser->given_capacity) {
		size_t capacity = parser->given_capacity ? parser->given_capacity * 2 : 16;
		void *given = reallocarray(parser->given, capacity, sizeof(*parser->given));

		if (!given)
			return refuse_memory(parser);
		parser->given = given;
		parser->given_capacity = capacity;
	}
	parser->given[parser->given_count++] = (struct given){row, value, is_long};
	return OPTION_RUN;
}

/*
 * Collects options up to the first operand (stop_at_operand) or all of them; optind is then the
 * first operand. getopt knows the options of every command, so that one of another command is
 * told from one that does not exist.
 */
static enum option_result collect(struct parser *parser, int argc, char **argv,
				  bool stop_at_operand)
{
	enum option_result result = OPTION_RUN;
	size_t count, used = 0;
	const struct option_row *rows = option_rows(&count);
	struct option longs[64] = {0};
	char letters[2 * 64 + 3];

	if (count >= sizeof(longs) / sizeof(longs[0]))
		return refuse(parser, "the option table is too long");
	if (stop_at_operand)
		letters[used++] = '+';
	letters[used++] = ':';
	for (size_t i = 0; i < count; i++) {
		longs[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].argument ? required_argument : no_argument,
			.val = LONG_BASE + (int)i,
		};
		if (!rows[i].letter)
			continue;
		letters[used++] = rows[i].letter;
		if (rows[i].argument)
			letters[used++] = ':';
	}
	letters[used] = '\0';
	opterr = 0;
	optind = 0; /* glibc: forget the last command line altogether */
	while (result == OPTION_RUN) {
		int value = getopt_long(argc, argv, letters, longs, NULL);

		if (value == -1)
			break;
		if (value == '?' || value == ':')
			return refuse_option(parser, value, argv[optind - 1]);
		assert(row_of_value(value)); /* getopt was given the rows' values and no other */
		result = remember(parser, row_of_value(value), optarg, value >= LONG_BASE);
	}
	return result;
}

/* Of a command line, or as a topic of help: each has one word more that is no command. */
static enum option_result refuse_command(struct parser *parser, const char *word, bool is_topic)
{
	struct nearest nearest = {.typed = word};
	char safe[80], known[160] = "";
	size_t count, used = 0;
	const struct command_row *rows = command_rows(&count);

	for (size_t i = 0; i < count && used < sizeof(known); i++) {
		nearest_offer(&nearest, rows[i].name);
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
					 i == 0		  ? ""
					 : i + 1 == count ? " or "
							  : ", ",
					 rows[i].name);
	}
	nearest_offer(&nearest, is_topic ? "settings" : "help");
	if (!word[0])
		return refuse(parser, "which command? %s ('connleak --help' says more)", known);
	safe_of(word, safe, sizeof(safe));
	if (nearest.best)
		return refuse(parser, "unknown %s '%s' (did you mean '%s'?)",
			      is_topic ? "topic of help" : "command", safe, nearest.best);
	if (is_topic)
		return refuse(parser, "unknown topic of help '%s': not settings, %s", safe, known);
	return refuse(parser, "unknown command '%s': not %s", safe, known);
}

/*
 * "help", "help COMMAND", "help settings"; for building the man pages "help --man TOPIC", where
 * "keys" is a topic, too; for the shell completion "help --table".
 */
static enum option_result answer_help(struct parser *parser, int argc, char **argv)
{
	bool is_man = argc > 1 && strcmp(argv[1], "--man") == 0;
	const char *topic = argc > 1 + is_man ? argv[1 + is_man] : NULL;
	const struct command_row *command = topic ? command_find(topic) : NULL;
	char safe[80];

	if (argc == 2 && strcmp(argv[1], "--table") == 0) {
		help_print_table(parser->out);
		return OPTION_DONE;
	}
	if (argc > 2 + is_man)
		return refuse(parser, "help takes one word, not '%s' as well",
			      safe_of(argv[2 + is_man], safe, sizeof(safe)));
	if (topic && strcmp(topic, "settings") == 0)
		is_man ? help_print_settings_man(parser->out) : help_print_settings(parser->out);
	else if (is_man && topic && strcmp(topic, "keys") == 0)
		help_print_keys_man(parser->out);
	else if (topic && !command)
		return refuse_command(parser, topic, true);
	else if (is_man)
		help_print_man(parser->out, command);
	else
		help_print(parser->out, command);
	return OPTION_DONE;
}

/* Applies one value and says where a wrong one stands. */
static enum option_result apply(struct parser *parser, struct options *options,
				const struct option_row *row, const char *value, const char *place)
{
	char problem[512] = "", safe[160];
	int ret = option_apply(row, options, value, problem, sizeof(problem));

	if (ret == 0)
		return OPTION_RUN;
	if (ret == -ENOMEM)
		return refuse_memory(parser);
	return refuse(parser, "%s '%s': %s", place, safe_of(value, safe, sizeof(safe)), problem);
}

static bool is_given(const struct parser *parser, const struct option_row *row)
{
	for (size_t i = 0; i < parser->given_count; i++)
		if (parser->given[i].row == row)
			return true;
	return false;
}

static enum option_result apply_given(struct parser *parser)
{
	enum option_result result = OPTION_RUN;
	size_t count;
	const struct option_row *rows = option_rows(&count);
	char place[80];

	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < parser->given_count && result == OPTION_RUN; j++) {
			const struct given *given = &parser->given[j];

			if (given->row != &rows[i])
				continue;
			if (given->is_long)
				snprintf(place, sizeof(place), "--%s", rows[i].name);
			else
				snprintf(place, sizeof(place), "-%c", rows[i].letter);
			result = apply(parser, parser->options, given->row, given->value, place);
		}
	}
	return result;
}

static bool is_given_row(const void *userdata, const struct option_row *row)
{
	return is_given(userdata, row);
}

/* The parser's error is the first one. */
static void keep_problem(void *userdata, const char *problem)
{
	struct parser *parser = userdata;

	if (!parser->error[0])
		refuse(parser, "%s", problem);
}

static enum option_result load_config(struct parser *parser, const char *path, bool may_be_missing)
{
	struct options scratch = {0};
	int ret;

	parser->error[0] = '\0';
	ret = config_set_load(path, may_be_missing, keep_problem, parser, &parser->config);
	/* What the command line overrides must be right, too: into a scratch copy with all of it.
	 */
	if (ret == 0)
		ret = options_init(&scratch);
	if (ret == 0)
		ret = config_set_apply(&parser->config, &scratch, NULL, NULL, keep_problem, parser);
	if (ret == 0)
		ret = config_set_apply(&parser->config, parser->options, is_given_row, parser,
				       keep_problem, parser);
	options_free(&scratch);
	if (ret == -ENOMEM)
		return refuse_memory(parser);
	return ret < 0 ? OPTION_ERROR : OPTION_RUN;
}

/* The file that --config names; for the agent, which has a default, it need not be there. */
static enum option_result take_config(struct parser *parser)
{
	struct options *options = parser->options;

	if (parser->config_path)
		options->config =
			strcmp(parser->config_path, OPTION_NONE) ? parser->config_path : NULL;
	else if (parser->command->command == COMMAND_AGENT)
		options->config = CONFIG_DEFAULT_PATH;
	options->config_may_be_missing = !parser->config_path;
	/* --check-config wants to hear of every problem and looks itself. */
	for (size_t i = 0; i < parser->given_count; i++)
		if (parser->given[i].row->flag_offset == offsetof(struct options, check_config) &&
		    parser->given[i].row->kind == OPTION_FLAG)
			return OPTION_RUN;
	return options->config
		       ? load_config(parser, options->config, options->config_may_be_missing)
		       : OPTION_RUN;
}

/* An option of another command: "list does not take -n (it belongs to top)". */
static enum option_result check_commands(struct parser *parser)
{
	size_t count;
	const struct command_row *rows = command_rows(&count);

	for (size_t i = 0; i < parser->given_count; i++) {
		const struct given *given = &parser->given[i];
		char owners[80] = "", name[40];
		size_t used = 0;

		if (given->row->commands & parser->command->command)
			continue;
		for (size_t j = 0; j < count && used < sizeof(owners); j++)
			if (given->row->commands & rows[j].command)
				used += (size_t)snprintf(owners + used, sizeof(owners) - used,
							 "%s%s", used ? ", " : "", rows[j].name);
		if (given->is_long)
			snprintf(name, sizeof(name), "--%s", given->row->name);
		else
			snprintf(name, sizeof(name), "-%c", given->row->letter);
		return refuse(parser, "%s does not take %s (it belongs to %s)",
			      parser->command->name, name, owners);
	}
	return OPTION_RUN;
}

static enum option_result take_operands(struct parser *parser, int argc, char **argv)
{
	const struct command_row *command = parser->command;
	char safe[160];

	if (command->command == COMMAND_RUN) {
		if (argc == 0 || argv[0][0] == '\0')
			return refuse(parser, "run needs a command: connleak run -- make test");
		parser->options->program = argv;
		return OPTION_RUN;
	}
	if (command->operand) {
		bool is_pid = command->command == COMMAND_EXPLAIN;
		char error[120];

		if (argc == 0 || argv[0][0] == '\0')
			return refuse(parser, "%s needs %s: connleak %s %s%s", command->name,
				      command->operand, command->name, command->operand,
				      is_pid ? "" : ", or - for standard input");
		if (is_pid && value_parse_pid(argv[0], &parser->options->subject_pid, error,
					      sizeof(error)) < 0)
			return refuse(parser, "%s '%s': %s", command->name,
				      safe_of(argv[0], safe, sizeof(safe)), error);
		parser->options->file = argv[0];
		argc--, argv++;
	}
	if (argc > 0)
		return refuse(parser, "%s takes %s operand, '%s' is one too many", command->name,
			      command->operand ? "one" : "no",
			      safe_of(argv[0], safe, sizeof(safe)));
	return OPTION_RUN;
}

static enum option_result check_whole(struct parser *parser)
{
	const struct options *options = parser->options;
	char problem[256];

	if (options->once && options->iterations > 1)
		return refuse(parser, "--once and -n %u contradict each other: give one of them",
			      options->iterations);
	/* The file has not been read for --check-config, which asks the same of all
	 * (check_config.c). */
	if (!options->check_config &&
	    settings_check(&options->settings, problem, sizeof(problem)) < 0)
		return refuse(parser, "%s", problem);
	return OPTION_RUN;
}

static enum option_result parse(struct parser *parser, int argc, char **argv)
{
	enum option_result result = collect(parser, argc, argv, true);

	if (result != OPTION_RUN)
		return result;
	if (optind >= argc)
		return refuse_command(parser, "", false);
	argc -= optind;
	argv += optind;
	if (strcmp(argv[0], "help") == 0)
		return answer_help(parser, argc, argv);
	parser->command = command_find(argv[0]);
	if (!parser->command)
		return refuse_command(parser, argv[0], false);
	parser->options->command = parser->command->command;
	/* What stands behind the command of run belongs to it. */
	result = collect(parser, argc, argv, parser->command->command == COMMAND_RUN);
	if (result == OPTION_RUN)
		result = check_commands(parser);
	if (result == OPTION_RUN)
		result = take_operands(parser, argc - optind, argv + optind);
	if (result == OPTION_RUN)
		result = take_config(parser);
	if (result == OPTION_RUN)
		result = apply_given(parser);
	return result == OPTION_RUN ? check_whole(parser) : result;
}

enum option_result options_parse_to(int argc, char **argv, FILE *out, struct options *ret_options,
				    char *ret_error, size_t error_size)
{
	struct parser parser = {
		.out = out,
		.options = ret_options,
		.error = ret_error,
		.error_size = error_size,
	};
	enum option_result result;

	if (options_init(ret_options) < 0)
		return refuse_memory(&parser);
	ret_options->argc = argc;
	ret_options->argv = argv;
	result = parse(&parser, argc, argv);
	free(parser.given);
	config_set_clear(&parser.config);
	return result;
}

enum option_result options_parse(int argc, char **argv, struct options *ret_options)
{
	char error[2048] = "";
	enum option_result result =
		options_parse_to(argc, argv, stdout, ret_options, error, sizeof(error));

	if (result == OPTION_ERROR || result == OPTION_NO_MEMORY)
		fprintf(stderr, "connleak: %s\n", error);
	return result;
}
