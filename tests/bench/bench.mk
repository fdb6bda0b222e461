# SPDX-License-Identifier: Apache-2.0
# `make bench` prints what connleak costs; it reports and never fails on a figure.

.PHONY: bench

bench: $(BUILD)/bench/core-bench
	$(BUILD)/bench/core-bench

$(BUILD)/bench/core-bench: $(BUILD)/tests/bench/core_bench.o $(BUILD)/libcore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -lm -o $@

-include $(BUILD)/tests/bench/core_bench.d
