# Everything a fresh machine with Python 3.10+ needs: `make demo`, `make test`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The versions of pytest that `make matrix` tests the plugin with; `newest` is that of `make test`.
PYTESTS ?= lowest 8.4 9.0 newest
# What runs with the lowest versions of all that we depend on; without optional packages.
LOWEST_TESTS := $(addprefix tests/test_,to_results.py provider.py log_exporter.py threads.py plugin_fixtures.py)
PLUGIN_TESTS := $(wildcard tests/test_plugin_*.py) tests/test_differential.py
ARGS ?= -n auto
RESULTS := allure-results
REPORT := allure-report
# Examples in other languages; their tests are skipped where npm has not installed them.
NPM_EXAMPLES := examples/node-service examples/browser
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv)
pip = $(if $(UV),$(UV) pip install --quiet --python $(1)/bin/python,$\
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check)

# Which rows `make bench` measures; all if none is named.
ROWS ?=
# Which suites of other projects `make suites` runs; all if none is named.
SUITES ?=

# Most tests run pytest in a process of its own, which would compile the package anew each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test npm node environments matrix lint docs bench suites clean
.SECONDARY:  # keep what pattern rules make on the way

demo: $(VENV)/.demo  ## run the example and look at what it reports
	rm -rf $(RESULTS) $(REPORT)
	$(BIN)/python -m pytest examples/shop --alluredir=$(RESULTS) \
		--allure-otel-instrument=aiohttp-client,aiohttp-server,asyncpg \
		--allure-otel-tree=failed; test $$? -eq 1
	@echo
	@echo "(Two of these tests fail on purpose.) Another one, as a tree of steps:"
	@echo
	@$(BIN)/otel-allure tree $(RESULTS) --test "Two visitors at once" --no-fixtures
	@echo
	@$(BIN)/otel-allure report $(RESULTS) -o $(REPORT) || test $$? -eq 2  # there may be no Allure

test: $(VENV)/.test  ## the whole test suite
	$(BIN)/python -m pytest $(ARGS)

npm: $(NPM_EXAMPLES:%=%/node_modules/.installed)  ## what tests of other languages need

node: $(VENV)/.test npm  ## the examples in other languages; half a minute for npm the first time
	$(BIN)/python -m pytest tests/test_node_service.py tests/test_browser.py -n 0

environments: $(patsubst %,$(VENV)/%/.test,lowest pytest-9.0)  ## what CI needs for the matrix

matrix: $(PYTESTS:%=matrix-%)  ## the plugin's tests with other versions of pytest

matrix-newest: $(VENV)/.test
	$(BIN)/python -m pytest $(PLUGIN_TESTS) $(ARGS)

matrix-lowest: $(VENV)/lowest/.test
	$(VENV)/lowest/bin/python -m pytest $(LOWEST_TESTS) -o addopts= $(ARGS)

matrix-%: $(VENV)/pytest-%/.test
	$(VENV)/pytest-$*/bin/python -m pytest $(PLUGIN_TESTS) $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	rm -rf build/dist
	$(BIN)/hatchling build --directory build/dist
	$(BIN)/twine check --strict build/dist/*
	$(BIN)/python -m zipfile --list build/dist/*.whl | grep otel_allure/py.typed

docs: $(VENV)/.docs  ## the documentation as a site, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: ARGS =
bench: $(VENV)/.bench  ## cost beside allure-pytest, as ratios, into docs/performance.md
	$(VENV)/bench/bin/python -m benchmarks $(ROWS) --write $(ARGS)

suites: ARGS =
suites: | $(VENV)/bin/pip  ## other projects' test suites, plain and with a report
	$(BIN)/python tools/real_suites.py $(SUITES) $(ARGS)

%/node_modules/.installed: %/package.json
	npm install --prefix $* --no-audit --no-fund --no-package-lock --ignore-scripts
	npm run --prefix $* --if-present build
	touch $@

# What pip cannot do before 25.1 is --group.
%/bin/pip:
	$(PYTHON) -m venv $*
	$(if $(UV),,$*/bin/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1")

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing the example and what it needs into $(VENV): a minute, the first time ..."
	$(call pip,$(VENV)) -e ".[examples]"
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/pip
	$(call pip,$(VENV)) -e ".[examples]" --group test
	touch $@ $(VENV)/.demo

$(VENV)/.lint: pyproject.toml | $(VENV)/bin/pip
	$(call pip,$(VENV)) -e ".[examples]" --group dev
	touch $@ $(VENV)/.test $(VENV)/.demo $(VENV)/.docs

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/pip
	$(call pip,$(VENV)) --group docs
	touch $@

$(VENV)/pytest-%/.test: pyproject.toml | $(VENV)/pytest-%/bin/pip
	$(call pip,$(VENV)/pytest-$*) -e ".[examples]" --group test "pytest==$*.*"
	touch $@

$(VENV)/lowest/.test: pyproject.toml | $(VENV)/lowest/bin/pip
	$(call pip,$(VENV)/lowest) -e . --group lowest
	touch $@

# A virtual environment of its own: allure-pytest must not be beside us in the others.
$(VENV)/.bench: pyproject.toml | $(VENV)/bench/bin/pip
	$(call pip,$(VENV)/bench) -e . --group bench
	touch $@

clean:
	rm -rf $(VENV) $(RESULTS) $(REPORT) .pytest_cache .mypy_cache .ruff_cache
