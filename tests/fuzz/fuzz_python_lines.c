// SPDX-License-Identifier: Apache-2.0
/*
 * Location tables of code objects: bytes out of another process.
 */
#include <string.h>

#include "sys/python_frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t first_line;

	if (size < sizeof(first_line))
		return 0;
	memcpy(&first_line, data, sizeof(first_line));
	for (uint64_t unit = 0; unit < 64; unit++)
		(void)python_find_line(data + 4, size - 4, first_line, unit); /* any number does */
	(void)python_find_line(data + 4, size - 4, first_line, UINT64_MAX);
	return 0;
}
