# rolecall: `make run` shows it, `make test` tries everything, `make check` is the quick look.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SCREENSHOTS ?= $(CURDIR)/dist/screenshots
# The Python that the service will run on: what it needs differs between versions.
WHEEL_PYTHON ?= /usr/bin/python3

# Each program that a test starts would compile our files anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help venv run check lint types imports unit service region-ring real test bench debs
.PHONY: programs quick stores scripts shippers servers thorough ring alone browser wheel module reference

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

venv: $(STAMP)  ## .venv with every extra

$(STAMP): setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[sandbox,dev]'
	touch $@

run: $(STAMP)  ## the whole main job on this machine, until Ctrl-C
	@$(BIN)/python -m tests.sandbox

# Three at once on two cores, as some wait as much as they compute; each collects only its own.
check: $(STAMP)  ## lint, types, import rules, what decides and what stores: under a minute
	@$(MAKE) --no-print-directory --output-sync=target --jobs=3 \
		quick stores types lint imports

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

imports: $(STAMP)
	$(BIN)/lint-imports

# What is named in none of these is in `quick`: no file is in none of them.
SCRIPTS := $(wildcard tests/service/test_*_script*.py)
SHIPPERS := $(wildcard tests/service/test_ship_reports*.py)
# What starts programs, builds, or is random or fuzzed: more than all else takes together.
THOROUGH := $(wildcard tests/unit/test_*_fuzz.py $(addprefix tests/service/test_, \
	canary.py check_start.py cli_*.py export_nagios_program.py nodes_random.py openapi.py \
	preflight.py queries_pages_store.py web_*service.py wheel.py))
SERVERS := $(filter-out $(THOROUGH),$(wildcard $(addprefix tests/service/test_, \
	inventory_faults.py inventory_wire.py web_*.py)))
STORES := $(filter-out $(SCRIPTS) $(SHIPPERS) $(THOROUGH) $(SERVERS),$(wildcard $(addprefix tests/service/test_, \
	*_store.py nodes*.py inventory*.py redis*.py retire*.py converge*.py launch*.py export*.py \
	doctor*.py prometheus*.py)))

quick: $(STAMP)
	$(BIN)/pytest -q tests/unit tests/service \
		$(addprefix --ignore=,$(SCRIPTS) $(SHIPPERS) $(THOROUGH) $(SERVERS) $(STORES))

stores: $(STAMP)
	$(BIN)/pytest -q $(STORES)

scripts: $(STAMP)
	$(BIN)/pytest -q $(SCRIPTS)

shippers: $(STAMP)
	$(BIN)/pytest -q $(SHIPPERS)

thorough: $(STAMP)
	$(BIN)/pytest -q $(THOROUGH)

servers: $(STAMP)
	$(BIN)/pytest -q $(SERVERS)

unit: $(STAMP)  ## pure decisions and rendering
	$(BIN)/pytest -q tests/unit

service: $(STAMP)  ## the inventory and the service on a real Redis, and the programs
	$(BIN)/pytest -q tests/service

programs: $(STAMP)  ## the web service, what Puppet and people start, what is random or fuzzed
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 thorough servers scripts shippers

region-ring: $(STAMP)  ## the provisioner against the simulated EC2 region
	$(BIN)/pytest -q -n 3 --dist loadfile tests/region_ring

# Two at once: the tests that share one puppetserver, with some that need none so that both take as
# long, and all others.
real: $(STAMP) debs wheel module  ## a real puppetserver, agent and cloud-init
	@$(MAKE) --no-print-directory --output-sync=target --jobs=2 ring alone

RING := $(wildcard $(addprefix tests/real/test_, \
	ca*.py end_of_life.py hosts_boot.py puppetserver.py ready.py reports_arrive.py \
	spine*.py strangers.py ansible.py dns.py nagios.py prometheus*.py))

ring: $(STAMP)
	$(BIN)/pytest -q $(RING)

alone: $(STAMP)
	$(BIN)/pytest -q tests/real $(addprefix --ignore=,$(RING))

browser: $(STAMP) debs  ## the pages in Chromium; screenshots in dist/screenshots
	mkdir -p $(SCREENSHOTS)
	ROLECALL_SCREENSHOTS=$(SCREENSHOTS) $(BIN)/pytest -q tests/browser

wheel:  ## dist/: the wheel, and in dist/wheelhouse all that it depends on
	rm -rf build dist/wheelhouse dist/*.whl
	$(WHEEL_PYTHON) -m venv build/venv
	build/venv/bin/pip wheel --quiet --disable-pip-version-check --wheel-dir dist/wheelhouse .
	mv dist/wheelhouse/rolecall-*.whl dist/
	rm -rf build

module: reference  ## dist/: the Puppet module, as the Forge takes it
	$(PYTHON) puppet/archive.py dist

reference:  ## the module's REFERENCE.md, from its manifests
	$(PYTHON) puppet/reference.py

debs:  ## the Debian packages that the real ring needs
	@sh tests/real/debs.sh

test: debs check programs region-ring browser real  ## everything

bench: $(STAMP)  ## the figures that we promise, as ratios
	@$(BIN)/python -m tests.bench
