# Commands, each of which first makes .venv where it is missing:
#   make demo   trains a network on handwritten digits and writes a report
#   make test   runs the tests; some of them:  make test TESTS=tests/optim
# and `make docs`, which makes the site of docs/ in both languages.
# A different Python:  make demo PYTHON=/path/to/python3.12

VENV := .venv
PYTHON :=
TESTS :=
CANDIDATES := $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python

# These networks are too small for threads of NumPy's matrix products to pay, and on a busy machine they wait for each other.
OPENBLAS_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS

# Tests run side by side, in a process for each core, but in no more than there is memory for.
PYTEST_ADDOPTS ?= -n auto --maxprocesses 4 --dist worksteal
export PYTEST_ADDOPTS

.PHONY: help demo test docs clean

help:
	@echo "make demo   train a network on handwritten digits and write a report (about a minute)"
	@echo "make test   run the tests"
	@echo "make docs   make the site of docs/ in build/site"
	@echo "make clean  remove the environment that both use"

demo: $(VENV)/.has-recipes
	$(VENV)/bin/koubai train digits --target 0.97

test: $(VENV)/.has-test
	$(VENV)/bin/python -m pytest $(TESTS)

docs: $(VENV)/.has-docs
	$(VENV)/bin/python tools/site.py
	@echo "Open build/site/index.html"

clean:
	rm -rf $(VENV)

# The stamp lives inside the environment and is older than a changed pyproject.toml: then it is installed again.
$(VENV)/.has-%: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Koubai and what it needs into $(VENV) ..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

$(VENV)/bin/python:
	@for python in $(CANDIDATES); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$python --version) ..."; \
	    $$python -m venv --clear $(VENV) && exit 0; \
	    rm -rf $(VENV); exit 1; \
	  fi; \
	done; \
	echo "Koubai needs Python 3.11 or newer, and none of these is one: $(strip $(CANDIDATES))." >&2; \
	echo "Install it (https://www.python.org/downloads/), or name it: make demo PYTHON=/path/to/python3" >&2; \
	exit 1
