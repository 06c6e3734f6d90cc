# What a person does with this repository; `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deps build run test test-vm check format web bench fuzz clean

help: ## List these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

deps: ## Install what is missing (Debian packages, uv)
	@tools/deps

PAGE := web/dist/index.html
PROGRAM := .build/release/martlet
# Those of one machine, and each service by itself for clusters.
PROGRAMS := container-shim node-agent control-plane profile-controller notebook-controller gateway martlet
PAGE_SOURCES := $(shell find web/src web/public web/types -type f) web/build.mjs
PROGRAM_SOURCES := Package.swift $(shell find services shared tools/martlet -type f -not -name '*.md')

web: deps $(PAGE) ## Build the page into web/dist

$(PAGE): $(PAGE_SOURCES)
	@node web/build.mjs

build: deps $(PAGE) $(PROGRAM) ## Build everything in release mode

# Only when a source is newer, so that a second `make run` starts at once.
$(PROGRAM): $(PROGRAM_SOURCES)
	@echo "building in release mode (the first time takes some minutes)"
	@for program in $(PROGRAMS); do swift build -c release --product $$program || exit 1; done
	@touch $(PROGRAM)

run: build ## Build what is needed and start the platform
	@PATH="$(CURDIR)/.build/tools/bin:$$PATH" exec .build/release/martlet up $(ARGS)

test: ## Build and run every test; ends in "N passed, N failed"
	@tools/test

# What Debian's kernel decides otherwise than those of other machines: control groups of version 2, quotas, owners of mounts.
VM_TESTS := tests/vm tests/node/test_owners.py tests/node/test_resizing.py tests/node/test_usage.py \
  tests/node/test_bad_luck.py::test_a_control_group_is_removed
test-vm: ## Build and run the tests that need a virtual machine with Debian's kernel (some minutes)
	@tools/deps --test && swift build --quiet && tests/vm/run --systemd $(or $(TESTS),$(VM_TESTS))

check: ## Format, build, types and unit tests: before each commit
	@tools/check

format: ## Format all Swift sources
	@swift format -i -r -p Package.swift services shared tools tests

bench: ## Measure, print and write BENCHMARKS.md
	@tools/bench

SECONDS ?= 60
fuzz: ## Fuzz the readers of foreign bytes, SECONDS=60 for each
	@tools/fuzz/run $(SECONDS) $(TARGETS)

clean: ## Remove what was built
	@rm -rf .build web/dist
