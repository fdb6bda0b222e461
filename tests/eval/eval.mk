# SPDX-License-Identifier: Apache-2.0
# How good the detector is: `make eval` is the long form, `make eval-short` the one that guards
# against getting worse. SEED=7 or SEED=random changes the runs; EVAL_OPTIONS are handed on.

SEED         ?= 1
EVAL_JOBS    ?= 2
EVAL_OPTIONS ?=
# The long form takes half an hour of one core, so a quarter of an hour with two that are idle.
EVAL_REPEAT  ?= 8

# Below these eval-short fails. They stand well under what is measured, so that another seed does
# not trip them, and are to be raised with it; the goals are in the tables, not here. "held-" is a
# figure of the held-out families; alarms, suspects and others (what is raised on healthy pools
# and is no leak) are counts, the rest shares.
EVAL_FLOORS ?= errors=0 held-errors=0 caught=0.97 held-caught=0.97 caught-twenty=0.87 \
	held-caught-twenty=0.85 caught-beside=0.75 caught-other=0.85 held-caught-other=0.80 \
	timely=0.44 held-timely=0.52 leaked=9 held-leaked=9 leaked-cold=13 held-leaked-cold=13 \
	alarms-ordinary=0 held-alarms-ordinary=0 alarms-hostile=3 held-alarms-hostile=2 \
	suspects=25 held-suspects=16 others=1 held-others=2 precision=0.98 held-precision=0.98 \
	recall=0.95 held-recall=0.95 exhausted=0.95 held-exhausted=0.83 told=0.46 told-cold=0.22 \
	storm=1 held-storm=1 mistaken=0.02 held-mistaken=0.02

EVAL_SRC := $(wildcard tests/eval/*.c)
EVAL_OBJ := $(EVAL_SRC:%.c=$(BUILD)/%.o)

.PHONY: eval eval-short

# pipeline.o is all that is needed of the agent: no probes, so neither libbpf nor root.
$(BUILD)/eval/eval: $(EVAL_OBJ) $(BUILD)/agent/cli/pipeline.o $(BUILD)/libcore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(shell pkg-config --libs jansson) -lm -o $@

eval: $(BUILD)/eval/eval
	$(BUILD)/eval/eval --seed $(SEED) --jobs $(EVAL_JOBS) --repeat $(EVAL_REPEAT) $(EVAL_OPTIONS)

eval-short: $(BUILD)/eval/eval
	$(BUILD)/eval/eval --seed $(SEED) --jobs $(EVAL_JOBS) --most 1 \
		$(EVAL_FLOORS:%=--floor %) $(EVAL_OPTIONS)

-include $(EVAL_OBJ:.o=.d)
