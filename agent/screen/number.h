/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people type them: 5, 2.5, 80%, 5m, 2h.
 */
#ifndef CONNLEAK_SCREEN_NUMBER_H
#define CONNLEAK_SCREEN_NUMBER_H

#include <stdbool.h>

/*
 * A number with s, m, min, h or d behind it is a time, in seconds; one without is what it is, and
 * with % where that is allowed. False for everything else: signs, blanks, hexadecimal, infinity.
 */
bool number_parse(const char *text, bool may_be_percent, double *ret_number);

#endif
