# SPDX-License-Identifier: Apache-2.0
# Installation and packages; included by the Makefile, whose variables it uses.
#
# `make install` puts everything below DESTDIR, and that is all that the packages and the container
# image are made from.

DESTDIR    ?=
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SHAREDIR   ?= $(PREFIX)/share
SYSTEMDDIR ?= $(PREFIX)/lib/systemd
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)

COMPLETION := $(BUILD)/completion/connleak

.PHONY: install install-bin completion

completion: $(COMPLETION)

$(COMPLETION): $(BUILD)/connleak packaging/completion/build.sh packaging/completion/connleak.bash.in
	$(Q)packaging/completion/build.sh $< $@

# The program alone, as a container image needs it.
install-bin: $(BUILD)/connleak
	install -D -m 755 $< $(DESTDIR)$(BINDIR)/connleak

install: install-bin man $(COMPLETION)
	install -d $(DESTDIR)$(SHAREDIR)/man/man8
	install -m 644 $(BUILD)/man/*.8 $(DESTDIR)$(SHAREDIR)/man/man8/
	install -D -m 644 $(COMPLETION) $(DESTDIR)$(SHAREDIR)/bash-completion/completions/connleak
	install -D -m 644 packaging/systemd/connleak.conf $(DESTDIR)$(SYSCONFDIR)/connleak/connleak.conf
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/connleak/connleak.conf.d
	install -d $(DESTDIR)$(SYSTEMDDIR)/system
	sed 's,/usr/bin/connleak,$(BINDIR)/connleak,' packaging/systemd/connleak.service \
		>$(DESTDIR)$(SYSTEMDDIR)/system/connleak.service
	chmod 644 $(DESTDIR)$(SYSTEMDDIR)/system/connleak.service
	for catalog in packaging/systemd/*.catalog; do \
		[ ! -e "$$catalog" ] || install -D -m 644 -t $(DESTDIR)$(SYSTEMDDIR)/catalog "$$catalog"; \
	done
