// SPDX-License-Identifier: Apache-2.0
/*
 * What the seeds of fuzz_elf are built of: functions of several sizes, one of them inlined, and
 * frames that need .eh_frame. Never run.
 */
int save_order(volatile int *stock, int count);

static inline __attribute__((always_inline)) int take(volatile int *stock, int count)
{
	if (*stock < count)
		return -1;
	*stock -= count;
	return *stock;
}

__attribute__((noinline)) int save_order(volatile int *stock, int count)
{
	volatile int copies[16];
	int sum = take(stock, count);

	for (int i = 0; i < 16; i++)
		copies[i] = sum + i;
	return copies[count & 15];
}

int _start(int count)
{
	int stock = count;

	return save_order(&stock, 3) + save_order(&stock, 4);
}
