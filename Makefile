# Every step says what it does and does it once: a second `make run` starts in seconds.

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VENV ?= $(ROOT)/.venv
PYTHON ?= python3
WORKERS ?= 2
BIN := $(VENV)/bin
PARALLEL := --numprocesses $(WORKERS) --dist worksteal
.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow test-all lint lecture train-zoo bench

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(ROOT)/Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12"; exit 1; }
	@echo "Making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.python $(ROOT)/pyproject.toml
	@echo "Installing the explorer and what it needs (PyTorch is the large part: minutes, some gigabytes)"
	@cd $(ROOT) && $(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Installing what the tests need"
	@cd $(ROOT) && $(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

setup: $(VENV)/.installed ## install everything that running needs, in .venv
	@echo "Ready: make run"

run: $(VENV)/.installed ## open the explorer in the browser
	@echo "Opening the explorer (Ctrl-C ends it)"
	@$(BIN)/streamlit run $(ROOT)/explorer/Home.py

test: $(VENV)/.installed-dev ## run the tests, a few minutes (WORKERS=1: one after another)
	@echo "Running the tests"
	@cd $(ROOT) && $(BIN)/python -m pytest -m "not slow" $(PARALLEL)

test-slow: $(VENV)/.installed-dev ## run only the tests that take long
	@echo "Running the slow tests"
	@cd $(ROOT) && $(BIN)/python -m pytest -m slow $(PARALLEL)

test-all: test test-slow ## run all tests, those that take long too

lint: $(VENV)/.installed-dev ## check style and types
	@cd $(ROOT) && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

lecture: $(VENV)/.installed ## make the shipped HTML file again, after the canvas or its models have changed
	@cd $(ROOT) && $(BIN)/python -m explorer export mnist-standard-2d --beside mnist-vampprior-2d --out docs/lecture.html

train-zoo: $(VENV)/.installed ## train the shipped models that are not whole (about five hours on one core)
	@cd $(ROOT) && $(BIN)/python -m latents.zoo

bench: $(VENV)/.installed-dev ## measure the speed claims, as ratios in one run
	@cd $(ROOT) && $(BIN)/python -m benchmarks
