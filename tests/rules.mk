# SPDX-License-Identifier: LGPL-2.1-or-later
# How the test tools are built; the Makefile includes it.

TEST_CFLAGS = -std=gnu17 -O2 -g -Wall -Wextra -Wno-unused-parameter

TEST_TOOLS = $(addprefix build/tests/,xenstored.so fault.so holder frames floor bench)

.PHONY: test-tools
test-tools: $(TEST_TOOLS)

build/tests/%.so: tests/shim/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fPIC -shared -o $@ $<

build/tests/%: tests/netns/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $<

build/tests/frames: $(addprefix tests/netns/,frames.c framebuild.c frametable.c frames.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^)

build/tests/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $< $(TEST_LIBS)

build/tests/floor: TEST_LIBS = -lxenstore

# Unit tests: one program a file. The engine is an archive, so that a test's own store,
# or list of actions, stands in for the engine's.
UNIT_TESTS = $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c))

.PHONY: unit-tests
unit-tests: $(UNIT_TESTS)

$(B)/tests/engine.a: $(ENGINE)
	@mkdir -p $(@D)
	rm -f $@
	$(AR) rcs $@ $^

$(B)/tests/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(B)/tests/engine.a
	@mkdir -p $(@D)
	$(CC) -std=gnu17 $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(WARNINGS) \
		-Wno-missing-field-initializers $(HARDEN) $(LDFLAGS) $(LDHARDEN) \
		-o $@ $< $(B)/tests/engine.a -lcmocka $(LIBS)
