# Every target sets up what it needs. PYTHON names the interpreter the environment is made from.
PYTHON ?= python3
PORT ?= 7860
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
APT := apt-get install -y -qq --no-install-recommends

.PHONY: help setup run demo test browser slow faults lint bench clean
.DEFAULT_GOAL := help

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Make .venv and install the product and the tools of its checks

$(STAMP): requirements.txt requirements-dev.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

run: $(STAMP) ## Open the app on an example: handwritten digits, 200 of them to label
	$(BIN)/python -m labeling.example example
	$(BIN)/python app.py --project example/digits --port $(PORT)

demo: $(STAMP) ## Run the whole loop on handwritten digits: label, learn, ask, label again
	$(BIN)/python -m benchmarks demo

test: $(STAMP) browser ## Run the tests, more at a time than there are cores: they wait for pages and processes
	@# Hundreds of processes begin: each would compile these packages anew where that is not to be kept.
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 4 --dist worksteal

browser: ## Install Chromium's headless shell for the tests of the pages, where apt can; without it they are skipped
	@test -x /usr/bin/chromium-headless-shell || ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ] || \
		{ apt-get update -qq && { $(APT) chromium-headless-shell || $(APT) chromium; }; } >/dev/null || \
		test -x /usr/bin/chromium

slow: $(STAMP) browser ## Run whole runs and further cases that take long
	$(BIN)/python -m pytest -m slow -n 3 --dist worksteal

faults: $(STAMP) browser ## Run the long tests that kill, fill and corrupt
	$(BIN)/python -m pytest -m faults --timeout 1800

lint: $(STAMP) ## Check style, types and the import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP) ## List the benchmarks; run one with: make bench NAME=pipeline
	$(BIN)/python -m benchmarks $(NAME)

clean: ## Remove the environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
