# xen-hotplug: make, make install, make demo, make check, make bench.

VERSION := 0.1
PREFIX ?= /usr
SYSCONFDIR ?= /etc
DATADIR ?= $(PREFIX)/share
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib/xen-hotplug
MANDIR ?= $(DATADIR)/man
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

clean:
	rm -rf build

.PHONY: all clean
include tests/rules.mk
