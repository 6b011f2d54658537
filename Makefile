# One command a job. `make help` lists them.
PY := .venv/bin/python
BIN := .venv/bin

.PHONY: help run demo test test-fast check bench lock clean
help:            ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

.venv/run.stamp: requirements/run.txt pyproject.toml
	@test -x $(PY) || python3 -m venv .venv
	@echo "Installing locked dependencies (hashes checked) …"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

.venv/dev.stamp: requirements/dev.txt .venv/run.stamp
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

run: .venv/run.stamp     ## start everything on config/embedded.yml
	@exec $(BIN)/vonggac run --config config/embedded.yml

demo: .venv/run.stamp    ## the same, and replay a day in the province
	@exec $(BIN)/vonggac demo --config config/embedded.yml

test: .venv/dev.stamp    ## all tests; installs what they need
	@$(PY) -m pytest -n 2 -m "not slow"
	@$(PY) -m pytest -m slow

test-fast: .venv/dev.stamp  ## tests that need no server and no browser
	@$(PY) -m pytest -n 2 -m "not slow and not shared and not server"

check: .venv/dev.stamp   ## ruff, mypy --strict, architecture
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(PY) -m pytest -q tests/architecture_test.py

bench: .venv/dev.stamp   ## measure; writes docs/benchmarks.md
	@$(PY) -m bench

lock:            ## resolve requirements/*.txt again (needs uv)
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url --extra dev pyproject.toml requirements/build.in -o requirements/dev.txt
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-emit-index-url pyproject.toml requirements/build.in -c requirements/dev.txt -o requirements/run.txt

clean:           ## remove the environment and caches, keep data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
