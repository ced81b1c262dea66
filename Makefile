# Two commands set everything up: `make run` opens the console on the sandbox, `make test` passes the tests.
VENV ?= .venv
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
READY = $(VENV)/.ready
SYSTEM ?= hak-gal

.PHONY: run test check lint bench picture clean

run: $(READY)
	@$(VENV)/bin/hakgal-console sandbox $(SYSTEM)

# More workers than processors, for many tests wait; in the order of tests/conftest.py. What is compiled is kept, or
# every worker and every process that a test starts would compile it anew.
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY)
	$(VENV)/bin/python -m pytest -n 7 --dist loadgroup --no-loadscope-reorder $(PYTEST_ARGS)

check: lint test

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

bench: $(READY)
	$(VENV)/bin/python -m pytest -q -s tests/benchmarks --override-ini addopts= $(PYTEST_ARGS)

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer was found on PATH; install one, or say make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

picture: $(READY)
	$(VENV)/bin/python -m tests.picture
