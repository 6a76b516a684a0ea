# `make` lists what can be done. Everything lives in .venv; nothing else on the machine is changed.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench judge soak docs wheel assets peers locks clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.ready: requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys, venv; sys.exit("Python 3.11 or newer is needed") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

VENDOR := src/kumihimo/service/console/static/vendor
$(VENDOR)/.ready: $(VENV)/.ready package.json package-lock.json tools/assets.py
	$(BIN)/python tools/assets.py
	@touch $@

# What only tests need of npm lies where the rest does: npm takes away what it is not asked for, and this mark with it.
PEERS := node_modules/.peers
$(PEERS): $(VENV)/.ready package.json package-lock.json tools/assets.py
	$(BIN)/python tools/assets.py --peers
	@touch $(VENDOR)/.ready $@

assets: $(VENDOR)/.ready ## fetch the console's scripts and styles from npm (needed once)

peers: $(PEERS) ## fetch the programs that tests speak with from npm, and the assets

demo: $(VENDOR)/.ready ## start the demo: the rivers of Fukui, June 2024 (DEMO_ARGS="--event 2023-08" for typhoon Lan)
	$(BIN)/kumihimo demo $(DEMO_ARGS)

test: $(PEERS) $(VENDOR)/.ready ## run every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.ready ## formatting, lint, types, import contracts, generated docs
	$(BIN)/ruff format --check src tests tools bench
	$(BIN)/ruff check src tests tools bench
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/docs.py --check

bench: $(VENDOR)/.ready ## measure, each number as a ratio to a ceiling of the same run
	$(BIN)/python bench/run.py $(BENCH_ARGS)

judge: $(VENDOR)/.ready ## run an outside suite: make judge NAME=etsi SUITE=/path/to/suite (or NAME=paho) ENGINE=postgresql
	$(BIN)/python tools/judge.py --name "$(NAME)" --suite "$(SUITE)" --engine "$(or $(ENGINE),sqlite)"

soak: $(VENDOR)/.ready ## the long kill runs: make soak MINUTES=30 (SOAK_ARGS="--story delivery --engine postgresql")
	$(BIN)/python tools/soak.py --minutes $(or $(MINUTES),30) $(SOAK_ARGS)

docs: $(VENV)/.ready ## write the generated pages (rooms, settings, routes, commands)
	$(BIN)/python tools/docs.py

wheel: $(VENDOR)/.ready ## build dist/*.whl with the assets inside
	rm -rf build dist
	$(BIN)/python -m build --wheel --no-isolation

locks: $(VENV)/.ready ## resolve the dependencies anew (needs uv)
	uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -o requirements/runtime.lock
	uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -c requirements/runtime.lock -o requirements/dev.lock

clean: ## remove what was built (not your data)
	rm -rf build dist $(VENV) node_modules $(VENDOR)
