# rolecall: `make run` shows it, `make test` tries everything, `make check` is the quick look.
# `make TARGET ROOT=trixie` is the same target in another release of Debian: tests/platforms/root.sh.
ifeq ($(origin ROOT),command line)
GOALS := $(or $(MAKECMDGOALS),help)
.PHONY: $(GOALS)
$(firstword $(GOALS)):
	@sh tests/platforms/root.sh $(ROOT) $(GOALS)
$(wordlist 2,$(words $(GOALS)),$(GOALS)): ;
else

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Each is there when its part of .venv is whole: what `make run` needs, and with the tests' tools.
SANDBOX := $(VENV)/.sandbox
STAMP := $(VENV)/.installed
QUIET := --quiet --disable-pip-version-check --retries 1
INSTALL := $(BIN)/pip install $(QUIET)
SCREENSHOTS ?= $(CURDIR)/dist/screenshots
# The Python that the service will run on: what it needs differs between versions.
WHEEL_PYTHON ?= /usr/bin/python3
# Of the mutants that are tried.
SEED ?= 1

# Each program that a test starts would compile our files anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv locks lowest run check lint types imports quick stores scripts shippers thorough
.PHONY: servers try unit service programs region-ring real real-ready ring modules alone differs other browser
.PHONY: browser-ready pages wheel module reference debs real-debs browser-debs test bench
.PHONY: house hooks mutants coverage release-check nightly nightly-real nightly-rings nightly-pythons

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

venv: $(STAMP)  ## .venv with all that the tests need

# What was installed does not run where Python was upgraded, and runs another checkout's files where
# the folder was moved or copied.
runs = $(findstring $(CURDIR)/enc,$(shell $(BIN)/python -Ic 'import enc; print(*enc.__path__)' 2>/dev/null))
ifneq ($(wildcard $(SANDBOX)),)
$(SANDBOX): $(if $(runs),,broken)
endif
.PHONY: broken
broken: ;

$(SANDBOX): requirements/sandbox.txt setup.cfg pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; as root:" \
		"apt-get install python3 python3-venv; or name another: make PYTHON=python3.12 run" >&2; exit 1; }
	@$(PYTHON) -m tests.platforms.ready $@
	@echo "installing what it runs, by requirements/sandbox.txt: a minute, this once" >&2
	@$(INSTALL) --require-hashes -r requirements/sandbox.txt && $(INSTALL) --no-deps --no-build-isolation -e . \
		|| { $(NOT_INSTALLED); }
	@touch $@

$(STAMP): requirements/dev.txt $(SANDBOX)
	@echo "installing what the tests need, by $<: a minute, this once" >&2
	@$(INSTALL) --require-hashes -r $< || { $(NOT_INSTALLED); }
	@touch $@

NOT_INSTALLED = echo "pip could not install everything, and said why above. Is this machine offline?" \
	"The next run continues with what pip has downloaded." >&2; exit 1

# The tests' own tools may want newer ones; pip says so, and they work.
lowest:  ## what decides and what stores, with the lowest versions that setup.cfg allows
	@$(MAKE) VENV=.venv-lowest venv
	.venv-lowest/bin/pip install $(QUIET) --require-hashes -r requirements/lowest.txt
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 VENV=.venv-lowest quick stores

locks:  ## requirements/: the newest releases that setup.cfg allows, each with its hashes
	sh requirements/lock.sh $(PYTHON)

run: $(SANDBOX)  ## the whole main job on this machine, until Ctrl-C
	@$(BIN)/python -m tests.sandbox

# Three at once on two cores, as some wait as much as they compute; each collects only its own.
check: $(STAMP)  ## lint, types, import rules, what decides and what stores: under a minute
	@$(MAKE) --no-print-directory --output-sync=target --keep-going --jobs=3 \
		quick stores types lint imports

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

# Each folder of the service ring is a share of its own; what lies beside them is in `quick`.
SERVICE := $(addprefix tests/service/,store scripts shipper programs web_service)

quick: $(STAMP)
	$(BIN)/pytest -q tests/unit tests/house tests/service $(addprefix --ignore=,$(SERVICE))

stores: $(STAMP)
	$(BIN)/pytest -q tests/service/store

scripts: $(STAMP)
	$(BIN)/pytest -q tests/service/scripts

shippers: $(STAMP)
	$(BIN)/pytest -q tests/service/shipper

thorough: $(STAMP)
	$(BIN)/pytest -q tests/service/programs

servers: $(STAMP)
	$(BIN)/pytest -q tests/service/web_service

try: $(STAMP)  ## the tests that TESTS names, as in: make try TESTS=tests/real/one_ca/test_ca.py ROOT=trixie
	$(BIN)/pytest -q $(TESTS)

unit: $(STAMP)  ## pure decisions and rendering
	$(BIN)/pytest -q tests/unit

service: $(STAMP)  ## the inventory and the service on a real Redis, and the programs
	$(BIN)/pytest -q tests/service

programs: $(STAMP)  ## the web service, what Puppet and people start, what is random or fuzzed
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 thorough servers scripts shippers

region-ring: $(STAMP)  ## the provisioner against the simulated EC2 region
	$(BIN)/pytest -q -n 3 --dist loadfile tests/region_ring

# Shares that run beside each other: the tests that have one puppetserver between them, with some
# that need none; the module's; all others.
real: real-ready  ## a real puppetserver, agent and cloud-init
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 ring modules alone

real-ready: $(STAMP) real-debs wheel module

ring: $(STAMP)
	$(BIN)/pytest -q tests/real/one_ca

modules: $(STAMP)
	$(BIN)/pytest -q tests/real/module

alone: $(STAMP)
	$(BIN)/pytest -q tests/real --ignore=tests/real/one_ca --ignore=tests/real/module

differs: real-ready
	$(BIN)/pytest -q tests/service/store tests/service/scripts
	$(BIN)/pytest -q -m differs tests/real

other: $(STAMP)  ## what differs on Debian 13, or 12 where this is 13, in a root of its own
	@sh tests/platforms/root.sh other differs

browser: browser-ready  ## the pages in Chromium; screenshots in dist/screenshots
	@$(MAKE) --no-print-directory pages

browser-ready: $(STAMP) browser-debs

pages: $(STAMP)
	mkdir -p $(SCREENSHOTS)
	ROLECALL_SCREENSHOTS=$(SCREENSHOTS) $(BIN)/pytest -q tests/browser

# By the lock: what a puppetmaster installs is what was tried here.
wheel:  ## dist/: the wheel, and in dist/wheelhouse all that it depends on
	rm -rf build dist/wheelhouse dist/*.whl
	$(WHEEL_PYTHON) -m venv build/venv
	build/venv/bin/pip install $(QUIET) --require-hashes -r requirements/build.txt
	build/venv/bin/pip wheel $(QUIET) --wheel-dir dist/wheelhouse --require-hashes -r requirements/rolecall.txt
	build/venv/bin/pip wheel $(QUIET) --wheel-dir dist --no-deps --no-build-isolation .
	rm -rf build

module: reference  ## dist/: the Puppet module, as the Forge takes it
	$(PYTHON) puppet/archive.py dist

reference:  ## the module's REFERENCE.md, from its manifests
	$(PYTHON) puppet/reference.py

debs:  ## the Debian packages that the real ring and the browser's need
	@sh tests/real/debs.sh

real-debs browser-debs: %-debs:
	@sh tests/real/debs.sh $*

# Three at once on two cores: the real ring waits for others half of its time. The longest go first.
test: real-ready browser-ready check  ## everything, and what differs on the other release of Debian
	@$(MAKE) --no-print-directory --output-sync=target --keep-going --jobs=3 \
		other ring modules alone region-ring pages thorough servers scripts shippers

# Parts of at most 25 minutes, each of which runs alone; `make test` has a sample of each.
nightly: nightly-real nightly-rings nightly-pythons  ## all rings on the other release, all Pythons

nightly-real: $(STAMP)
	@sh tests/platforms/root.sh other real

nightly-rings: $(STAMP)
	@sh tests/platforms/root.sh other check programs region-ring browser

nightly-pythons: lowest
	@sh tests/platforms/pythons.sh

house: $(STAMP)  ## rooms, floors, long files and functions: how easy the code is to live in
	@$(BIN)/python -m tests.house

hooks: $(STAMP)  ## ruff, mypy, import rules and the subject's length before each commit of this clone
	@$(BIN)/pre-commit install

coverage: $(STAMP)  ## lines and branches that the quick rings take, by room; printed, not a gate
	$(BIN)/coverage erase
	$(BIN)/coverage run --branch --source enc,provisioner -m pytest -q tests/unit tests/house tests/service \
		$(addprefix --ignore=tests/service/,scripts shipper programs web_service)
	@$(BIN)/python -m tests.house.covered

mutants: $(STAMP)  ## SEED=1: would a test notice 300 small faults in the rules? By hand, up to an hour
	@$(BIN)/python -m tests.house.mutants $(SEED)

release-check: $(STAMP)  ## builds wheel, sdist and module, and looks into them
	@$(BIN)/python -m tests.house.release

bench: $(STAMP)  ## the figures that we promise, as ratios
	@$(BIN)/python -m tests.bench

endif
