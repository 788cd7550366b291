# Every target does its own set-up: what is missing is installed, what is there is left alone.
.DEFAULT_GOAL := help
SHELL := /bin/bash
GO ?= go
MYNAH := bin/mynah
# The module inside this one: "./..." doesn't reach into it.
DAVE := github.com/mynahbot/mynah/dave
# Recorded clips and public data sets, which the repository does not carry. What needs them is skipped where they are not.
DATA := ../shared/data

# insist runs a command up to three times: what it downloads from may not answer for a moment.
insist = for n in 10 30 stop; do $(1) && exit 0; test $$n = stop || sleep $$n; done; exit 1

run: setup build pack ## install what is missing, build, and start Mynah
	@exec $(MYNAH) run $(ARGS)

test: setup-test interop-modules ## install what is missing and run every test
	@echo "building what is tested: the first time takes minutes" >&2
	$(call insist,$(GO) run -race ./cmd/mynah models pull speech-pack)
	$(call insist,$(GO) run -race ./cmd/mynah models pull whisper-base)
	@$(GO) build -o bin/testlog ./scripts/testlog
	@set -o pipefail; { $(GO) -C dave test $(TEST) ./... && \
		$(GO) test $(TEST) $$($(GO) list ./... | grep -vE '$(REALTIME)') && \
		$(GO) test -p 2 $(TEST) $$($(GO) list ./... | grep -E '$(REALTIME)'); } | bin/testlog

TEST = -json -race -vet=off -timeout 60m $(TESTFLAGS)
# Packages whose tests hold calls in real time: two at a time, which mostly wait, and nothing beside them that works without a pause.
REALTIME = /(cmd/mynah|internal/discord|interop)(/|$$$$)

check: setup ## format, vet, staticcheck, dead code, and each fuzz target for a few seconds
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) -C dave vet ./...
	$(GO) tool staticcheck ./... $(DAVE)/...
	scripts/deadcode.sh
	scripts/fuzz.sh $(FUZZTIME)

bench: setup-test build pack interop-modules bench-targets ## measure everything on real data and print the tables

interop: setup-test build pack interop-modules interop-targets ## run the clients that others wrote against the local Discord

build: $(MYNAH) ## install what is missing and build bin/mynah
$(MYNAH): FORCE | setup
	@test -e $@ || echo "building $@: the first time takes minutes" >&2
	@$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $@ ./cmd/mynah

# The newest tag, how many commits came after it, and whether files were changed; or "unknown" outside of git.
VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

setup:
	@scripts/setup.sh run
setup-test:
	@scripts/setup.sh test
# Standard output is for what is run: with ARGS=--json there is one line on it.
pack: build
	@$(MYNAH) models pull speech-pack >&2

# npm installs into interop/*/node_modules, once for each lock file. It is not "npm ci", which fails where a lock file can't name
# an optional package for another platform.
interop-modules: $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard interop/*/package-lock.json))
interop/%/node_modules/.package-lock.json: interop/%/package-lock.json | setup
	cd interop/$* && $(call insist,npm install --no-save --no-audit --no-fund --loglevel=error)

help: ## print this help
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  \033[1m%-20s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

clean: ## remove what was built; installed models stay
	rm -rf bin out

# Parts bring their own targets: they add to bench-targets and interop-targets.
include $(wildcard mk/*.mk)

FORCE:
.PHONY: run test check bench bench-targets interop interop-targets interop-modules build setup setup-test pack help clean FORCE
