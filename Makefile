# What a newcomer types. `make` alone lists it.
PORT ?= 8000
PY := .venv/bin/python
# A process of tests for each core that is ours; each has servers of its own.
PYTEST = $(PY) -m pytest -n $$(nproc) --maxprocesses 4 --dist worksteal
export PORT

.PHONY: help setup setup-dev demo retrain test test-fast lint bench peers clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup:  ## make .venv and install what the shop needs (make demo does it too)
	@sh config/setup.sh

setup-dev:
	@sh config/setup.sh dev

demo: setup  ## the whole shop at http://localhost:8000 (PORT=8000); Ctrl-C stops it
	@$(PY) manage.py demo

retrain: setup  ## train a challenger now and publish it if it beats the champion (ARGS="--minutes 5")
	@$(PY) manage.py retrain $(ARGS)

test: setup-dev  ## all tests, those in a real browser included (ARGS="-k word")
	@$(PYTEST) $(ARGS)

test-fast: setup-dev  ## the tests that need no browser, no whole path and no training: a minute or so (ARGS="-k word")
	@$(PYTEST) -m "not slow" $(ARGS)

lint: setup-dev  ## style, types, the architecture's rules, templates
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@$(PY) -m djlint --check --lint templates

bench: setup  ## speed of feed and freshness (BENCH="feed freshness", ARGS="--seconds 20")
	@for name in $(or $(BENCH),feed freshness); do $(PY) manage.py benchmark $$name $(ARGS) || exit 1; done

peers: setup  ## other libraries and ours on one file (ARGS="--sequences FILE --minutes 10"); installs them in var/peers
	@$(PY) manage.py peers $(ARGS)

clean:  ## remove var/ (database, models, secrets: everything made here) and caches; .venv stays
	@if [ -x $(PY) ] && [ -d var ]; then $(PY) manage.py services stop; fi
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
