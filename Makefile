# The commands that README names. They need make and Python 3.11 or newer with venv and pip; everything else they make
# themselves: a virtual environment, from a lock whose hashes are checked, brought up to date whenever the lock changes.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin

.DEFAULT_GOAL := run
.PHONY: run test format lint lock messages bench chaos clean install-run install-test test-django test-postgresql

run: install-run
	@exec $(BIN)/python -m config.launch

# Everything that must hold. What the machine lacks (a browser, PostgreSQL, another Python) is skipped by name; with
# CI=true it is a failure.
test: lint
	$(BIN)/pytest
	@$(MAKE) --no-print-directory test-postgresql test-django

lint: install-test
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/mypy --no-error-summary

format: install-test
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

# What can depend on the database: the rest knows none, or starts its own.
test-postgresql: install-test
	$(BIN)/python tests/with_postgresql.py $(BIN)/pytest \
	  --ignore=tests/smtp --ignore=tests/providers --ignore=tests/config --ignore=tests/servers --ignore=tests/browser \
	  --ignore=tests/chaos

# The lock gives Python 3.11 Django 5.2 and newer ones 6.1, so another Python is another Django.
test-django: install-test
	@python=$$($(BIN)/python tests/another_python.py) || { echo "SKIPPED: $$python"; exit 0; }; \
	$(MAKE) --no-print-directory VENV=.venv-another PYTHON="$$python" install-test && \
	set -x && .venv-another/bin/pytest --ignore=tests/servers --ignore=tests/browser --ignore=tests/chaos

# Pins stay where they may; `make lock UPGRADE=--upgrade` takes the newest of everything.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
          --no-emit-index-url $(UPGRADE) pyproject.toml --extra panel

lock: install-test
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --group test --group lint --output-file requirements/test.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  $(UPGRADE) --constraint requirements/run.txt benchmarks/requirements.in --output-file benchmarks/requirements.txt

# The fault runs of docs/reliability.md in full, with what they have counted: about an hour, on Linux, best as root.
# `make test` has them in small.
chaos: install-test
	$(BIN)/pytest -m chaos
	$(BIN)/python -m tests.chaos --full

# Collects the texts to translate and compiles the translations; needs gettext. Both files are committed, so that
# nobody needs it to run the panel.
messages: install-test
	mkdir -p smtpadmin/locale panel/locale
	SECRET_KEY=none $(BIN)/python manage.py makemessages --locale zh_Hans --no-wrap --no-obsolete --add-location file \
	  --ignore 'tests/*' --ignore 'example/*'
	SECRET_KEY=none $(BIN)/python manage.py compilemessages --locale zh_Hans --ignore '.venv*'

# Ours beside its peers, which have an environment of their own; about half an hour, and a few minutes with QUICK=1.
# docs/benchmarks.md gets the figures.
PEERS = .venv-bench
bench: install-test
	@$(MAKE) --no-print-directory VENV=$(PEERS) install-peers
	$(BIN)/python -m benchmarks --peers $(PEERS) --size $(if $(QUICK),quick,full)

install-peers: $(BIN)/pip
	@cmp -s benchmarks/requirements.txt $(VENV)/peers.txt || { \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r benchmarks/requirements.txt && \
	  cp benchmarks/requirements.txt $(VENV)/peers.txt; }

clean:
	rm -rf .venv* .mypy_cache .pytest_cache .ruff_cache test-results

install-run install-test: install-%: $(BIN)/pip
	@cmp -s requirements/$*.txt $(VENV)/$*.txt || { \
	  echo "Installing the packages of requirements/$*.txt in $(VENV) ..."; \
	  $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt && \
	  cp requirements/$*.txt $(VENV)/$*.txt; }

# pip comes last into an environment, so one that was left half-made is made again.
$(BIN)/pip:
	@for python in $(PYTHON) python3.13 python3.12 python3.11; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  $$python -c 'import ensurepip' 2>/dev/null || { \
	    echo "$$python has no venv module. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	  exec $$python -m venv --clear $(VENV); \
	done; \
	echo "smtpadmin needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; exit 1
