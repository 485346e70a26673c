# Everything a person or CI does with Zoe. `make run` shows the main job, `make test` proves it.
# What is missing is installed first: a virtual environment, pinned packages, the labextension, Java.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
BACKEND ?= local
# Programs that are run by their file, some of the same name: each folder is type-checked by itself.
PROGRAMS := binder docs $(patsubst %/,%,$(sort $(dir $(wildcard frameworks/*/*.py frameworks/*/*/*.py))))
PYTEST := $(PY) -m pytest
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.DEFAULT_GOAL := help
.PHONY: help setup run lab test test-fast check bench images wheel constraints generate audit docs clean archives
.PHONY: docker-tools browser-tools

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: build/.installed build/.labextension build/.java archives ## install all that is missing

build/.venv:
	@mkdir -p build
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Zoe needs Python 3.11 or newer: set PYTHON=/path/to/python3.11.'; exit 1; }
	@test -x $(PY) || { echo 'Making a virtual environment in $(VENV) ...'; $(PYTHON) -m venv $(VENV); }
	@touch $@

build/.installed: build/.venv pyproject.toml constraints.txt
	@echo 'Installing the Python packages ...'
	@$(PY) -m pip install --quiet --upgrade -c constraints.txt pip setuptools hatchling hatch-jupyter-builder editables # what builds the rest
	@HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(PY) -m pip install --quiet --no-build-isolation -c constraints.txt -e '.[spark,docker]' --group dev
	@touch $@

LAB_SOURCES := $(shell find labextension/src labextension/style labextension/schema -type f 2>/dev/null) labextension/package.json labextension/tsconfig.json
build/.labextension: build/.installed $(LAB_SOURCES) labextension/yarn.lock
	@$(PY) binder/ensure.py node
	@echo 'Building the labextension ...'
	@cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm install --immutable > ../build/labextension.log 2>&1 && PATH="$(abspath $(BIN)):$$PATH" jlpm build:prod >> ../build/labextension.log 2>&1 || { tail -n 40 ../build/labextension.log; exit 1; }
	@$(PY) binder/ensure.py link $(VENV)
	@touch $@

build/.java: build/.venv
	@$(PY) binder/ensure.py java
	@touch $@

run: setup ## the main job, headless: attach Spark to a running kernel, grow it, use it, detach (BACKEND=local|docker)
	@$(PY) binder/ensure.py java
	@$(PY) binder/run_tour.py --backend $(BACKEND)

lab: setup ## JupyterLab with everything ready
	@$(PY) binder/ensure.py java
	@$(BIN)/jupyter lab $(AS_ROOT)

archives: build/.installed build/.java ## Spark's class data archives, once for each set of versions, in the user's cache
	@$(PY) frameworks/spark/launch.py archive > build/archives.log 2>&1 || { cat build/archives.log; echo 'Spark starts without its archives, more slowly.'; }

docker-tools: build/.installed
	@$(PY) binder/ensure.py docker

browser-tools: build/.installed
	@$(PY) binder/ensure.py chromium

images: docker-tools build/.labextension ## container images for BACKEND=docker
	@$(PY) -m zoe_hub.testing.dockerd run -- $(PY) -m zoe_hub.images build

test: setup docker-tools browser-tools ## every test, and what they cover (also in build/coverage/html)
	@rm -rf build/coverage && mkdir -p build/coverage && $(PY) binder/ensure.py coverage
	@COVERAGE_FILE='$(abspath build/coverage/data)' HUB_COVERAGE='$(abspath tests/measure_hub.py)' \
	HUB_COVERAGE_CONFIG='$(abspath pyproject.toml)' $(PY) -m coverage run -m pytest --durations=15; \
	status=$$?; $(PY) tests/coverage_report.py; exit $$status

test-fast: setup ## unit and contract tests and the simulation, in memory
	@$(PYTEST) tests/unit tests/contract tests/simulation

check: build/.installed build/.labextension ## style, types, import rules, drift
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@for each in $(PROGRAMS); do MYPYPATH=$$each:frameworks/spark $(BIN)/mypy --no-error-summary $$each/*.py || exit 1; done
	@$(BIN)/lint-imports
	@$(PY) -m zoe_hub.contract.generate --check
	@$(PY) -m jupyter_zoe.client.generate --check
	@$(PY) docs/make_options.py --check
	@$(PY) docs/make_architecture.py --check
	@$(PY) docs/make_site.py
	@cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm check && PATH="$(abspath $(BIN)):$$PATH" jlpm test

bench: setup docker-tools ## one line a benchmark, and build/bench.json
	@$(PY) tests/performance/run.py

generate: build/.installed ## OpenAPI document, TypeScript types, client methods and pages from the table of operations
	@$(PY) -m zoe_hub.contract.generate
	@$(PY) -m jupyter_zoe.client.generate
	@$(PY) docs/make_options.py
	@$(PY) docs/make_architecture.py

wheel: setup ## the distribution, in dist/
	@$(PY) -m build --no-isolation --wheel --outdir dist . > build/wheel.log 2>&1 || { tail -n 40 build/wheel.log; exit 1; }
	@ls dist/*.whl

audit: build/.labextension ## known vulnerabilities of what is pinned (asks public services, so CI does not run it)
	@test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit && build/audit/bin/python -m pip install --quiet pip-audit; }
	@build/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt
	@cd labextension && PATH="$(abspath $(BIN)):$$PATH" jlpm npm audit --all --recursive

docs: build/.labextension ## the documentation as a site, in build/site; a warning is an error, a dead link too
	@$(PY) docs/make_site.py

constraints: ## pin what is installed now
	@$(PY) -m pip freeze --all --exclude-editable --exclude jupyter-zoe | grep -v ' @ ' > constraints.txt

clean: ## forget what was built (not the virtual environment)
	@rm -rf build dist labextension/lib jupyter_zoe/labextension
