# The commands of this project: `make help` lists them.
# `demo` and `test` set up an environment of their own and set it up again only when what it is made of has changed.

PYTHON ?= python3

DEMO_ENV := .venv-demo
TEST_ENV := .venv-test
SITE = NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet
PIP_OPTIONS := --quiet --disable-pip-version-check --progress-bar off

# What an installed copy is made of: a change here means that `make demo` installs it again.
PACKAGE_FILES := pyproject.toml $(wildcard README.md LICENSE) \
  $(shell find iqa_cli hex_graphs checkpoints -type f -not -path '*/__pycache__/*' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test check campaign docs pictures format clean python-is-new-enough

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(DEMO_ENV)/.installed demo/DCIM/.made  ## Judge a small camera folder with the shipped checkpoint
	@$(DEMO_ENV)/bin/iqa assess demo/DCIM --csv demo/audit.csv
	@echo "wrote demo/audit.csv: $$(sed 1d demo/audit.csv | wc -l | tr -d ' ') photos, one row each; its first columns:"
	@head -n 4 demo/audit.csv | cut -d , -f 1-8

test: $(TEST_ENV)/.installed  ## Run every check in an environment of its own (installs about 6 GB at first)
	@$(MAKE) --no-print-directory check PYTHON=$(abspath $(TEST_ENV))/bin/python

check: python-is-new-enough  ## Run every check in the current environment: format, lint, types, import rules, documents, tests
	@echo "== ruff format" && $(PYTHON) -m ruff format --check .
	@echo "== ruff check" && $(PYTHON) -m ruff check .
	@echo "== mypy" && $(PYTHON) -m mypy
	@echo "== import rules" && $(PYTHON) -c 'from importlinter.cli import lint_imports_command as run; run()'
	@echo "== documents" && $(SITE)
	@echo "== pytest" && $(PYTHON) -m pytest

campaign: python-is-new-enough  ## Attack iqa for about ten minutes; MUTANTS=10000 KILLS=200 CAMPAIGN="--seed 7 ..." for more
	@$(PYTHON) tests/campaign $(if $(MUTANTS),--mutants $(MUTANTS)) $(if $(KILLS),--kills $(KILLS)) $(CAMPAIGN)

docs: python-is-new-enough  ## Build the documents as a site in site/, warnings are errors (needs the docs extra)
	@$(SITE) && echo "wrote site/index.html"

pictures: python-is-new-enough  ## Make the documents' pictures of commands, sample and list of options anew
	@$(PYTHON) docs/commands.py
	@$(PYTHON) docs/pictures/make.py

format:  ## Format the code and mend what the linter can mend
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

clean:  ## Remove environments, caches, the site and the demo's pictures
	rm -rf $(DEMO_ENV) $(TEST_ENV) demo/DCIM demo/photographs demo/audit.csv demo/audit.csv.meta.json build dist site
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

python-is-new-enough:
	@command -v $(PYTHON) >/dev/null || { \
	  echo "error: there is no '$(PYTHON)' on this machine" >&2; \
	  echo "hint: install Python 3.11 or newer, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: iqa needs Python 3.11 or newer, '$(PYTHON)' is $$($(PYTHON) --version 2>&1)" >&2; \
	  echo "hint: name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }

# An environment that is half made is removed, so that the next run does not build on it.
$(DEMO_ENV)/bin/python $(TEST_ENV)/bin/python: %/bin/python: | python-is-new-enough
	@$(PYTHON) -m venv $* || { rm -rf $*; \
	  echo "error: '$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(DEMO_ENV)/.installed: $(PACKAGE_FILES) | $(DEMO_ENV)/bin/python
	@echo "installing iqa into $(DEMO_ENV), and scikit-learn for its two sample photographs"
	@$(DEMO_ENV)/bin/python -m pip install $(PIP_OPTIONS) . 'scikit-learn>=1.6'
	@touch $@

# Editable: what is tested is this folder, not a copy of it.
$(TEST_ENV)/.installed: pyproject.toml | $(TEST_ENV)/bin/python
	@echo "installing iqa with all extras into $(TEST_ENV); with torch among them this takes minutes at first"
	@$(TEST_ENV)/bin/python -m pip install $(PIP_OPTIONS) --editable '.[all]'
	@touch $@

demo/DCIM/.made: demo/make_camera_roll.py | $(DEMO_ENV)/.installed
	@$(DEMO_ENV)/bin/python demo/make_camera_roll.py demo/DCIM
	@touch $@
