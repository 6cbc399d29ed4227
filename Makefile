# make demo   a local Slack with the bot in it (make demo ARGS=--script plays a story without a browser)
# make test   everything that must hold: style, types, tests
# ACCEL=gpu|cpu chooses the ONNX Runtime (gpu where nvidia-smi answers); EXTRAS overrides what is installed.
ACCEL  ?= $(shell nvidia-smi >/dev/null 2>&1 && echo gpu || echo cpu)
EXTRAS ?= $(ACCEL),train,dev
PYTHON ?= python3
ARGS   ?=
# Most tests wait for a bot or a Slack: two at a time take little more than half as long. In the folders' order, for the
# longest (chaos, e2e) come first in it.
WORKERS ?= 2
VENV   := .venv
BIN    := $(VENV)/bin
export HF_HUB_OFFLINE ?= 1

.PHONY: demo test lint audit clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	$(BIN)/softanswer demo $(ARGS)

test: lint
	$(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder --cov bot --cov model --cov training --cov-report= $(ARGS)
	$(BIN)/coverage report --include='$(PURE)' --fail-under=100 --show-missing

lint: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# The modules without I/O: whoever changes a rule changes its test.
PURE := $(shell paste -sd, tests/pure_modules.txt)

$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "softanswer needs Python 3.11 or newer; set PYTHON=…" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

clean:
	rm -rf $(VENV) .audit build *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage

# Known vulnerabilities of what is pinned; asks PyPI's advisories, so it needs the internet.
audit:
	$(PYTHON) -m venv .audit
	.audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.audit/bin/pip-audit -r constraints.txt --no-deps --disable-pip
