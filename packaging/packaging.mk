# SPDX-License-Identifier: Apache-2.0
# Installation and packages; included by the Makefile, whose variables it uses.
#
# `make install` puts everything below DESTDIR, and that is all that the packages and the container
# image are made from.

DESTDIR    ?=
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SHAREDIR   ?= $(PREFIX)/share
UNITDIR    ?= $(PREFIX)/lib/systemd/system
CATALOGDIR ?= $(PREFIX)/lib/systemd/catalog
SYSCONFDIR ?= $(if $(filter /usr,$(PREFIX)),/etc,$(PREFIX)/etc)

COMPLETION := $(BUILD)/completion/connleak

.PHONY: install install-bin completion deb rpm image package-test

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
	install -d $(DESTDIR)$(UNITDIR)
	sed 's,/usr/bin/connleak,$(BINDIR)/connleak,' packaging/systemd/connleak.service \
		>$(DESTDIR)$(UNITDIR)/connleak.service
	chmod 644 $(DESTDIR)$(UNITDIR)/connleak.service
	install -D -m 644 -t $(DESTDIR)$(SHAREDIR)/connleak/prometheus packaging/prometheus/*.yml
	install -D -m 644 -t $(DESTDIR)$(SHAREDIR)/connleak/grafana packaging/grafana/connleak.json
	for catalog in packaging/systemd/*.catalog; do \
		[ ! -e "$$catalog" ] || install -D -m 644 -t $(DESTDIR)$(CATALOGDIR) "$$catalog"; \
	done

# --- Debian package ----------------------------------------------------------------------------

DEB_DIR  := $(BUILD)/deb
DEB_TREE := $(DEB_DIR)/connleak-$(VERSION)
# What every build has anyway.
BUILD_ESSENTIAL := gcc|libc6-dev|make
# What a checkout has and a release has not.
NO_SOURCE := --exclude=./build --exclude=./.git --exclude=node_modules --exclude=__pycache__

# The packager's directory has to be called debian and to be at the top: the build gets a copy.
deb:
	rm -rf $(DEB_TREE)
	mkdir -p $(DEB_TREE)
	tar -c $(NO_SOURCE) . | tar -x -C $(DEB_TREE)
	mv $(DEB_TREE)/packaging/debian $(DEB_TREE)/debian
	sed -i "s/@BUILD_DEPENDS@/$$(packaging/deps.sh build --print | grep -vxE '$(BUILD_ESSENTIAL)' | \
		paste -sd , | sed 's/,/, /g')/" $(DEB_TREE)/debian/control
	cd $(DEB_TREE) && env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS dpkg-buildpackage -b -uc -us
	rm -rf $(DEB_TREE)

# --- RPM package -------------------------------------------------------------------------------

RPM_DIR   := $(BUILD)/rpm
RPM_FLAGS ?=

rpm:
	mkdir -p $(RPM_DIR)/SOURCES
	tar -czf $(RPM_DIR)/SOURCES/connleak-$(VERSION).tar.gz $(NO_SOURCE) \
		--transform 's,^\.,connleak-$(VERSION),' .
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u BUILD -u DESTDIR rpmbuild -bb $(RPM_FLAGS) \
		--define "_topdir $(abspath $(RPM_DIR))" packaging/rpm/connleak.spec

# --- container image ---------------------------------------------------------------------------

IMAGE ?= connleak:$(VERSION)

image: deb
	packaging/container/build.sh $(DEB_DIR)/connleak_$(VERSION)-*.deb $(BUILD)/image.tar
	podman import --change 'ENTRYPOINT ["/usr/bin/connleak"]' --change 'CMD ["agent"]' \
		$(BUILD)/image.tar $(IMAGE)

# --- tests -------------------------------------------------------------------------------------

# With a virtual machine in which the package is installed, upgraded, removed and purged, which takes
# minutes; make test has the others.
package-test: $(BUILD)/connleak test-programs
	CONNLEAK_BUILD=$(BUILD) $(PYTHON) -m pytest -p no:cacheprovider -rs tests/packaging
