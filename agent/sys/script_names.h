/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an interpreter calls one of its frames.
 */
#ifndef CONNLEAK_SYS_SCRIPT_NAMES_H
#define CONNLEAK_SYS_SCRIPT_NAMES_H

#include <stdint.h>

struct script_names {
	char function[128]; /* qualified; UTF-8 where the program's source is */
	char file[192]; /* the end of the path, where it is longer; "" = unknown */
	uint32_t line; /* 0 = unknown */
};

#endif
