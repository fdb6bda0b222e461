# SPDX-License-Identifier: Apache-2.0
# connleak. `make demo` and `make test` do all of their set-up; `make help` lists the rest.

VERSION  := 0.1.0
# make knows a CC of its own, so ?= would never be gcc.
ifeq ($(origin CC),default)
CC       := gcc
endif
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
# One tree of objects per compiler and sanitizer, so that switching rebuilds nothing wrongly.
BUILD    ?= build
SANITIZE ?=

comma    := ,
# V=1 shows the commands.
Q        := $(if $(V),,@)

PKGS     := libbpf libelf libdw zlib jansson libsystemd libcap libseccomp libmicrohttpd ncursesw
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Werror
CFLAGS   ?= -O2 -g
ALL_CFLAGS = -std=gnu11 $(WARNINGS) $(CFLAGS) $(SANITIZE) -fno-omit-frame-pointer -D_GNU_SOURCE \
	    -DCONNLEAK_VERSION='"$(VERSION)"' -I. -Iagent -I$(BUILD)
# libiberty: names of C++ and Rust. It has no pkg-config file.
LIBS     = $(shell pkg-config --libs $(PKGS)) -liberty

CORE_SRC  := $(wildcard agent/core/*.c agent/screen/*.c)
AGENT_SRC := $(wildcard agent/sys/*.c agent/sinks/*.c agent/cli/*.c)
BPF_SRC   := $(wildcard bpf/*.bpf.c)
UNIT_SRC  := $(wildcard tests/unit/test_*.c)

CORE_OBJ  := $(CORE_SRC:%.c=$(BUILD)/%.o)
AGENT_OBJ := $(AGENT_SRC:%.c=$(BUILD)/%.o)
MAIN_OBJ  := $(BUILD)/agent/cli/main.o
SKELETONS := $(BPF_SRC:bpf/%.bpf.c=$(BUILD)/bpf/%.skel.h)
UNIT_BIN  := $(UNIT_SRC:%.c=$(BUILD)/%)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all help man clean deps test-deps demo test unit live check-pure format format-check

all: $(BUILD)/connleak

help:
	@echo "make            build $(BUILD)/connleak"
	@echo "make demo       install what is missing, build, watch a leak being found (root)"
	@echo "make test       install what is missing, build, run unit and live tests (root)"
	@echo "make fuzz       every parser's fuzz target for FUZZ_SECONDS (10)"
	@echo "make fuzz-long  a minute for each, and keep what reached new code"
	@echo "make fuzz-replay each target over its corpus, in seconds"
	@echo "make eval       how good the detector is: labelled scenarios, goals, baselines"
	@echo "make soak       an hour of churn: memory and descriptors stay as they were (root)"
	@echo "make bench      what connleak costs, beside tcplife, tcpstates, ss and /proc (root)"
	@echo "make man        man pages in $(BUILD)/man"
	@echo "make install    below DESTDIR, with PREFIX (/usr/local)"
	@echo "make deb        a Debian package in $(BUILD)/deb"
	@echo "make rpm        an RPM package in $(BUILD)/rpm"
	@echo "make package-test the packages, also in a booted Debian with systemd (minutes, root)"
	@echo "make image      a container image IMAGE (connleak:$(VERSION)) in podman's storage (root)"
	@echo "make unit       unit tests only (cmocka); SANITIZE=-fsanitize=address,undefined works"
	@echo "make live       live tests only, against real servers (root)"
	@echo "make churn      connections against the kernel's own under churn and kill -9, ten minutes (root)"
	@echo "make vm         the live tests on Debian's kernels and on arm64"
	@echo "make faults     each allocation of each command refused, under AddressSanitizer (root)"
	@echo "make live-asan  the core of the live tests under AddressSanitizer (root)"
	@echo "make lint       every static checker; lint-quick without the slowest"
	@echo "make coverage   which lines of core/ and screen/ the unit tests run"
	@echo "make check-pure core/ has no I/O, no clock and no threads"
	@echo "make format     clang-format in place; format-check only looks"

# --- kernel side -------------------------------------------------------------------------------

BPF_CFLAGS := -target bpf -mcpu=v3 -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror -Ibpf -Ivmlinux

# bpftool drops the DWARF of the compiler's object and keeps its BTF.
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	@echo "  BPF     $@"
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $@.raw
	$(Q)$(BPFTOOL) gen object $@ $@.raw
	@rm -f $@.raw

$(BUILD)/bpf/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

# --- user side ---------------------------------------------------------------------------------

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  CC      $@"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# The skeletons are made before the first compilation; after that the .d files know who needs them.
$(AGENT_OBJ): | $(SKELETONS)

$(BUILD)/libcore.a: $(CORE_OBJ)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/libagent.a: $(filter-out $(MAIN_OBJ),$(AGENT_OBJ))
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/connleak: $(MAIN_OBJ) $(BUILD)/libagent.a $(BUILD)/libcore.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -lm -o $@

man: $(BUILD)/connleak
	packaging/man/build.sh $< $(BUILD)/man

# --- tests -------------------------------------------------------------------------------------

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libagent.a $(BUILD)/libcore.a
	@echo "  LD      $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) $^ $(LIBS) -lcmocka -lm -o $@

# Its own functions come between the core and the allocator.
$(BUILD)/tests/unit/test_no_memory $(BUILD)/tests/unit/test_no_memory_parts \
$(BUILD)/tests/unit/test_no_memory_screen: LDFLAGS += $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc \
	reallocarray strdup strndup asprintf free)

unit-programs: $(UNIT_BIN)

# With -j several at once; -O keeps the lines of each together.
UNIT_RUN := $(UNIT_BIN:%=%.run)
.PHONY: unit-programs $(UNIT_RUN)

unit: $(UNIT_RUN)

$(UNIT_RUN): %.run: %
	@echo "== $<"
	@$<

check-pure: $(CORE_OBJ)
	tests/unit/check-pure.sh $(CORE_OBJ)

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

format-check:
	git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

include packaging/packaging.mk
include tests/tests.mk
include tests/lint/lint.mk
include tests/faults/faults.mk
include tests/fuzz/Makefile.inc
include tests/bench/bench.mk
include tests/eval/eval.mk
include tests/traces/traces.mk

clean:
	rm -rf build

-include $(CORE_OBJ:.o=.d) $(AGENT_OBJ:.o=.d) $(BPF_SRC:%.c=$(BUILD)/%.d) \
	 $(UNIT_SRC:%.c=$(BUILD)/%.d)
