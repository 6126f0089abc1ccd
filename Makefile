# Two commands do all of their set-up themselves: `make demo` and `make test`.
SHELL := /bin/sh
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
READY := $(VENV)/.ready

JOBS ?= 2
KILLS ?= 200
SEED ?= 1
RUNS ?= 1
ONLY ?=

# The resampling kernels are compiled once, here, and kept beside the package.
COMPILE := from evaluator.evaluation import prepare; prepare()

.PHONY: demo test check engine attacks faults libraries soak perf coverage clean

demo: engine  ## the whole path on a simulated commons, then the page (DEMO_SERVE=0: no page)
	$(BIN)/sequestra demo

test: engine  ## the tests, with a real container engine, JOBS files at a time
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder

check: $(READY)  ## what must hold before a commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layering.py

engine: $(READY)  ## a container engine that answers, and the Python base image
	$(BIN)/python -m evaluator.engine_setup
	$(BIN)/python -m submissions.base_image

attacks: engine  ## a table: attack, expected, seen
	$(BIN)/python -m tests.attacks

faults: engine  ## kill what the queue is made of, each in every state: twenty minutes
	$(BIN)/python -m pytest -m faults tests/queue

libraries: engine  ## torch, MONAI and Java under the contract: five minutes
	$(BIN)/python -m pytest -m libraries tests/evaluator/test_libraries.py

soak: engine  ## 200 random kills under a queue at work (KILLS=n, SEED=n): a table, and 0 lost
	$(BIN)/python -m tests.queue.soak $(KILLS) $(SEED)

perf: $(READY)  ## side-by-side measurements against peers
	$(BIN)/python -m pip install --quiet --no-deps --requirement perf/peers.txt
	$(BIN)/python -m perf

coverage: $(READY)  ## whether intervals and tests keep their promise: two hours, goes on where it was cut off (RUNS=share, ONLY=cells)
	$(BIN)/python -m perf.coverage --runs $(RUNS) --only '$(ONLY)'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Sequestra needs Python 3.11 or newer; found " + sys.version.split()[0])'
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y -qq python3-venv; } || { echo "Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade pip
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[baselines,dev]'
	$(BIN)/python -c '$(COMPILE)'
	touch $@

clean:  ## remove the environment and the demonstration
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache
