# Everything a fresh machine with Python 3.10+ needs: `make demo`, `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RESULTS := allure-results
REPORT := allure-report
ALLURE ?= $(shell command -v allure || { command -v npx >/dev/null && echo npx --yes allure@3; })

.PHONY: demo test lint bench env clean

demo: $(VENV)/.demo  ## run the example and look at what it reports
	rm -rf $(RESULTS) $(REPORT)
	$(BIN)/python -m pytest examples/shop --alluredir=$(RESULTS) \
		--allure-otel-instrument=aiohttp-client,aiohttp-server,asyncpg; test $$? -eq 1
	@echo
	@echo "(One of these tests fails on purpose.) Another one, as a tree of steps:"
	@$(BIN)/otel-allure tree $(RESULTS) --test "Two visitors at once"
	@if [ -n "$(ALLURE)" ]; then \
		{ $(ALLURE) awesome $(RESULTS) --single-file -o $(REPORT) >/dev/null 2>&1 || \
		$(ALLURE) generate $(RESULTS) --single-file --clean -o $(REPORT) >/dev/null; } \
		&& echo && echo "The report: $(REPORT)/index.html"; \
	else echo; echo "No allure and no npx here: the results are in $(RESULTS)/"; fi

test: $(VENV)/.test  ## the whole test suite
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: $(VENV)/.bench  ## cost beside allure-pytest, as ratios
	$(VENV)/bench/bin/python tools/bench.py $(ARGS)

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[examples]"
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[examples]" --group test
	touch $@ $(VENV)/.demo

$(VENV)/.lint: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[examples]" --group dev
	touch $@ $(VENV)/.test $(VENV)/.demo

# A virtual environment of its own: allure-pytest must not be beside us in the others.
$(VENV)/.bench: pyproject.toml | $(VENV)/bin/pip
	$(PYTHON) -m venv $(VENV)/bench
	$(VENV)/bench/bin/python -m pip install --quiet --disable-pip-version-check -e . allure-pytest
	touch $@

clean:
	rm -rf $(VENV) $(RESULTS) $(REPORT) .pytest_cache .mypy_cache .ruff_cache
