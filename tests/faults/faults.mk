# SPDX-License-Identifier: Apache-2.0
# `make faults` refuses each allocation of each command in turn, from its start to its end, under
# AddressSanitizer and with its probes loaded; FAULTS="--stride 9 list" is a part of it. `make
# live-asan` runs the core of the live tests with such a build. There are no threads, so there is
# nothing for ThreadSanitizer. Both as root.

ASAN_BUILD  := $(BUILD)/asan
ASAN_FLAGS  := -fsanitize=address,undefined -fno-sanitize-recover=all
REFUSE_WRAP := $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc reallocarray strdup strndup asprintf)

.PHONY: faults live-asan

faults:
	@$(MAKE) --no-print-directory -s BUILD=$(ASAN_BUILD) SANITIZE='$(ASAN_FLAGS)' \
		$(ASAN_BUILD)/faults/connleak
	$(PYTHON) -B tests/faults/refuse.py $(ASAN_BUILD)/faults/connleak $(FAULTS)

live-asan:
	@$(MAKE) --no-print-directory -s BUILD=$(ASAN_BUILD) SANITIZE='$(ASAN_FLAGS)' \
		$(ASAN_BUILD)/connleak test-programs
	CONNLEAK_BUILD=$(ASAN_BUILD) $(PYTHON) -B -m pytest -p no:cacheprovider -q \
		$$(sed -n 's/^test_/tests\/live\/test_/p' tests/vm/core-tests)

$(BUILD)/faults/connleak: $(MAIN_OBJ) $(BUILD)/tests/faults/refuse.o $(BUILD)/libagent.a $(BUILD)/libcore.a
	@mkdir -p $(@D)
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $(REFUSE_WRAP) $^ $(LIBS) -lm -o $@
