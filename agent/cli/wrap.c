// SPDX-License-Identifier: Apache-2.0
/*
 * Why: help and check explain in whole sentences; this breaks them so that they fit.
 *
 * Invariant: no line is longer than WRAP_COLUMNS - 1 unless one word alone is. Columns are bytes:
 * for the program's own ASCII sentences, not for text from outside.
 */
#include "wrap.h"

#include <string.h>

void wrap_print(FILE *out, const char *text, int used, int indent)
{
	int column = used;
	const char *gap = "";

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		int length = (int)strcspn(text, " ");

		if (column + (int)strlen(gap) + length >= WRAP_COLUMNS && column > indent) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
			gap = "";
		}
		column += fprintf(out, "%s%.*s", gap, length, text);
		gap = " ";
		text += length;
	}
	fputc('\n', out);
}
