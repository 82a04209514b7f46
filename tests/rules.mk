# SPDX-License-Identifier: LGPL-2.1-or-later
# How the test tools are built; the Makefile includes it.

TEST_CFLAGS = -std=gnu17 -O2 -g -Wall -Wextra -Wno-unused-parameter

TEST_TOOLS = $(addprefix build/tests/,xenstored.so fault.so nbd-server.so holder ofdlock frames \
	bench floor floor_disk xen-9pfsd introduce notify hung)

.PHONY: test-tools
test-tools: $(TEST_TOOLS)

build/tests/%.so: tests/shim/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -fPIC -shared -o $@ $<

build/tests/xenstored.so: tests/shim/ring.h

build/tests/%: tests/netns/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $<

build/tests/frames: $(addprefix tests/netns/,frames.c framebuild.c frametable.c frames.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^)

build/tests/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $<

build/tests/floor: $(addprefix tests/bench/,floor.c floor_filter.c floor_ip.c floor_ovs.c floor_tc.c floor.h)
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $(filter %.c,$^) -lxenstore

build/tests/floor_disk: tests/bench/floor_disk.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $< -lxenstore

build/tests/xen-9pfsd build/tests/introduce: build/tests/%: tests/netns/%.c
	@mkdir -p $(@D)
	$(CC) $(TEST_CFLAGS) -o $@ $< -lxenstore

# Unit tests: one program a file. The engine is an archive, so that a test's own store,
# or list of actions, stands in for the engine's.
UNIT_TESTS = $(patsubst %.c,$(B)/%,$(wildcard tests/unit/*.c)) tests/golden/lint \
	$(FUZZ_TESTS)

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

# The parsers, fed with mutations of the seeds: always under the sanitizers. "make fuzz"
# runs them with clang's libFuzzer, FUZZ_SECONDS each.
FUZZERS = $(basename $(notdir $(filter-out %/replay.c,$(wildcard tests/fuzz/*.c))))
FUZZ_TESTS = $(addprefix build/san/tests/fuzz/,$(FUZZERS))
FUZZ_SECONDS = 60
FUZZ_CFLAGS = -std=gnu17 $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(WARNINGS) $(HARDEN)

ifeq ($(SAN),)
$(FUZZ_TESTS) &: FORCE
	@$(MAKE) -s --no-print-directory SAN=1 $(FUZZ_TESTS)
.PHONY: FORCE fuzz
fuzz:
	$(MAKE) SAN=1 CC=clang B=build/fuzz CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' run-fuzz
else
$(B)/tests/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c tests/fuzz/fuzz.h $(B)/tests/engine.a
	@mkdir -p $(@D)
	$(CC) $(FUZZ_CFLAGS) -DCORPUS='"tests/fuzz/$*.seeds"' $(LDFLAGS) $(LDHARDEN) \
		-o $@ $(filter %.c %.a,$^) $(LIBS)

run-fuzz: $(addprefix $(B)/tests/fuzz/,$(addsuffix .libfuzzer,$(FUZZERS)))
	for f in $(FUZZERS); do mkdir -p $(B)/corpus/$$f && \
		$(B)/tests/fuzz/$$f.libfuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=4096 \
		-artifact_prefix=$(B)/ $(B)/corpus/$$f tests/fuzz/$$f.seeds || exit 1; done

$(B)/tests/fuzz/%.libfuzzer: tests/fuzz/%.c tests/fuzz/fuzz.h $(B)/tests/engine.a
	@mkdir -p $(@D)
	$(CC) $(FUZZ_CFLAGS) $(LDFLAGS) $(LDHARDEN) -fsanitize=fuzzer \
		-o $@ $(filter %.c %.a,$^) $(LIBS)
endif
