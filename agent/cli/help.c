// SPDX-License-Identifier: Apache-2.0
/*
 * Why: help is the part of the program that is read first; it is made from the same tables as the
 * parser, so it can be short and still not wrong.
 *
 * Invariant: fits 80 columns; names every option that a command takes and no other.
 */
#include "help.h"

#include <ctype.h>

#include "wrap.h"

#define OPTION_INDENT 26
#define COMMAND_INDENT 11

/* NULL is all commands. A line is there for those that can end so. */
static void print_exit_status(FILE *out, const struct command_row *command)
{
	bool is_run = command && command->command == COMMAND_RUN;

	if (is_run)
		fputs("Exit status: that of CMD, or that of --error-exitcode; before CMD runs\n",
		      out);
	else
		fputs("Exit status:\n  0  done\n", out);
	fputs("  1  something failed while running\n"
	      "  2  the command line or the config file is wrong\n"
	      "  3  this host cannot run it; 'connleak check' says why\n",
	      out);
	if (is_run)
		fputs("  126, 127  CMD cannot be executed, is not there\n", out);
	if (!command || option_find("fail-on")->commands & command->command)
		fputs("  4  a verdict stands (with --fail-on)\n", out);
}

static void print_option(FILE *out, const struct option_row *row)
{
	int used = fprintf(out, "  ");

	if (row->letter)
		used += fprintf(out, "-%c, ", row->letter);
	used += fprintf(out, "--%s%s%s", row->name, row->argument ? " " : "",
			row->argument ? row->argument : "");
	if (used + 2 > OPTION_INDENT) {
		fputc('\n', out);
		used = 0;
	}
	fprintf(out, "%*s", OPTION_INDENT - used, "");
	wrap_print(out, row->help, OPTION_INDENT, OPTION_INDENT);
}

/* Options that every command takes, or those that only some do. */
static bool is_shared(const struct option_row *row)
{
	return row->commands == COMMAND_ALL;
}

static void print_options(FILE *out, const struct command_row *command, bool shared)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	for (size_t i = 0; i < count; i++)
		if (is_shared(&rows[i]) == shared &&
		    (!command || rows[i].commands & command->command))
			print_option(out, &rows[i]);
}

static bool has_own_options(const struct command_row *command)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	for (size_t i = 0; i < count; i++)
		if (!is_shared(&rows[i]) && rows[i].commands & command->command)
			return true;
	return false;
}

static void print_overview(FILE *out)
{
	size_t count;
	const struct command_row *rows = command_rows(&count);

	fputs("connleak finds database connections that processes on this host leak.\n"
	      "It watches from inside the kernel: no change to the application, no\n"
	      "database password.\n"
	      "\n"
	      "Usage: connleak COMMAND [OPTION...]\n"
	      "\n"
	      "Commands:\n",
	      out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  %-*s%s\n", COMMAND_INDENT - 2, rows[i].name, rows[i].purpose);
	fputs("\n'connleak COMMAND --help' lists the options of a command. Shared by all:\n", out);
	print_options(out, NULL, true);
	fputs("\n"
	      "Examples:\n"
	      "  connleak check                      can this host run it?\n"
	      "  connleak list --port 5432           who is connected to PostgreSQL?\n"
	      "  connleak top                        which pools need attention?\n"
	      "  connleak agent --json               report verdicts until stopped\n"
	      "\n",
	      out);
	print_exit_status(out, NULL);
}

void help_print(FILE *out, const struct command_row *command)
{
	if (!command) {
		print_overview(out);
		return;
	}
	fprintf(out, "Usage: connleak %s [OPTION...]%s%s\n\n", command->name,
		command->operand ? " " : "", command->operand ? command->operand : "");
	wrap_print(out, command->about, 0, 0);
	if (has_own_options(command)) {
		fprintf(out, "\nOptions of %s:\n", command->name);
		print_options(out, command, false);
	}
	fputs("\nOptions of every command:\n", out);
	print_options(out, command, true);
	fprintf(out, "\nExamples:\n%s\n", command->examples);
	print_exit_status(out, command);
}

void help_print_settings(FILE *out)
{
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	fputs("Settings of the detector, for --set KEY=VALUE and for the section [detector] of\n"
	      "a config file. The defaults are chosen so that nobody has to touch them.\n\n",
	      out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "  %s = %g%s%s  (%g to %g)\n      ", rows[i].key, rows[i].initial,
			rows[i].unit[0] ? " " : "", rows[i].unit, rows[i].low, rows[i].high);
		wrap_print(out, rows[i].help, 6, 6);
	}
}

/* Roff text in the middle of a line, with hyphens that can be copied. */
static void print_roff(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\\')
			fputs("\\e", out);
		else
			fputc(*text, out);
	}
}

static void print_option_roff(FILE *out, const struct option_row *row)
{
	fputs(".TP\n", out);
	if (row->letter)
		fprintf(out, "\\fB\\-%c\\fR, ", row->letter);
	fputs("\\fB\\-\\-", out);
	print_roff(out, row->name);
	fputs("\\fR", out);
	if (row->argument)
		fprintf(out, " \\fI%s\\fR", row->argument);
	fputc('\n', out);
	fputc(toupper((unsigned char)row->help[0]), out);
	print_roff(out, row->help + 1);
	fputs(".\n", out);
}

void help_print_man(FILE *out, const struct command_row *command)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);

	for (int shared = 0; shared <= 1; shared++)
		for (size_t i = 0; i < count; i++)
			if (is_shared(&rows[i]) == (bool)shared &&
			    (command ? (rows[i].commands & command->command) != 0
				     : is_shared(&rows[i])))
				print_option_roff(out, &rows[i]);
}

void help_print_settings_man(FILE *out)
{
	size_t count;
	const struct setting_row *rows = settings_rows(&count);

	for (size_t i = 0; i < count; i++) {
		fprintf(out, ".TP\n\\fB%s\\fR = %g%s%s (%g to %g)\n", rows[i].key, rows[i].initial,
			rows[i].unit[0] ? " " : "", rows[i].unit, rows[i].low, rows[i].high);
		fputc(toupper((unsigned char)rows[i].help[0]), out);
		print_roff(out, rows[i].help + 1);
		fputs(".\n", out);
	}
}

void help_print_keys_man(FILE *out)
{
	size_t count;
	const struct option_row *rows = option_rows(&count);
	const char *before = "\\fB";

	for (size_t i = 0; i < count; i++) {
		if (!rows[i].in_config)
			continue;
		fputs(before, out);
		print_roff(out, rows[i].name);
		before = "\\fR,\n\\fB";
	}
	fputs("\\fR,\n", out);
}

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void print_option_row(FILE *out, const struct option_row *row)
{
	size_t count;
	const struct command_row *commands = command_rows(&count);
	const char letter[2] = {row->letter, '\0'};

	fprintf(out, "option\t%s\t%s\t%s", row->name, or_none(row->letter ? letter : NULL),
		or_none(row->argument));
	for (size_t i = 0; i < count; i++)
		if (row->commands & commands[i].command)
			fprintf(out, "\t%s", commands[i].name);
	fputc('\n', out);
}

void help_print_table(FILE *out)
{
	size_t command_count, option_count, setting_count;
	const struct command_row *commands = command_rows(&command_count);
	const struct option_row *options = option_rows(&option_count);
	const struct setting_row *settings = settings_rows(&setting_count);

	for (size_t i = 0; i < command_count; i++)
		fprintf(out, "command\t%s\t%s\n", commands[i].name, or_none(commands[i].operand));
	for (size_t i = 0; i < option_count; i++)
		print_option_row(out, &options[i]);
	for (size_t i = 0; i < setting_count; i++)
		fprintf(out, "setting\t%s\n", settings[i].key);
	for (unsigned int kind = 0; kind < VERDICT_KIND_COUNT; kind++)
		fprintf(out, "verdict\t%s\n", verdict_kind_name((enum verdict_kind)kind));
}
