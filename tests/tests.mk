# SPDX-License-Identifier: Apache-2.0
# Set-up, demonstration and tests; included by the Makefile, whose variables it uses.

LIVE_BIN := $(addprefix $(BUILD)/live/,client server spawn-as observer sender-probe)
DEMO_BIN := $(addprefix $(BUILD)/demo/,healthy-app leaky-app)
PYTHON   := /usr/bin/python3

.PHONY: test-programs test-run vm vm-run churn

deps:
	@packaging/deps.sh build

test-deps:
	@packaging/deps.sh test

# What follows deps is another make: this one has looked for the tools before they were there.
demo:
	@packaging/deps.sh demo
	@$(MAKE) --no-print-directory -s $(BUILD)/connleak $(DEMO_BIN) $(BUILD)/live/server
	@tests/demo/run.sh $(BUILD)

test:
	@packaging/deps.sh test
	@$(MAKE) --no-print-directory $(BUILD)/connleak test-programs $(UNIT_BIN)
	@$(MAKE) --no-print-directory test-run

test-programs: $(LIVE_BIN) $(DEMO_BIN)

test-run:
	@tests/run.sh $(BUILD)

live: $(BUILD)/connleak test-programs
	CONNLEAK_BUILD=$(BUILD) $(PYTHON) -m pytest -p no:cacheprovider -rs tests/live

# The long form: ten minutes, and many more seeds.
churn: $(BUILD)/connleak test-programs
	CONNLEAK_BUILD=$(BUILD) CONNLEAK_CHURN_SECONDS=600 CONNLEAK_CHURN_SEEDS=100 \
		$(PYTHON) -m pytest -p no:cacheprovider -rs tests/live/test_churn.py

# The live tests on Debian's kernels, one after the other: hours on a busy machine. VM="--core 6.12"
# is a part of it; `make test` has the tests of tests/vm, which are the short form.
vm:
	@packaging/deps.sh vm
	@$(MAKE) --no-print-directory vm-run

vm-run: $(BUILD)/connleak test-programs
	CONNLEAK_BUILD=$(BUILD) $(PYTHON) -B -m pytest -p no:cacheprovider -rs tests/vm
	$(PYTHON) -B tests/vm/matrix.py $(BUILD) $(VM)

LIVE_OBJ := $(patsubst %,$(BUILD)/tests/live/clients/%.o,client line opener process server spawn_as observer sender_probe)
DEMO_OBJ := $(patsubst %,$(BUILD)/tests/demo/%.o,pool healthy_app leaky_app)

$(BUILD)/live/client: $(patsubst %,$(BUILD)/tests/live/clients/%.o,client process opener line)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -luring -lpthread -o $@

$(BUILD)/live/server: $(patsubst %,$(BUILD)/tests/live/clients/%.o,server line)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@

$(BUILD)/live/spawn-as: $(BUILD)/tests/live/clients/spawn_as.o
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@

$(BUILD)/live/observer: $(BUILD)/tests/live/clients/observer.o $(BUILD)/libagent.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -lm -o $@

$(BUILD)/live/sender-probe: $(BUILD)/tests/live/clients/sender_probe.o $(BUILD)/libagent.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -lm -o $@

$(BUILD)/demo/healthy-app: $(patsubst %,$(BUILD)/tests/demo/%.o,healthy_app pool)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@

$(BUILD)/demo/leaky-app: $(patsubst %,$(BUILD)/tests/demo/%.o,leaky_app pool)
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ -o $@

-include $(LIVE_OBJ:.o=.d) $(DEMO_OBJ:.o=.d)

# An hour of real churn, and memory and descriptors as they were before it.
SOAK_SECONDS ?= 3600

.PHONY: soak

soak: $(BUILD)/connleak test-programs
	SOAK_SECONDS=$(SOAK_SECONDS) CONNLEAK_BUILD=$(BUILD) $(PYTHON) -m pytest -p no:cacheprovider \
		-s tests/live/test_soak.py
