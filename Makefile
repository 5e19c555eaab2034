# make demo     a station on the air, with music that it makes itself
# make test     everything that CI runs

CARGO ?= cargo
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
DESTDIR ?=
# Where what is installed was built.
BUILT ?= $(or $(CARGO_TARGET_DIR),target)/release

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# Where Common Lisp's ASDF looks by itself.
LISP := share/common-lisp/source/longwave
DOC := share/doc/longwave
# What goes there: the licences that a build needs beside it (THIRD-PARTY-LICENCES, too), and the
# documentation.
DOCS := LICENSE-APACHE LICENSE-MIT NOTICE README.md CHANGELOG.md SECURITY.md $(wildcard docs/*.md) \
	docs/longwave.service
# The number in the shared library's name: LW_ABI_MAJOR in ffi/src/lib.rs, and the soname in ffi/build.rs.
ABI_MAJOR := 0

# What a build needs, and what the tests need beside it: "command or library: Debian package".
BUILD_NEEDS := cc:gcc c++:g++ -lmp3lame:libmp3lame-dev -lopus:libopus-dev
DEB_NEEDS := dpkg-shlibdeps:dpkg-dev
TEST_NEEDS := $(if $(shell command -v dpkg),$(DEB_NEEDS) mmdebstrap:mmdebstrap tsreport:tstools) ffmpeg:ffmpeg mpg123:mpg123 mpv:mpv curl:curl lame:lame flac:flac opusenc:opus-tools oggenc:vorbis-tools \
	shout:libshout-tools ezstream:ezstream \
	pkg-config:pkg-config python3:python3 \
	/usr/lib/python3/dist-packages/mutagen:python3-mutagen \
	node:nodejs npm:npm chromium:chromium firefox-esr:firefox-esr \
	sbcl:sbcl ecl:ecl /usr/share/common-lisp/source/cl-cffi:cl-cffi cmake:cmake

.PHONY: all build library demo test bench install install-files uninstall deb clean help needs deb-needs test-needs
.DEFAULT_GOAL := all

all: needs ## the program and the library, in target/release
	$(CARGO) build --release --locked --package longwave --package longwave-ffi
	CARGO="$(CARGO)" sh scripts/licences.sh >$(BUILT)/THIRD-PARTY-LICENCES

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

build: needs ## the program, target/release/longwave
	$(CARGO) build --release --locked

# On another port: make demo LISTEN=8001
demo: needs ## a station on the air, with music that it makes itself
	@[ -x $(BUILT)/longwave ] || echo "The first build takes some minutes."
	$(CARGO) build --release --locked
	exec $(BUILT)/longwave demo $(if $(LISTEN),--listen $(LISTEN))

test: test-needs ## everything that CI runs: format, lints, documentation, all tests
	bash scripts/test.sh

bench: test-needs ## what the inner loops cost, and a whole station
	$(CARGO) bench --locked

library: needs ## the library for C and others, target/release/liblongwave_c.so and .a
	$(CARGO) build --release --locked --package longwave-ffi

# Who installs as root often has no Rust there: what was built before is what is installed.
install: $(if $(shell command -v $(CARGO)),all) install-files ## both in $(PREFIX): bin, lib, include, share

# A program or library without its debug information, which goes to .debug/ beside it: debuggers, profilers and
# the backtraces of panics find it there.
define stripped
	install -d $(dir $(2)).debug
	objcopy --only-keep-debug --compress-debug-sections=zlib $(1) $(dir $(2)).debug/$(notdir $(2)).debug
	chmod 644 $(dir $(2)).debug/$(notdir $(2)).debug
	install -s -m 755 $(1) $(2)
	objcopy --add-gnu-debuglink=$(dir $(2)).debug/$(notdir $(2)).debug $(2)
endef
# The files in which pkg-config and CMake look.
FILL_IN := sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$(VERSION)|'

# What was built, to its places; nothing is built here.
install-files:
	@[ -x $(BUILT)/longwave ] && [ -e $(BUILT)/liblongwave_c.so ] && [ -e $(BUILT)/THIRD-PARTY-LICENCES ] || { echo "There is nothing to install yet: run make first."; exit 1; }
	install -d $(addprefix $(DESTDIR)$(PREFIX)/,bin include share/longwave/python $(LISP)/cl-streamer $(DOC)/monitoring) $(addprefix $(DESTDIR)$(LIBDIR)/,pkgconfig cmake/longwave)
	$(call stripped,$(BUILT)/longwave,$(DESTDIR)$(PREFIX)/bin/longwave)
	$(call stripped,$(BUILT)/liblongwave_c.so,$(DESTDIR)$(LIBDIR)/liblongwave.so.$(VERSION))
	ln -sf liblongwave.so.$(VERSION) $(DESTDIR)$(LIBDIR)/liblongwave.so.$(ABI_MAJOR)
	ln -sf liblongwave.so.$(ABI_MAJOR) $(DESTDIR)$(LIBDIR)/liblongwave.so
	install -m 644 $(BUILT)/liblongwave_c.a $(DESTDIR)$(LIBDIR)/liblongwave.a
	strip --strip-debug $(DESTDIR)$(LIBDIR)/liblongwave.a
	install -m 644 $(DOCS) $(BUILT)/THIRD-PARTY-LICENCES $(DESTDIR)$(PREFIX)/$(DOC)/
	install -m 644 docs/monitoring/* $(DESTDIR)$(PREFIX)/$(DOC)/monitoring/
	install -m 644 ffi/include/longwave.h ffi/include/longwave.hpp $(DESTDIR)$(PREFIX)/include/
	install -m 644 bindings/python/longwave.py $(DESTDIR)$(PREFIX)/share/longwave/python/
	install -m 644 bindings/lisp/*.asd bindings/lisp/*.lisp $(DESTDIR)$(PREFIX)/$(LISP)/
	install -m 644 bindings/lisp/cl-streamer/*.asd bindings/lisp/cl-streamer/*.lisp $(DESTDIR)$(PREFIX)/$(LISP)/cl-streamer/
	$(FILL_IN) ffi/longwave.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/longwave.pc
	$(FILL_IN) ffi/longwave-config.cmake.in >$(DESTDIR)$(LIBDIR)/cmake/longwave/longwave-config.cmake
	$(FILL_IN) ffi/longwave-config-version.cmake.in >$(DESTDIR)$(LIBDIR)/cmake/longwave/longwave-config-version.cmake
	@# Into the live system: programs find it at once.
	case "$(DESTDIR):$(PREFIX)" in \
	:/usr | :/usr/local) [ "$$(id -u)" -ne 0 ] || ! command -v ldconfig >/dev/null || ldconfig ;; \
	esac

uninstall: ## away with what was installed
	rm -f $(DESTDIR)$(PREFIX)/bin/longwave $(addprefix $(DESTDIR)$(PREFIX)/include/longwave,.h .hpp)
	rm -rf $(addprefix $(DESTDIR)$(PREFIX)/,share/longwave $(LISP) $(DOC))
	rm -f $(DESTDIR)$(LIBDIR)/liblongwave.a $(DESTDIR)$(LIBDIR)/pkgconfig/longwave.pc
	rm -rf $(DESTDIR)$(LIBDIR)/cmake/longwave
	rm -f $(DESTDIR)$(PREFIX)/bin/.debug/longwave.debug $(DESTDIR)$(LIBDIR)/.debug/liblongwave.so.$(VERSION).debug
	cd $(DESTDIR)$(LIBDIR) && rm -f liblongwave.so liblongwave.so.$(ABI_MAJOR) liblongwave.so.$(VERSION)

deb: deb-needs all ## packages for Debian and Ubuntu, in target/deb
	bash scripts/deb.sh $(BUILT) target/deb
	@ls target/deb/*.deb

clean: ## away with what was built
	$(CARGO) clean

needs:
	@sh scripts/needs.sh $(BUILD_NEEDS)

deb-needs:
	@sh scripts/needs.sh $(BUILD_NEEDS) $(DEB_NEEDS)

test-needs:
	@sh scripts/needs.sh $(BUILD_NEEDS) $(TEST_NEEDS)
