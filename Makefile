# make demo     a station on the air, with music that it makes itself
# make test     everything that CI runs

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=

# What a build needs, and what the tests need beside it: "command or library: Debian package".
BUILD_NEEDS := cc:gcc c++:g++ -lmp3lame:libmp3lame-dev -lopus:libopus-dev
TEST_NEEDS := ffmpeg:ffmpeg mpg123:mpg123 curl:curl lame:lame flac:flac opusenc:opus-tools oggenc:vorbis-tools

.PHONY: all build demo test lint doc-check unit bench install uninstall clean help needs test-needs
.DEFAULT_GOAL := build
all: build

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

build: needs ## the program, target/release/longwave
	$(CARGO) build --release --locked

demo: build ## a station on the air, with music that it makes itself
	exec target/release/longwave demo

test: test-needs ## everything that CI runs: format, lints, documentation, all tests
	bash scripts/test.sh

bench: test-needs ## what the inner loops cost, and a whole station
	$(CARGO) bench --locked

install: build ## the program in $(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 target/release/longwave $(DESTDIR)$(PREFIX)/bin/longwave

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/longwave

clean: ## away with what was built
	$(CARGO) clean

needs:
	@sh scripts/needs.sh $(BUILD_NEEDS)

test-needs:
	@sh scripts/needs.sh $(BUILD_NEEDS) $(TEST_NEEDS)
