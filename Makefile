# tdmqctl and brokerd. One file, no recursion: wildcards find the sources.
#
#   make deps        install what the build needs (Debian); elsewhere, say what to install
#   make             build/tdmqctl, build/brokerd
#   make quickstart  the tour of README.md, each command shown
#   make check       unit, wire, command line and fault tests (SAN=address,undefined for sanitizers)
#   make fuzz        look for input that breaks a decoder (fuzz-corpus: only replay)
#   make torture soak the long runs: kills, power cuts, every damaged place; hours of load
#   make lint format bench interop install clean

VERSION := 0.1.0
ifeq ($(origin CC),default)
CC := gcc
endif
B       ?= build
PREFIX  ?= /usr/local
bindir  ?= $(PREFIX)/bin
sbindir ?= $(PREFIX)/sbin
mandir  ?= $(PREFIX)/share/man
SAN     ?=

DEBS := gcc make libevent-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev libcjson-dev libyaml-dev zlib1g-dev \
	uthash-dev
TEST_DEBS := bats python3 libcriterion-dev mandoc tmux
LINT_DEBS := clang libclang-rt-dev clang-format shellcheck

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wwrite-strings -Wundef -Wformat=2 -Wno-unknown-warning-option -Wno-format-truncation \
	-Wno-missing-field-initializers
ifneq ($(findstring clang,$(CC)),)
WARN += -Wthread-safety # roles of lib/thread.h
endif
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
OPT ?= -O2 -g
ifneq ($(SAN),)
HARDEN := -fPIE
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SAN)
endif
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DTDMQ_VERSION='"$(VERSION)"' -I. -Ilib -I$(B)/gen $(WARN) $(WERROR) \
	$(HARDEN) $(OPT) $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

CLI_LIBS     := -lyaml -lcjson -lcrypto -lcurl -lz
TDMQCTL_LIBS := $(filter-out -lcrypto -lcurl,$(CLI_LIBS)) # cli/late_*.c load them
BROKERD_LIBS := -levent -lsqlite3 -lcjson -lyaml -lcrypto -lz -lpthread

objs = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $(addsuffix /*.c,$(1))))
LIB_O     := $(call objs,lib)
MIGRATE_O := $(call objs,migrate)
TDMQCTL_O := $(B)/obj/cli/main.o $(B)/obj/cli/late_crypto.o $(B)/obj/cli/late_curl.o
CLI_O     := $(filter-out $(TDMQCTL_O),$(call objs,cli))
BROKERD_O := $(filter-out $(B)/obj/brokerd/main.o,$(call objs,brokerd brokerd/store))
UNIT_O    := $(call objs,tests/unit)

.PHONY: all torture soak check-tsan deps quickstart check check-suites check-san check-unit check-wire check-cli check-fault \
	lint format man fuzz fuzz-corpus bench bench-tools interop install clean
all: $(B)/tdmqctl $(B)/brokerd

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The completion scripts as C strings, for `tdmqctl completion`.
$(B)/gen/shims.h: completions/tdmqctl.bash completions/_tdmqctl completions/tdmqctl.fish
	@mkdir -p $(@D)
	@for s in bash:$(word 1,$^) zsh:$(word 2,$^) fish:$(word 3,$^); do \
		echo "static const char shim_$${s%%:*}[] ="; \
		sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' "$${s#*:}"; echo ';'; done >$@
$(B)/obj/cli/cmd_help.o: $(B)/gen/shims.h

$(B)/libtdmq.a: $(LIB_O)
$(B)/libmigrate.a: $(MIGRATE_O)
$(B)/libcli.a: $(CLI_O)
$(B)/libbrokerd.a: $(BROKERD_O)
$(B)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(B)/tdmqctl: $(TDMQCTL_O) $(B)/libcli.a $(B)/libmigrate.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(TDMQCTL_LIBS)
$(B)/brokerd: $(B)/obj/brokerd/main.o $(B)/libbrokerd.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BROKERD_LIBS)

$(B)/unit: $(UNIT_O) $(B)/libcli.a $(B)/libbrokerd.a $(B)/libmigrate.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcriterion $(CLI_LIBS) $(BROKERD_LIBS)

$(B)/wire: $(B)/obj/tests/wire/wire.o $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(CLI_LIBS)
$(B)/fault-%: $(B)/obj/tests/fault/%.o $(B)/libmigrate.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(CLI_LIBS)

FAULTS := $(addprefix $(B)/fault-,kill meta migrate wait)

$(B)/bench-%: $(B)/obj/tests/bench/%.o $(B)/obj/tests/bench/kit.o $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(CLI_LIBS)
bench-tools: $(patsubst tests/bench/%.c,$(B)/bench-%,$(filter-out %/kit.c,$(wildcard tests/bench/*.c)))
bench: all bench-tools
	@tests/bench/run.sh $(BENCH)

# Long runs, not part of `check`. TORTURE=1000 is what a release takes; the power is cut a third as often.
TORTURE ?= 1000
$(B)/torture-%: $(B)/obj/tests/torture/%.o $(B)/libbrokerd.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(CLI_LIBS) $(BROKERD_LIBS) -lm
TORTURES := $(patsubst tests/torture/%.c,$(B)/torture-%,$(wildcard tests/torture/*.c))
torture: all $(TORTURES) $(B)/unit $(FAULTS) $(B)/bench-load
	@for t in $(TORTURES); do $$t || exit 1; done
	TDMQ_LONG=1 $(B)/unit --filter '@(store_damage|overload)/*'
	tests/fault/run.sh $(TORTURE) $$(($(TORTURE) / 5)) $$(($(TORTURE) * 3 / 10))

SOAK ?= 60 # minutes
soak: all $(B)/bench-load
	tests/fault/soak.sh $(SOAK)
	$(MAKE) fuzz FUZZ_SECONDS=$$(($(SOAK) * 60 / $(words $(FUZZERS))))

# One harness per decoder; `fuzz` lets each look for more for FUZZ_SECONDS, `fuzz-corpus` only
# replays what is known. What they find goes to $(B)-fuzz/found.
FUZZ_SECONDS ?= 10
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ = $(MAKE) -s -j2 CC=clang B=$(B)-fuzz SAN=fuzzer-no-link,address,undefined \
	$(FUZZERS:%=$(B)-fuzz/fuzz-%)
$(B)/fuzz-%: $(B)/obj/tests/fuzz/fuzz_%.o $(B)/libbrokerd.a $(B)/libmigrate.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(CLI_LIBS) $(BROKERD_LIBS)
fuzz-corpus:
	@$(FUZZ)
	@for f in $(FUZZERS); do $(B)-fuzz/fuzz-$$f -runs=0 tests/fuzz/corpus/$$f 2>$(B)-fuzz/log || \
		{ cat $(B)-fuzz/log; exit 1; }; echo "fuzz: $$f: corpus replayed"; done
fuzz: fuzz-corpus
	@mkdir -p $(FUZZERS:%=$(B)-fuzz/found/%)
	@for f in $(FUZZERS); do $(B)-fuzz/fuzz-$$f -max_total_time=$(FUZZ_SECONDS) -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=$(B)-fuzz/found/$$f- $(B)-fuzz/found/$$f \
		tests/fuzz/corpus/$$f || exit; done

# What a command needs is installed only where the command is missing.
need = $(if $(shell command -v $(1)),,$(2))
INTEROP_DEBS := $(call need,javac,openjdk-17-jdk-headless) $(call need,mvn,maven) \
	$(call need,go,golang-go) $(call need,node,nodejs) $(call need,npm,npm) \
	$(call need,ip,iproute2) $(call need,fish,fish) \
	$(if $(wildcard /usr/lib/python3*/ensurepip),,python3-venv)
BENCH_DEBS := $(call need,java,openjdk-17-jdk-headless) $(call need,mvn,maven) $(call need,ip,iproute2) \
	$(call need,nats-server,nats-server) $(call need,mosquitto,mosquitto) \
	$(call need,redis-server,redis-server)
DEPS ?= check
DEPS_build := $(DEBS)
DEPS_check := $(DEBS) $(TEST_DEBS)
DEPS_bench := $(DEBS) $(BENCH_DEBS)
DEPS_ci    := $(DEBS) $(TEST_DEBS) $(LINT_DEBS) $(INTEROP_DEBS)

deps:
	@docs/deps.sh $(DEPS_$(DEPS))

quickstart:
	@$(MAKE) -s deps DEPS=build
	@$(MAKE) -s -j2 all
	@docs/quickstart.sh

# Each suite prints TAP and is counted by tests/tap.sh.
export TAP_TOTALS ?= $(CURDIR)/$(B)/tap-totals
export B
TAP := tests/tap.sh
check:
	@mkdir -p $(B)
	@: >$(TAP_TOTALS)
	@$(MAKE) -s -j2 all $(B)/unit $(FAULTS) $(B)/bench-load
	@$(MAKE) -s -k check-suites; tests/tap.sh --summary
check-suites: check-unit check-wire check-cli check-fault
check-san: export LSAN_OPTIONS = suppressions=$(CURDIR)/tests/unit/lsan.supp:print_suppressions=0
check-san: check-unit check-wire check-cli
# The threads of brokerd under SAN=thread; Criterion's processes do not run with it.
RACES := $(B)/races
check-tsan: export TSAN_OPTIONS = log_path=$(CURDIR)/$(RACES)/report
check-tsan: all $(B)/wire $(FAULTS)
	@rm -rf $(RACES) && mkdir -p $(RACES)
	@$(MAKE) -s check-wire
	@$(TAP) races sh -c 'for w in kill stop; do $(B)/fault-kill $(B)/brokerd $(RACES)/$$w 3 async $$w || exit; done'
	@$(TAP) races $(B)/fault-wait $(B)/brokerd $(RACES)/wait 3 sync
	@$(TAP) races $(B)/fault-meta $(B)/brokerd $(RACES)/meta 3
	@! cat $(RACES)/report.* 2>/dev/null | grep .
check-unit: $(B)/unit
	@$(TAP) unit $(B)/unit --tap=-
check-wire: all $(B)/wire
	@$(TAP) wire tests/wire/run.sh
check-cli: all
	@$(TAP) cli bats --tap tests/cli
KILLS ?= 25
check-fault: all $(FAULTS) $(B)/bench-load
	@$(TAP) fault tests/fault/run.sh $(KILLS)

# Real clients and servers, skipped with a reason where their language is not installed.
interop: all $(B)/wire
	@$(TAP) interop tests/interop/run.sh

FORMATTED = $(shell git ls-files '*.c' '*.h')
lint: man
	clang-format --dry-run -Werror $(FORMATTED)
	tests/lint.sh
	shellcheck $(shell git ls-files '*.sh' '*.bash' '*.bats') .ci/run
	mandoc -Tlint -Wwarning $(B)/man/*.[1578]
format:
	clang-format -i $(FORMATTED)

# Pages are prose in man/; the lines @...@ in them are filled from the tables of the programs.
MAN := $(patsubst man/%.in,$(B)/man/%,$(wildcard man/*.in))
man: $(MAN)
$(B)/man/%: man/%.in man/fill.sh $(B)/tdmqctl $(B)/brokerd
	@mkdir -p $(@D)
	man/fill.sh $(B) $< >$@.tmp && mv $@.tmp $@

install: all man
	install -d $(DESTDIR)$(bindir) $(DESTDIR)$(sbindir) $(DESTDIR)$(mandir)/man1 \
		$(DESTDIR)$(mandir)/man5 $(DESTDIR)$(mandir)/man7 $(DESTDIR)$(mandir)/man8
	install -s $(B)/tdmqctl $(DESTDIR)$(bindir)/tdmqctl
	install -s $(B)/brokerd $(DESTDIR)$(sbindir)/brokerd
	for s in 1 5 7 8; do install -m 644 $(B)/man/*.$$s $(DESTDIR)$(mandir)/man$$s/ || exit; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d \
		$(DESTDIR)$(PREFIX)/lib/systemd/system
	install -m 644 completions/tdmqctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tdmqctl
	install -m 644 completions/_tdmqctl $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tdmqctl
	install -m 644 completions/tdmqctl.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tdmqctl.fish
	sed 's|/usr/local/sbin|$(sbindir)|' docs/systemd/brokerd.service \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/brokerd.service

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
