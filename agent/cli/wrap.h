/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paragraphs for an 80-column terminal.
 */
#ifndef CONNLEAK_CLI_WRAP_H
#define CONNLEAK_CLI_WRAP_H

#include <stdio.h>

#define WRAP_COLUMNS 80

/*
 * Prints the words of text, the first of them at the column where the output already stands (used),
 * every further line indented by indent, and a newline at the end.
 */
void wrap_print(FILE *out, const char *text, int used, int indent);

#endif
