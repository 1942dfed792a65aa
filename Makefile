# Two commands do everything on a fresh machine with Python 3.11+ and make:  make demo   make test
.DEFAULT_GOAL := help
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PIP_INSTALL := $(BIN)/pip install --quiet --retries 10 --constraint constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test proofs lint schema bench truth clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/:/' | column -t -s ':'

demo: .venv/run ## rehearse the whole job on invented data
	@$(BIN)/pars-connector demo

# The tests of the pure parts are measured; measuring costs them most of their time again, so the others run without it.
PURE := $(addprefix tests/,collection/test_collection_cursor.py lrs pars \
	$(addprefix importing/test_importing_,learner_sheet.py match.py) \
	$(addprefix learners/test_learners_,allotment.py credit_id.py fields.py sources.py) \
	$(filter-out %_plan.py %_versions.py,$(patsubst tests/%,%,$(wildcard tests/mapping/test_*.py))) \
	$(addprefix store/test_store_,life.py moves.py) validation/test_validation_checks.py)
PYTEST := $(BIN)/pytest --numprocesses 2 --dist loadfile

test: .venv/dev ## the tests, with branch coverage of the pure parts
	@$(BIN)/python -m tests.ralph.install
	@$(BIN)/python -m tests.learning_locker.install
	@$(PYTEST) -m "not proof" --cov --cov-report=term:skip-covered $(PURE)
	@$(PYTEST) -m "not proof" $(addprefix --ignore=,$(PURE))

proofs: .venv/dev ## the long tests that `make test` leaves out: storms, machines, orders, outages of a whole daemon
	@$(BIN)/python -m tests.ralph.install
	@$(BIN)/python -m tests.learning_locker.install
	@$(PYTEST) -m proof

lint: .venv/dev ## format, lint, types and who may import whom
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

schema: .venv/dev ## the JSON Schema of mapping files, from their models
	@$(BIN)/python -m connector.mapping.language.schema > docs/reference/mapping.schema.json

bench: .venv/dev ## statements a second beside two bare loops; judging with 10 to 10,000 rules beside tincan's parse
	@$(BIN)/python -m tests.bench.bench_collect
	@$(BIN)/python -m tests.bench.bench_mapping

truth: .venv/dev ## 10,000 invented learners with the faults that people make: wrong matches, causes named, near misses
	@$(BIN)/python -m tests.truth.run

clean: ## everything that make and the tests have made
	rm -rf .venv .cache .demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

.venv/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."; exit 1; }
	@echo "setting up .venv: about a minute, once"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run: .venv/python pyproject.toml constraints.txt
	@$(PIP_INSTALL) --editable .
	@touch $@

.venv/dev: .venv/run
	@$(PIP_INSTALL) --editable '.[postgres,notify,dev]'
	@touch $@
