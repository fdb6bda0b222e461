# SPDX-License-Identifier: Apache-2.0
# `make lint` runs every static checker; tests/lint/exceptions lists what they are wrong about, with
# the reason. `make lint-quick` leaves out clang's path-sensitive analyzer, which takes most of the
# time. A file is looked at again only when it, a header or the rules have changed. Both look whether
# every parser has a fuzz target.
# `make coverage` counts which lines of core/ the unit tests run, and which of screen/, and whether
# the tests with memory refused come to every allocation.

LINT_BUILD := $(BUILD)/lint
LINT_SRC   := $(CORE_SRC) $(AGENT_SRC) $(filter-out %.bpf.c,$(wildcard tests/*/*.c tests/live/clients/*.c))
LINT_RULES := .clang-tidy tests/.clang-tidy tests/lint/lint.mk \
	      $(wildcard agent/*/*.h bpf/abi.h tests/*/*.h tests/live/clients/*.h)
LINT_FLAGS := -D_GNU_SOURCE -DCONNLEAK_VERSION='"$(VERSION)"' -I. -Iagent -I$(BUILD)
TIDY_QUICK := $(LINT_SRC:%.c=$(LINT_BUILD)/%.quick)
TIDY_FULL  := $(LINT_SRC:%.c=$(LINT_BUILD)/%.tidy)
# gcc 12 takes minutes over what uthash makes of this one.
GCC_LINT   := $(patsubst %.c,$(LINT_BUILD)/%.gcc,$(filter-out agent/sys/tally.c,$(CORE_SRC) $(AGENT_SRC)))
# Words that are misspelt on purpose, in tests of what connleak answers to them.
SPELLING   := $(LINT_BUILD)/spelling
# The goal for each of the two, in per cent of lines; `make coverage` fails below it.
COVERAGE_GOAL ?= 95

.PHONY: lint lint-quick lint-all lint-most coverage shellcheck fuzzed

lint lint-quick:
	@packaging/deps.sh lint
	@$(MAKE) --no-print-directory -s -j $$(nproc) $(SKELETONS)
	@$(MAKE) --no-print-directory -s -j $$(nproc) $(if $(filter lint,$@),lint-all,lint-most)

lint-all: shellcheck fuzzed $(SPELLING) $(LINT_BUILD)/cppcheck $(GCC_LINT) $(TIDY_FULL)
	@tests/lint/judge.py tests/lint/exceptions $(filter-out $(SPELLING) shellcheck fuzzed,$^)

lint-most: shellcheck fuzzed $(SPELLING) $(LINT_BUILD)/cppcheck $(GCC_LINT) $(TIDY_QUICK)
	@tests/lint/judge.py --quick tests/lint/exceptions $(filter-out $(SPELLING) shellcheck fuzzed,$^)

# A file that clang-tidy cannot compile fails here; what it finds is for judge.py.
$(LINT_BUILD)/%.tidy: %.c $(LINT_RULES)
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- -std=gnu11 $(LINT_FLAGS) >$@ 2>$@.err || { cat $@ $@.err; exit 1; }

$(LINT_BUILD)/%.quick: %.c $(LINT_RULES)
	@mkdir -p $(@D)
	@clang-tidy --quiet --checks='-clang-analyzer-*' $< -- -std=gnu11 $(LINT_FLAGS) >$@ 2>$@.err || \
		{ cat $@ $@.err; exit 1; }

# Not its malloc-leak: up to gcc 12 it takes what is kept through a pointer argument for lost. The
# unit tests run under a leak checker.
$(LINT_BUILD)/%.gcc: %.c $(LINT_RULES)
	@mkdir -p $(@D)
	@gcc -fanalyzer -Wno-analyzer-malloc-leak -O1 -std=gnu11 $(LINT_FLAGS) -c -o /dev/null $< 2>$@ || { cat $@; exit 1; }

# Not over unit tests and fuzz targets: it takes an assertion for something that may be passed.
CPPCHECK_SRC := $(filter-out tests/unit/% tests/fuzz/%,$(LINT_SRC))
$(LINT_BUILD)/cppcheck: $(CPPCHECK_SRC) $(LINT_RULES)
	@mkdir -p $(@D)
	@cppcheck --quiet -j $$(nproc) --std=c11 --enable=warning,style,performance,portability \
		--suppress=variableScope --suppress=unusedStructMember --suppress=shadowFunction \
		--template='{file}:{line}:{column}: {severity}: {message} [{id}]' \
		-D'LIBBPF_OPTS(type,name,...)=struct type name = {0}' $(LINT_FLAGS) \
		$(CPPCHECK_SRC) >$@ 2>&1 || { cat $@; exit 1; }

$(SPELLING): $(shell git ls-files 2>/dev/null | grep -vE '\.gz$$|package-lock|/corpus/|/screens/')
	@mkdir -p $(@D)
	@codespell --ignore-words=tests/lint/misspelt $^
	@touch $@

fuzzed:
	@tests/lint/fuzzed.sh

shellcheck:
	git ls-files '*.sh' .ci/run | xargs shellcheck

# --- coverage ----------------------------------------------------------------------------------

COVERAGE_BUILD := $(BUILD)/coverage

COVERAGE_MAKE  := $(MAKE) --no-print-directory -s -j $$(nproc) BUILD=$(COVERAGE_BUILD) CFLAGS='-O0 -g' SANITIZE=--coverage
COVERAGE_COUNT := gcovr --root . --filter 'agent/(core|screen)/' --exclude-throw-branches
# In these every allocation is refused once; they run first and by themselves, so that counts are theirs.
NO_MEMORY_BIN  := $(filter $(BUILD)/tests/unit/test_no_memory%,$(UNIT_BIN))

# Counters of an earlier run would be added to.
coverage:
	@mkdir -p $(COVERAGE_BUILD)
	@find $(COVERAGE_BUILD) -name '*.gcda' -delete
	@$(COVERAGE_MAKE) UNIT_BIN='$(NO_MEMORY_BIN:$(BUILD)/%=$(COVERAGE_BUILD)/%)' unit >$(BUILD)/coverage.log 2>&1 || \
		{ tail -n 30 $(BUILD)/coverage.log; exit 1; }
	@$(COVERAGE_COUNT) --json -o $(COVERAGE_BUILD)/refused.json $(COVERAGE_BUILD)
	@$(COVERAGE_MAKE) unit >$(BUILD)/coverage.log 2>&1 || { tail -n 30 $(BUILD)/coverage.log; exit 1; }
	@$(COVERAGE_COUNT) --json -o $(COVERAGE_BUILD)/lines.json $(COVERAGE_BUILD)
	@tests/lint/refused.py $(COVERAGE_BUILD)/refused.json
	@status=0; for directory in core screen; do \
		gcovr --root . --add-tracefile $(COVERAGE_BUILD)/lines.json --filter "agent/$$directory/" \
			--sort-percentage --fail-under-line $(COVERAGE_GOAL) || status=1; \
	done; exit $$status
