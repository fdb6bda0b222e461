// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as files of /proc/PID: no crash, and results only with success.
 */
#include <stdlib.h>
#include <string.h>

#include "sys/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly this length, so that a read beyond it is seen. */
	char *text = malloc(size ? size : 1);
	struct proc_stat stat = {.start_ticks = 7, .thread_count = 8, .state = '9'};
	uint32_t ns_pid = 7;

	if (!text)
		abort();
	memcpy(text, data, size);
	if (proc_parse_stat(text, size, &stat) == 0)
		(void)proc_start_matches(proc_ticks_to_ns(stat.start_ticks, 100), 1);
	else if (stat.start_ticks != 7 || stat.thread_count != 8 || stat.state != '9')
		abort();
	if (proc_parse_ns_pid(text, size, &ns_pid) != 0 && ns_pid != 7)
		abort();
	free(text);
	return 0;
}
