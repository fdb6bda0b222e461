/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What --help and 'connleak help' print, and the OPTIONS sections of the man pages; all of it from
 * the tables of option_table.h and settings.h.
 */
#ifndef CONNLEAK_CLI_HELP_H
#define CONNLEAK_CLI_HELP_H

#include <stdio.h>

#include "option_table.h"

/* 'connleak --help' where command is NULL, else 'connleak COMMAND --help'. */
void help_print(FILE *out, const struct command_row *command);

/* The settings of the detector, for --set and the config file. */
void help_print_settings(FILE *out);

/* The same as roff of the man macros: the options of one command, or those that all share. */
void help_print_man(FILE *out, const struct command_row *command);
void help_print_settings_man(FILE *out);

/* The keys of a config file that are options, as roff: a list with a comma behind each. */
void help_print_keys_man(FILE *out);

/*
 * The tables themselves, one row a line, fields parted by tabs and "-" for none: "command NAME
 * OPERAND", "option NAME LETTER ARGUMENT COMMAND...", "setting KEY", "verdict KIND". What the shell
 * completion is built from.
 */
void help_print_table(FILE *out);

#endif
