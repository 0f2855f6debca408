# tdmqctl and brokerd. One file, no recursion: wildcards find the sources.
#
#   make deps        install what the build needs (Debian); elsewhere, say what to install
#   make             build/tdmqctl, build/brokerd
#   make quickstart  the tour of README.md, each command shown
#   make check       unit, wire, command line and fault tests (SAN=address,undefined for sanitizers)
#   make lint format fuzz bench interop install clean

VERSION := 0.1.0
CC      ?= gcc
B       ?= build
PREFIX  ?= /usr/local
bindir  ?= $(PREFIX)/bin
sbindir ?= $(PREFIX)/sbin
mandir  ?= $(PREFIX)/share/man
SAN     ?=

DEBS := gcc make pkg-config libevent-dev libssl-dev libsqlite3-dev libcjson-dev libyaml-dev \
	libexpat1-dev libcurl4-openssl-dev zlib1g-dev libreadline-dev uthash-dev
TEST_DEBS := bats libcriterion-dev mandoc
LINT_DEBS := clang clang-format clang-tools shellcheck

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wwrite-strings -Wundef -Wformat=2 -Wno-format-truncation -Wno-missing-field-initializers
HARDEN := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
OPT ?= -O2 -g
ifneq ($(SAN),)
HARDEN := -fPIE
OPT := -O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SAN)
endif
CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DTDMQ_VERSION='"$(VERSION)"' -I. -Ilib $(WARN) $(WERROR) \
	$(HARDEN) $(OPT) $(CFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

CLI_LIBS     := -lyaml -lcjson -lcrypto -lz
BROKERD_LIBS := -levent -lsqlite3 -lcjson -lyaml -lcrypto -lz -lpthread

objs = $(patsubst %.c,$(B)/obj/%.o,$(wildcard $(addsuffix /*.c,$(1))))
LIB_O     := $(call objs,lib)
MIGRATE_O := $(call objs,migrate)
CLI_O     := $(filter-out $(B)/obj/cli/main.o,$(call objs,cli))
BROKERD_O := $(filter-out $(B)/obj/brokerd/main.o,$(call objs,brokerd brokerd/store))
UNIT_O    := $(call objs,tests/unit)

.PHONY: all deps quickstart check lint format fuzz bench interop install clean
all: $(B)/tdmqctl $(B)/brokerd

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/libtdmq.a: $(LIB_O)
$(B)/libmigrate.a: $(MIGRATE_O)
$(B)/libcli.a: $(CLI_O)
$(B)/libbrokerd.a: $(BROKERD_O)
$(B)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

$(B)/tdmqctl: $(B)/obj/cli/main.o $(B)/libcli.a $(B)/libmigrate.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(CLI_LIBS)
$(B)/brokerd: $(B)/obj/brokerd/main.o $(B)/libbrokerd.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BROKERD_LIBS)

$(B)/unit: $(UNIT_O) $(B)/libcli.a $(B)/libbrokerd.a $(B)/libmigrate.a $(B)/libtdmq.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcriterion $(CLI_LIBS) $(BROKERD_LIBS)

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
