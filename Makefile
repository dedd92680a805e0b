# relaywarden: build, install, show and check. GNU make.
#
#   make            both programs, into $(BUILD)
#   make deps       the Debian packages for building and testing (as root; the only list of them);
#                   deps-build: those for building alone; deps-demo, deps-deb: and for the demo, for a package
#   make demo       the main job on a private Postfix (as root; installs what it needs)
#   make pictures   those of doc/tour.md, of what the demo shows (as root)
#   make unit       builds and runs all unit tests, without root; UNIT=WORD: those whose name contains it
#   make check      everything that is tested (as root; installs what it needs), with a sample of what takes
#                   longest; WHOLE=1: all of that; FAST=1: the quick loop, unit tests, rooms, formatting and the
#                   main tests against real servers
#   make sanitized  all tests of the milter with programs that the sanitizers and valgrind watch
#   make torture    each call that can fail does, once and from then on, in programs beside real servers (as root; hours,
#                   goes on where it was stopped); TORTURE=OPTIONS of tests/torture/run.py
#   make fuzz       every fuzzer for FUZZ_TIME seconds (600), FUZZ=NAME for one
#   make check-suite SUITE=trixie  builds there with both compilers, and runs the unit tests (as root; wants
#                   debootstrap); ARCH=i386 for another architecture
#   make mutate     which small changes of the judging code no unit test notices (as root); MUTATE=OPTIONS
#   make bench      measurements (as root)
#   make lint       rooms (includes, calls, circles), formatting, cppcheck, clang-tidy, manual pages
#   make format     clang-format over the tree
#   make completions  the shells' completions in conf/share, after a change of an option
#   make install    DESTDIR and PREFIX are honoured; uninstall takes away the same files
#                   DOC_BASE=https://HOST/PATH: where alerts find doc/, if not where it is installed
#   make image      an OCI image with both programs, in build/image; make check-image: podman runs it beside Postfix (as
#                   root; wants debootstrap)
#   make dist       the source as one file, in build/dist
#   make repo       a signed apt repository of it, in build/repo, for SUITES="bookworm trixie" (as root; wants reprepro and
#                   gpg, and debootstrap for other suites than this machine's); REPO_KEY: whose signature;
#                   make check-repo: apt and autopkgtest use it in fresh roots
#   make rpm        an RPM package, in build/rpm (wants rpmbuild)
#   make deb        a Debian package and its source package, in build/deb
#
# CC, AR, PKG_CONFIG, CPPFLAGS, CFLAGS and LDFLAGS are honoured. Commands are shown with V=1. BUILD names the folder of everything made; SANITIZE=address,undefined or thread builds with it.

VERSION  := 0.1.0
BUILD    ?= build/$(notdir $(CC))
PREFIX   ?= /usr/local
DESTDIR  ?=
SYSCONFDIR ?= /etc
MODULEDIR := $(PREFIX)/lib/relaywarden
# Where the programs look for modules: where they are installed.
MODULE_BASE ?= $(MODULEDIR)
# Alerts link to this: an https address at which doc/ is served, else the place where it is installed.
DOC_BASE ?= $(PREFIX)/share/doc/relaywarden/doc
SANITIZE ?=

ifeq ($(origin CC),default)
CC := gcc
endif

ifneq ($(V),1)
Q := @
say = @echo '  $(1) $(2)'
endif

# These install packages and make network namespaces; said before anything is compiled in vain.
as_root := $(filter check check-suite check-image repo check-repo sanitized torture mutate demo pictures bench deps deps-build deps-demo deps-deb,$(MAKECMDGOALS))
ifneq ($(as_root),)
ifneq ($(shell id -u),0)
$(error run as root: sudo make $(as_root))
endif
endif

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
# Objects stay, also those that only a test is linked from.
.SECONDARY:

# ---- Debian packages ---------------------------------------------------------------------------
# Build, then analysis, then what the tests drive. Daemons are installed without being started or
# enabled, and mail servers beside the machine's own are only unpacked. No package is ever removed or
# upgraded for this list.
DEPS_BUILD := gcc libc6-dev make git pkg-config ca-certificates libmilter-dev libc-ares-dev \
    libconfuse-dev libevent-dev libssl-dev libjansson-dev libsqlite3-dev libidn2-dev libpsl-dev \
    libmnl-dev libcurl4-openssl-dev libpq-dev
DEPS_CHECK := clang lld clang-tidy clang-format cppcheck libclang-rt-dev libcmocka-dev mandoc
DEPS_DEMO  := postfix rsyslog nsd nftables iproute2 procps openssl netbase python3 util-linux
DEPS_TEST  := libsasl2-modules sasl2-bin python3-pytest valgrind strace exim4-daemon-heavy opensmtpd sendmail-bin m4 postgrey \
    nmap prometheus prometheus-alertmanager curl syslog-ng-core nginx chromium poppler-utils npm systemd logrotate postfix-pcre zsh fish python3-jsonschema \
    postgresql pgbouncer ansible-core uidmap libxml2-utils
DEPS_DEB   := build-essential debhelper dpkg-dev fakeroot lintian systemd-dev
DEPS := $(DEPS_BUILD) $(DEPS_CHECK) $(DEPS_DEMO) $(DEPS_TEST) $(DEPS_DEB)

.PHONY: deps deps-build deps-demo deps-deb
deps:
	@sh tests/deps.sh $(DEPS)
deps-build:
	@sh tests/deps.sh $(DEPS_BUILD)
deps-demo:
	@sh tests/deps.sh $(DEPS_BUILD) $(DEPS_DEMO)
deps-deb:
	@sh tests/deps.sh $(DEPS_BUILD) $(DEPS_DEB)

# ---- compiling -----------------------------------------------------------------------------------
LIBS := libcares libconfuse libevent libevent_openssl 'openssl >= 3.0' jansson sqlite3 libidn2 libpsl libmnl libcurl
PKG_CONFIG ?= pkg-config
# Asked for once per make, and only when something is compiled.
pkg = $(eval pkg_cflags := $$(shell $(PKG_CONFIG) --cflags $(LIBS)))$(pkg_cflags)
pkglibs = $(eval pkg_ldlibs := $$(shell $(PKG_CONFIG) --libs $(LIBS)))$(pkg_ldlibs)

# The module for PostgreSQL is built where libpq is, which the programs load only if `database` is set.
pq := $(shell $(PKG_CONFIG) --exists libpq 2>/dev/null && echo yes)
modules := $(if $(pq),$(BUILD)/relaywarden-postgresql.so)

# Whoever builds a release has another compiler, with other warnings: these end nothing. make check
# has them end everything.
WERROR ?=
WARNINGS := -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 \
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla -Wundef
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection
HARDENING_LD := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
ifneq ($(filter x86_64-% i%86-%,$(shell $(CC) -dumpmachine)),)
HARDENING += -fcf-protection
endif
ifeq ($(SANITIZE),)
# Compilers that define it themselves warn of a second definition.
OPTIMIZE := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
else
# Reports name functions and lines; to look at variables: CFLAGS=-g.
OPTIMIZE := -O1 -g1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
SANITIZE_LD := -fsanitize=$(SANITIZE)
endif

CPPFLAGS ?=
CFLAGS   ?=
LDFLAGS  ?=
ALL_CPPFLAGS = -I. -D_GNU_SOURCE -DRELAYWARDEN_VERSION='"$(VERSION)"' \
    -DRELAYWARDEN_SYSCONFDIR='"$(SYSCONFDIR)"' $(CPPFLAGS)
ALL_CFLAGS = -std=c17 $(OPTIMIZE) $(WARNINGS) $(HARDENING) $(pkg) $(CFLAGS)
ALL_LDFLAGS = $(HARDENING_LD) $(SANITIZE_LD) $(LDFLAGS)
LDLIBS = $(pkglibs) -pthread

# Every file of a folder and of those below it that is named like this.
below = $(sort $(shell find $(1) -name '$(2)'))

module_src := $(call below,lib/postgresql/module,*.c)
lib_src    := $(filter-out $(module_src),$(call below,lib conf,*.c))
milter_src := $(call below,milter,*.c)
probe_src  := $(call below,probe,*.c)
unit_src   := $(call below,tests/unit,test_*.c)
unit_help  := $(wildcard tests/unit/*.c)
bench_src  := $(wildcard tests/bench/*.c)
fuzz_src   := $(wildcard tests/fuzz/fuzz_*.c)
headers    := $(call below,lib conf milter probe tests,*.h)
all_c      := $(lib_src) $(module_src) $(milter_src) $(probe_src) $(unit_src) $(unit_help) $(bench_src) \
    $(fuzz_src) tests/fuzz/fuzz.c

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
programs := $(BUILD)/relaywarden-milter $(BUILD)/relaywarden-probe
unit_bin := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(unit_src))
bench_bin := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(bench_src))
fuzz_bin := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(fuzz_src))

.PHONY: all unit-programs bench-programs fuzz-programs
all: $(programs) $(modules)
ifeq ($(pq),)
all: without-libpq
.PHONY: without-libpq
without-libpq:
	@echo '  relaywarden-postgresql.so is not built: pkg-config knows no libpq (Debian: libpq-dev)'
endif
# The fuzzers are compiled, too, so that they keep up with what they test; libFuzzer is clang's.
unit-programs: $(unit_bin) $(call objects,$(fuzz_src) tests/fuzz/fuzz.c)
bench-programs: $(bench_bin)
# With CC=clang and SANITIZE=fuzzer-no-link,address,undefined: the target fuzz has them.
fuzz-programs: $(fuzz_bin)

# A change of flags rebuilds everything: objects depend on the stamp that records them.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CPPFLAGS) $(OPTIMIZE) $(WARNINGS) $(HARDENING) $(CFLAGS)' | cmp -s - $@ || \
	    echo '$(CC) $(ALL_CPPFLAGS) $(OPTIMIZE) $(WARNINGS) $(HARDENING) $(CFLAGS)' > $@
.PHONY: FORCE
FORCE:

# Tests are not optimized: that takes most of the time of compiling them, and saves little in running them. Benchmarks
# are, unless a sanitizer watches.
$(BUILD)/tests/unit/%.o $(BUILD)/tests/fuzz/%.o: private OPTIMIZE += -O0 -U_FORTIFY_SOURCE
ifneq ($(SANITIZE),)
$(BUILD)/tests/%.o: private OPTIMIZE += -O0
endif

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The schema's steps, as texts: one file of SQL each.
sql := $(sort $(wildcard probe/fleet/schema_*.sql))
$(BUILD)/probe/fleet/steps_sql.c: $(sql) $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q)for step in $(sql); do \
	    name=$${step##*/}; \
	    echo "extern const char $${name%.sql}[];"; echo "const char $${name%.sql}[] ="; \
	    sed 's/\\/\\\\/g; s/"/\\"/g; s/^/    "/; s/$$/\\n"/' $$step; echo '    ;'; \
	done > $@
$(BUILD)/probe/fleet/steps_sql.o: $(BUILD)/probe/fleet/steps_sql.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

# It is alone in its object: what it needs of the programs is handed to it.
$(BUILD)/lib/postgresql/module/%.o: private ALL_CFLAGS += -fPIC -fvisibility=hidden \
    $(shell $(PKG_CONFIG) --cflags libpq 2>/dev/null)
$(BUILD)/relaywarden-postgresql.so: $(call objects,$(module_src))
	$(call say,LD,$@)
	$(Q)$(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) $(filter-out -pie,$(ALL_LDFLAGS)) -shared -o $@ $^ \
	    $(shell $(PKG_CONFIG) --libs libpq)

# Where the module is installed is known to one object, as well.
$(BUILD)/lib/postgresql/postgresql.o: $(BUILD)/doc-base
$(BUILD)/lib/postgresql/postgresql.o: private ALL_CPPFLAGS += -DRELAYWARDEN_MODULES='"$(MODULE_BASE)"'

# Where the pages are is known to one object: installing with another PREFIX makes that one anew.
$(BUILD)/doc-base: FORCE
	@mkdir -p $(@D)
	@echo '$(DOC_BASE) $(MODULE_BASE)' | cmp -s - $@ || echo '$(DOC_BASE) $(MODULE_BASE)' > $@
$(BUILD)/lib/finding_page.o: $(BUILD)/doc-base
$(BUILD)/lib/finding_page.o: private ALL_CPPFLAGS += -DRELAYWARDEN_DOC_BASE='"$(DOC_BASE)"'

$(BUILD)/libcommon.a: $(call objects,$(lib_src))
$(BUILD)/libmilterside.a: $(call objects,$(filter-out milter/main.c,$(milter_src)))
$(BUILD)/libprobeside.a: $(call objects,$(filter-out probe/cli/main.c,$(probe_src))) \
    $(BUILD)/probe/fleet/steps_sql.o
$(BUILD)/libunit.a: $(call objects,$(unit_help))
$(BUILD)/%.a:
	$(call say,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

$(BUILD)/relaywarden-milter: $(BUILD)/milter/main.o $(BUILD)/libmilterside.a $(BUILD)/libcommon.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lmilter $(LDLIBS)
$(BUILD)/relaywarden-probe: $(BUILD)/probe/cli/main.o $(BUILD)/libprobeside.a $(BUILD)/libcommon.a
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libunit.a $(BUILD)/libmilterside.a \
    $(BUILD)/libprobeside.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lcmocka -lmilter $(LDLIBS)
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(BUILD)/libmilterside.a $(BUILD)/libprobeside.a \
    $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ -lmilter $(LDLIBS)

$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/fuzz.o $(BUILD)/libmilterside.a \
    $(BUILD)/libprobeside.a $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ -lmilter $(LDLIBS) -ldl

-include $(patsubst %.c,$(BUILD)/%.d,$(all_c))

# ---- checking ------------------------------------------------------------------------------------
.PHONY: unit check check-suite sanitized torture mutate demo pictures bench fuzz lint format completions clean
# Runs them; beside other goals (make all unit) it only builds them.
UNIT ?=
unit: unit-programs
	$(if $(filter-out unit,$(MAKECMDGOALS)),,@/usr/bin/python3 tests/check.py --unit '$(UNIT)' --build $(BUILD))
FAST ?=
WHOLE ?=
check: deps
	@/usr/bin/python3 tests/check.py $(if $(filter-out 0,$(FAST)),--fast) $(if $(filter-out 0,$(WHOLE)),--whole)
sanitized: deps
	@/usr/bin/python3 tests/check.py --whole --only milter-asan,milter-tsan,milter-valgrind
SUITE ?= trixie
ARCH ?= $(shell dpkg --print-architecture)
check-suite:
	@/usr/bin/python3 tests/suite.py $(SUITE) --arch $(ARCH)
TORTURE ?=
torture: deps
	@$(MAKE) --no-print-directory all $(BUILD)/unit/lib/state/test_power_loss
	@$(if $(TORTURE),,RELAYWARDEN_WHOLE=1 $(BUILD)/unit/lib/state/test_power_loss)
	@RELAYWARDEN_BUILD=$(BUILD) /usr/bin/python3 tests/torture/run.py $(TORTURE)
MUTATE ?=
mutate: deps
	@/usr/bin/python3 tests/mutate.py $(MUTATE)
demo: deps-demo
	@$(MAKE) --no-print-directory all
	@/usr/bin/python3 tests/lab/demo.py --build $(BUILD)
pictures: deps
	@$(MAKE) --no-print-directory all
	@/usr/bin/python3 tests/lab/tour.py --build $(BUILD)
bench: deps
	@$(MAKE) --no-print-directory all bench-programs
	@/usr/bin/python3 tests/bench/bench.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/speed.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/many.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/zoo_nmap.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/storm.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/report.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/relayed.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/faults.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/rehearse.py --build $(BUILD)
	@/usr/bin/python3 tests/bench/cost.py --build $(BUILD)
	@$(BUILD)/bench/judgement
FUZZ_TIME ?= 600
FUZZ ?=
fuzz:
	@/usr/bin/python3 tests/fuzz/run.py --seconds $(FUZZ_TIME) $(FUZZ)
lint:
	@/usr/bin/python3 tests/check.py --whole --only house,lint
# The shells' completions, which are kept in the tree, from what --help says now.
completions: all
	@/usr/bin/python3 tests/completions.py --build $(BUILD)
format:
	clang-format -i $(all_c) $(headers)
clean:
	rm -rf build

# ---- installing ----------------------------------------------------------------------------------
# Debian's package has PREFIX=/usr; by hand it is /usr/local, where systemd looks as well.
SBINDIR   := $(PREFIX)/sbin
UNITDIR   := $(PREFIX)/lib/systemd/system
SHAREDIR  := $(PREFIX)/share/relaywarden
MANDIR    := $(PREFIX)/share/man
DOCDIR    := $(PREFIX)/share/doc/relaywarden
BASHDIR   := $(PREFIX)/share/bash-completion/completions
ZSHDIR    := $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
FISHDIR   := $(PREFIX)/share/fish/vendor_completions.d
ETCDIR    := $(SYSCONFDIR)/relaywarden
CONF_GROUP = $(if $(DESTDIR),,$(shell getent group relaywarden >/dev/null && echo -g relaywarden))

units     := $(wildcard systemd/*.service systemd/*.timer systemd/*.path)
manuals   := $(wildcard conf/*.5 milter/*.8 probe/*.8)
catalogs  := $(wildcard conf/share/*.catalog)
schemas   := $(wildcard conf/share/schemas/*.json)
shared    := $(wildcard conf/share/*.rules.yml conf/share/*dashboard*.json)
recipes   := $(wildcard container/rehearse/*)
scripts   := container/rehearse/pre-commit container/rehearse/after-upgrade
completions := conf/share/completions
documents := README.md CHANGELOG.md lib/tokens.md probe/fleet/schema.md conf/relaywarden.conf

# Source and destination of each file that is copied as it is.
copies := $(foreach file,$(manuals),$(file):$(MANDIR)/man$(subst .,,$(suffix $(file)))/$(notdir $(file))) \
    $(foreach file,$(documents),$(file):$(DOCDIR)/$(notdir $(file))) \
    $(foreach file,$(foreach kind,md svg png,$(call below,doc,*.$(kind))),$(file):$(DOCDIR)/$(file)) \
    $(if $(filter /usr,$(PREFIX)),,LICENSE:$(DOCDIR)/LICENSE) \
    $(foreach file,$(shared),$(file):$(SHAREDIR)/$(notdir $(file))) \
    $(foreach file,$(recipes),$(file):$(SHAREDIR)/rehearse/$(notdir $(file))) \
    $(foreach file,$(schemas),$(file):$(SHAREDIR)/schemas/$(notdir $(file))) \
    $(foreach file,$(catalogs),$(file):$(PREFIX)/lib/systemd/catalog/$(notdir $(file))) \
    systemd/relaywarden.sysusers:$(PREFIX)/lib/sysusers.d/relaywarden.conf \
    systemd/relaywarden.tmpfiles:$(PREFIX)/lib/tmpfiles.d/relaywarden.conf \
    systemd/relaywarden.logrotate:$(SYSCONFDIR)/logrotate.d/relaywarden \
    $(completions)/relaywarden.bash:$(BASHDIR)/relaywarden-milter \
    $(completions)/_relaywarden:$(ZSHDIR)/_relaywarden \
    $(foreach program,$(notdir $(programs)),\
        $(completions)/$(program).fish:$(FISHDIR)/$(program).fish)
copy_source = $(firstword $(subst :, ,$(1)))
copy_target = $(DESTDIR)$(lastword $(subst :, ,$(1)))
installed = $(addprefix $(DESTDIR)$(SBINDIR)/,$(notdir $(programs))) \
    $(DESTDIR)$(MODULEDIR)/relaywarden-postgresql.so \
    $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(units))) \
    $(foreach copy,$(copies),$(call copy_target,$(copy))) $(DESTDIR)$(BASHDIR)/relaywarden-probe

.PHONY: install uninstall
install: all
	install -d $(addprefix $(DESTDIR),$(SBINDIR) $(UNITDIR) $(ETCDIR))
	install -m 755 $(programs) $(DESTDIR)$(SBINDIR)
	$(if $(modules),install -D -m 644 $(modules) $(DESTDIR)$(MODULEDIR)/$(notdir $(modules)))
	@# Units name the programs by their full path.
	$(Q)set -e; for unit in $(units); do \
	    sed 's,/usr/local/sbin/,$(SBINDIR)/,; s,/etc/relaywarden/,$(ETCDIR)/,' $$unit \
	        > $(DESTDIR)$(UNITDIR)/$${unit##*/}; \
	    chmod 644 $(DESTDIR)$(UNITDIR)/$${unit##*/}; \
	done
	$(Q)set -e; $(foreach copy,$(copies),\
	    install -D -m $(if $(filter $(scripts),$(call copy_source,$(copy))),755,644) $(call copy_source,$(copy)) \
	        $(call copy_target,$(copy));)
	ln -sf relaywarden-milter $(DESTDIR)$(BASHDIR)/relaywarden-probe
	@# The milter reads it again at a reload, as its own user.
	test -e $(DESTDIR)$(ETCDIR)/relaywarden.conf || \
	    install -m 640 $(CONF_GROUP) conf/relaywarden.conf $(DESTDIR)$(ETCDIR)

# The state stays, and a configuration that was edited. Folders that are empty then go, unless every
# system has them.
emptied = $(DOCDIR)/doc/findings $(DOCDIR)/doc/tour $(DOCDIR)/doc $(DOCDIR) $(SHAREDIR)/schemas $(SHAREDIR)/rehearse $(SHAREDIR) $(MODULEDIR) $(UNITDIR) $(addprefix $(PREFIX)/lib/,systemd/catalog systemd sysusers.d \
    tmpfiles.d) $(BASHDIR) $(PREFIX)/share/bash-completion \
    $(ZSHDIR) $(PREFIX)/share/zsh $(FISHDIR) $(PREFIX)/share/fish $(ETCDIR)
uninstall:
	rm -f $(installed)
	@! cmp -s conf/relaywarden.conf $(DESTDIR)$(ETCDIR)/relaywarden.conf || \
	    rm -f $(DESTDIR)$(ETCDIR)/relaywarden.conf
	@rmdir $(addprefix $(DESTDIR),$(emptied)) 2>/dev/null || true

# ---- the release, and Debian's packages of it ------------------------------------------------------
# The same octets from the same tree: names in order, nobody's user, and the time of the last commit (without git,
# of the tree's own release). Debian's folder is none of the release's: its source package has it beside that.
DIST  := build/dist/relaywarden-$(VERSION).tar.gz
EPOCH  = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md))

.PHONY: dist deb
dist:
	$(Q)mkdir -p $(dir $(DIST))
	$(Q){ git ls-files --cached --others --exclude-standard 2>/dev/null || \
	    find * .[a-z]* -name build -prune -o -name .git -prune -o -type f -print; } | \
	    while read -r file; do [ ! -f "$$file" ] || echo "$$file"; done | grep -v ^debian/ | LC_ALL=C sort -u | \
	    tar --create --files-from=- --transform='s,^,relaywarden-$(VERSION)/,' --format=gnu \
	        --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner --mode=u+rw,go+r,go-w | gzip -9n > $(DIST)
	@ls $(DIST)

# From what was just packed, so that nothing that a build leaves behind gets into the tree. The .dsc beside it is the
# source package. A later release of Debian has a higher version, and unstable, which has no number, the highest.
DEB := $(abspath build/deb)
DEB_SUFFIX ?= $(shell . /etc/os-release && echo "$${VERSION_ID:+~$$ID$$VERSION_ID}" | sed s/debian/deb/)
deb: dist
	$(Q)rm -rf $(DEB)
	$(Q)mkdir -p $(DEB)
	$(Q)cp $(DIST) $(DEB)/relaywarden_$(VERSION).orig.tar.gz
	$(Q)tar --extract --file=$(DIST) --directory=$(DEB)
	$(Q)cp -a debian $(DEB)/relaywarden-$(VERSION)
	$(Q)sed -i '1s/)/$(DEB_SUFFIX))/' $(DEB)/relaywarden-$(VERSION)/debian/changelog
	$(Q)cd $(DEB)/relaywarden-$(VERSION) && DEB_BUILD_OPTIONS='noautodbgsym parallel=2' \
	    dpkg-buildpackage --build=full --no-sign > ../build.log 2>&1 || \
	    { tail -n 40 ../build.log >&2; exit 1; }
	$(Q)rm -rf $(DEB)/relaywarden-$(VERSION)
	@ls $(DEB)/*.deb

SUITES ?= $(shell . /etc/os-release && echo $$VERSION_CODENAME)
REPO_KEY ?=
.PHONY: repo check-repo rpm
repo: dist
	@/usr/bin/python3 tests/repository.py $(if $(REPO_KEY),--key '$(REPO_KEY)') $(SUITES)
check-repo: dist
	@/usr/bin/python3 tests/repository.py --try $(SUITES)

# On a system of another kind rpm does not know what is installed: it is not asked.
RPM := $(abspath build/rpm)
rpm: dist
	$(Q)rm -rf $(RPM)
	$(Q)mkdir -p $(RPM)
	$(Q)rpmbuild $(if $(wildcard /etc/redhat-release),,--nodeps) -ba --define '_topdir $(RPM)' \
	    --define '_sourcedir $(abspath build/dist)' rpm/relaywarden.spec > $(RPM)/build.log 2>&1 || \
	    { tail -n 40 $(RPM)/build.log >&2; exit 1; }
	@ls $(RPM)/RPMS/*/*.rpm

# ---- the image -----------------------------------------------------------------------------------
# Stripped, and without the mark of a link, the programs do not depend on the folder that they were made in.
.PHONY: image check-image
image:
	@$(MAKE) --no-print-directory BUILD=build/image/programs PREFIX=/usr LDFLAGS='$(LDFLAGS) -Wl,--build-id=none' all
	@/usr/bin/python3 container/image.py --build build/image/programs --version $(VERSION) --epoch $(EPOCH) \
	    build/image/relaywarden-$(VERSION).tar
check-image: image
	@/usr/bin/python3 tests/image.py build/image/relaywarden-$(VERSION).tar
