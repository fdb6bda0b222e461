/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of a run as text, "pool=go,rate=60,after=1h", and the lists of alternatives,
 * "pool=go|tomcat,rate=60|600", that families are made of.
 */
#ifndef CONNLEAK_EVAL_PARAMS_H
#define CONNLEAK_EVAL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PARAMS_SIZE 240

/* A value of key as a number: "1.5", or a time in seconds with s, m, h or d behind it. */
double params_number(const char *params, const char *key, double otherwise);

/* A value of key as a word in buffer, or otherwise. */
const char *params_word(const char *params, const char *key, const char *otherwise, char *buffer,
			size_t size);

/* Number of combinations of a list of alternatives; "" has one. */
uint32_t params_combinations(const char *grid);

/* The index-th combination. Returns buffer. */
const char *params_pick(const char *grid, uint32_t index, char *buffer, size_t size);

#endif
