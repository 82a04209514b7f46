# xen-hotplug: make, make install, make demo, make check, make bench.

VERSION := 0.1
PREFIX ?= /usr
SYSCONFDIR ?= /etc
DATADIR ?= $(PREFIX)/share
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib/xen-hotplug
UNITDIR ?= $(PREFIX)/lib/systemd/system
RULESDIR ?= $(PREFIX)/lib/udev/rules.d
MANDIR ?= $(DATADIR)/man
BASHCOMPDIR ?= $(DATADIR)/bash-completion/completions
# Debian's zsh looks for what packages bring elsewhere than all others.
ZSHCOMPDIR ?= $(DATADIR)/zsh/$(if $(wildcard $(DATADIR)/zsh/vendor-completions),vendor-completions,site-functions)
B := build

CC ?= cc
CFLAGS ?= -O2 -g
CLANG_FORMAT ?= clang-format
INSTALL ?= install

CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
	-DDATADIR='"$(DATADIR)"' -DSCRIPTDIR='"$(LIBDIR)/scripts"' -Ixhp -Iactions -MMD -MP
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef
HARDEN := -fPIE -fstack-protector-strong
LDHARDEN := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
ifneq ($(SAN),)
B := build/san
HARDEN += -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDHARDEN += -fsanitize=address,undefined
else
HARDEN += -D_FORTIFY_SOURCE=2
endif
ifneq ($(WERROR),)
WARNINGS += -Werror
endif

# Half of a run is the start of the process: what Debian ships as static libraries is
# linked so (make bench shows what it saves). SHARED=1 links all libraries dynamically.
PKGS := xenstore libnl-3.0 inih libnftnl jansson libmnl
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
ifneq ($(SHARED),)
LIBS := -lxenstore -lnl-3 -linih -lnftnl -ljansson -lmnl
else
LIBS := -Wl,-Bstatic -lxenstore -lxentoolcore -lnl-3 -linih -lnftnl -ljansson \
	-Wl,-Bdynamic -lmnl
endif

OBJS := $(patsubst %.c,$(B)/%.o,$(wildcard xhp/*.c actions/*.c))
ENGINE := $(filter-out $(B)/xhp/main.o,$(OBJS))

all: $(B)/xen-hotplug

$(B)/xen-hotplug: $(OBJS)
	$(CC) $(CFLAGS) $(HARDEN) $(LDFLAGS) $(LDHARDEN) -o $@ $^ $(LIBS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(WARNINGS) $(HARDEN) -c -o $@ $<

-include $(OBJS:.o=.d)

# --- what is installed ---

RECIPES := $(wildcard conf/*.ini)
UNITS := $(wildcard conf/*.timer conf/*.service)
RULES := $(wildcard conf/*.rules)
INITS := $(wildcard conf/*.init)
SCRIPTS := $(filter-out %.md %.sh,$(wildcard compat-scripts/*))
LIBRARIES := $(wildcard compat-scripts/*.sh)
DOCS := README conf/COOKBOOK.md compat-scripts/MIGRATION.md compat-scripts/SCRIPTS.md
DEST_DOCS = $(DESTDIR)$(DATADIR)/doc/xen-hotplug
DEST_SCRIPTS = $(DESTDIR)$(LIBDIR)/scripts
DEST_RECIPES = $(DESTDIR)$(DATADIR)/xen-hotplug

# The wrappers' first line leads to the program, wherever it was put.
install: all
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DEST_RECIPES) $(DEST_SCRIPTS) \
		$(DESTDIR)$(SYSCONFDIR)/xen/hotplug $(DESTDIR)$(MANDIR)/man8 \
		$(DESTDIR)$(MANDIR)/man5
	$(INSTALL) -m 755 $(B)/xen-hotplug $(DESTDIR)$(SBINDIR)/
	$(INSTALL) -m 644 $(RECIPES) xhp/schema.json $(DEST_RECIPES)/
	for f in $(SCRIPTS); do \
		sed '1s|/usr/sbin/xen-hotplug|$(SBINDIR)/xen-hotplug|' $$f \
			>$(DEST_SCRIPTS)/$${f##*/} && \
		chmod 755 $(DEST_SCRIPTS)/$${f##*/} || exit 1; \
	done
	$(INSTALL) -m 644 $(LIBRARIES) $(DEST_SCRIPTS)/
	[ -e $(DESTDIR)$(SYSCONFDIR)/xen/hotplug.conf ] || \
		$(INSTALL) -m 644 conf/hotplug.conf $(DESTDIR)$(SYSCONFDIR)/xen/hotplug.conf
	$(INSTALL) -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(RULESDIR)
	for f in $(RULES) $(INITS); do \
		case $$f in *.rules) dir=$(DESTDIR)$(RULESDIR) ;; *) dir=$(DEST_RECIPES) ;; esac; \
		sed 's|/usr/sbin/xen-hotplug|$(SBINDIR)/xen-hotplug|' $$f >$$dir/$${f##*/} && \
		chmod $$(stat -c %a $$f) $$dir/$${f##*/} || exit 1; \
	done
	for f in $(UNITS); do \
		sed 's|/usr/sbin/xen-hotplug|$(SBINDIR)/xen-hotplug|' $$f \
			>$(DESTDIR)$(UNITDIR)/$${f##*/} || exit 1; \
	done
	$(INSTALL) -m 644 xhp/xen-hotplug.8 $(DESTDIR)$(MANDIR)/man8/
	$(INSTALL) -m 644 conf/xen-hotplug-recipe.5 $(DESTDIR)$(MANDIR)/man5/
	$(INSTALL) -d $(DEST_DOCS) $(DESTDIR)$(BASHCOMPDIR) $(DESTDIR)$(ZSHCOMPDIR)
	$(INSTALL) -m 644 conf/completion.bash $(DESTDIR)$(BASHCOMPDIR)/xen-hotplug
	$(INSTALL) -m 644 conf/completion.zsh $(DESTDIR)$(ZSHCOMPDIR)/_xen-hotplug
	$(INSTALL) -m 644 $(DOCS) $(DEST_DOCS)/

# The administrator's files stay: recipes, and settings that were changed. The old scripts
# get their names back first, or no guest would start.
uninstall:
	[ -n "$(DESTDIR)" ] || [ ! -d /etc/xen/scripts ] || [ ! -x $(SBINDIR)/xen-hotplug ] || \
		$(SBINDIR)/xen-hotplug disable
	rm -f $(DESTDIR)$(SBINDIR)/xen-hotplug $(DESTDIR)$(MANDIR)/man8/xen-hotplug.8 \
		$(DESTDIR)$(MANDIR)/man5/xen-hotplug-recipe.5 \
		$(DESTDIR)$(BASHCOMPDIR)/xen-hotplug $(DESTDIR)$(ZSHCOMPDIR)/_xen-hotplug
	rm -f $(addprefix $(DESTDIR)$(UNITDIR)/,$(notdir $(UNITS))) \
		$(addprefix $(DESTDIR)$(RULESDIR)/,$(notdir $(RULES)))
	rm -f $(addprefix $(DEST_RECIPES)/,$(notdir $(RECIPES) $(INITS)) schema.json)
	rm -f $(addprefix $(DEST_SCRIPTS)/,$(notdir $(SCRIPTS) $(LIBRARIES)))
	rm -f $(addprefix $(DEST_DOCS)/,$(notdir $(DOCS)))
	cmp -s conf/hotplug.conf $(DESTDIR)$(SYSCONFDIR)/xen/hotplug.conf && \
		rm -f $(DESTDIR)$(SYSCONFDIR)/xen/hotplug.conf || :
	rmdir $(DEST_DOCS) $(DEST_RECIPES) $(DEST_SCRIPTS) $(DESTDIR)$(LIBDIR) \
		$(DESTDIR)$(SYSCONFDIR)/xen/hotplug 2>/dev/null || :

# --- to see it at work ---

include tests/rules.mk

BUILD_DEPS := gcc libc6-dev make pkg-config libxen-dev libnl-3-dev libinih-dev \
	libnftnl-dev libmnl-dev libjansson-dev libudev-dev
# The real xenstored, of the Xen that is installed here or of Debian 12's or 13's.
XEN_UTILS := $(or $(notdir $(patsubst %/,%,$(firstword \
	$(wildcard /usr/share/doc/xen-utils-4*/)))),xen-utils-4.$(shell \
	grep -qs '^VERSION_ID="13"' /etc/os-release && echo 20 || echo 17))
RUN_DEPS := xen-utils-common $(XEN_UTILS) iproute2 nftables iputils-ping util-linux procps \
	jq ethtool
TEST_DEPS := bats libcmocka-dev e2fsprogs btrfs-progs iptables clang-format mandoc bsdextrautils \
	net-tools git openvswitch-switch ovn-central ovn-host strace dnsmasq-base \
	busybox-static zsh graphviz
XEN_DEPS := qemu-system-x86 mmdebstrap cpio xz-utils

deps:
	@tests/deps $(BUILD_DEPS) $(RUN_DEPS)

test-deps: deps
	@tests/deps $(TEST_DEPS)

# Packages first, in a make of their own: pkg-config is asked when a Makefile is read.
demo: deps
	@$(MAKE) -s --no-print-directory all test-tools
	@tests/demo

check: test-deps
	@$(MAKE) -s --no-print-directory run-check

run-check: all test-tools $(UNIT_TESTS)
	@ASAN_OPTIONS=detect_leaks=0 XHP=$(B)/xen-hotplug B=$(B) tests/run tests/style $(UNIT_TESTS) \
		$(wildcard tests/*/*.bats)

check-xen: test-deps
	@tests/deps $(XEN_DEPS)
	@$(MAKE) -s --no-print-directory all test-tools
	@tests/xen/check '$(TESTS)'

bench-xen: test-deps
	@tests/deps $(XEN_DEPS)
	@$(MAKE) -s --no-print-directory all test-tools
	@tests/xen/vm oxenstored tests/xen/dom0-times

bench: test-deps
	@$(MAKE) -s --no-print-directory all test-tools
	@tests/bench/bench.bash
	@tests/bench/disks.bash
	@tests/bench/recipes.bash

clean:
	rm -rf build

.PHONY: all install uninstall deps test-deps demo check run-check check-xen bench bench-xen clean
