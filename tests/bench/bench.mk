# SPDX-License-Identifier: Apache-2.0
# `make bench` prints what connleak costs beside what others cost, as a table and as JSON in
# $(BUILD)/bench.json; it reports and never fails on a figure. BENCH=--quick is the short form,
# BENCH="tick rate" some parts of it. As root, for a quarter of an hour.

BENCH_BIN := $(addprefix $(BUILD)/bench/,core-bench load attach copying empty.bpf.o)

.PHONY: bench bench-run bench-stacks

# What call stacks cost in the kernel and in the symbolizer; half a minute, as root.
bench-stacks: $(BUILD)/connleak $(BUILD)/bench/attach
	$(PYTHON) -B tests/bench/stacks_bench.py $(BUILD)

bench:
	@packaging/deps.sh bench
	@$(MAKE) --no-print-directory bench-run

bench-run: $(BUILD)/connleak $(BENCH_BIN)
	$(PYTHON) -B tests/bench/bench.py $(BUILD) --json $(BUILD)/bench.json $(BENCH)

$(BUILD)/bench/core-bench: $(BUILD)/tests/bench/core_bench.o $(BUILD)/libcore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -lm -o $@

$(BUILD)/bench/load $(BUILD)/bench/attach: $(BUILD)/bench/%: $(BUILD)/tests/bench/%.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@

$(BUILD)/bench/copying: $(BUILD)/tests/bench/copying.o $(BUILD)/libagent.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -lm -o $@

$(BUILD)/bench/empty.bpf.o: tests/bench/empty.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $@"
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

-include $(patsubst %,$(BUILD)/tests/bench/%.d,core_bench load attach copying)
