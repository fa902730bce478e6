# Tidings, on the laptop and on AWS. `make` alone says what there is.

# The first Python that works and is new enough: a name may stand on the path without a program behind it.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1 && echo "$$python" && break; done)
PORT ?=
STAGE ?= dev

VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements.txt
# Node comes with the virtual environment, whatever else is installed.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"

# $(call quietly,what,log,command): its output goes to a log, whose last lines are shown where it fails.
define quietly
	@mkdir -p .local && printf '%s … ' "$(1)"
	@if { $(3); } > .local/$(2).log 2>&1; then echo done; else \
		echo failed; tail -n 20 .local/$(2).log; echo "All of it is in .local/$(2).log"; exit 1; fi
endef

.PHONY: help install run stop test test-deployed test-offline simulate soak bench lint contracts bootstrap deploy

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: PORT (4566), the local cloud's; STAGE (dev), to deploy; PYTHON (the first that is 3.11 or later)"
	@echo "  make simulate knows HISTORIES (2000) and SEED; make soak ORDERS (500), CLIENTS (16), KILLS (one for 25 orders)"
	@echo "  and SEED, which is what another run has shown; make bench KEYS, the figures wanted"

install: $(VENV)/.installed node_modules/.installed ## Install everything pinned, here in this folder

run: install ## Start the local cloud, deploy the shop on it and place some orders
	@$(BIN)/tidings up $(if $(PORT),--port $(PORT))
	@$(BIN)/tidings demo

stop: ## End the local cloud
	@if [ -x $(BIN)/tidings ]; then $(BIN)/tidings down; else echo "Nothing is installed here, so nothing runs."; fi

test: install ## Run all tests
	@$(MAKE) --no-print-directory --jobs=2 test-deployed test-offline

# Those on the local cloud mostly wait: they go first, and the others take what is left of the processors.
test-deployed:
	@$(WITH_NODE) $(BIN)/pytest tests/system

test-offline:
	@mkdir -p .local && echo "All other tests run beside; what they say comes at the end, and is in .local/test-offline.log"
	@$(WITH_NODE) nice -n 19 $(BIN)/pytest -n 2 --dist=loadgroup --ignore=tests/system > .local/test-offline.log 2>&1; status=$$?; \
		if [ $$status = 0 ]; then tail -n 1 .local/test-offline.log; else cat .local/test-offline.log; fi; exit $$status

simulate: install ## Play HISTORIES (2000) in which everything goes wrong; or the one of SEED, with its trace
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--histories $(or $(HISTORIES),2000))

# $(call option,NAME): the program's option of that name, where the variable is set.
option = $(if $($(1)),--$(shell echo $(1) | tr A-Z a-z) $($(1)))

soak: install ## Have a crowd order on a local cloud of its own, twice: in peace, and with functions killed
	@$(WITH_NODE) $(BIN)/python -m tests.soak $(foreach name,ORDERS CLIENTS KILLS SEED,$(call option,$(name)))

bench: install ## Measure what the shop costs and how fast it is, and write bench/REPORT.md; or KEYS of it alone
	@$(WITH_NODE) $(BIN)/python -m bench $(KEYS)

lint: install ## Check style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

contracts: install ## Write docs/contracts/ anew from the code
	@$(WITH_NODE) $(BIN)/python -m infra.contracts

bootstrap: install ## Prepare an AWS account and region for the CDK, once
	@$(WITH_NODE) node_modules/.bin/cdk bootstrap -c stage=$(STAGE)

deploy: install ## Deploy the stage STAGE onto AWS
	@[ "$(STAGE)" != local ] || { echo "The stage local is for the local cloud: make run deploys it." >&2; exit 1; }
	@$(WITH_NODE) node_modules/.bin/cdk deploy --all -c stage=$(STAGE)

$(VENV)/.locked: $(LOCK)
	@"$(or $(PYTHON),false)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1 || { \
		echo "Python 3.11 or later is needed; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(call quietly,Making the virtual environment,venv,"$(PYTHON)" -m venv $(VENV))
	$(call quietly,Installing what requirements.txt pins (a minute or two),pip,$(BIN)/pip install --quiet \
		--disable-pip-version-check --require-hashes -r $(LOCK))
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	$(call quietly,Installing the command tidings,tidings,$(BIN)/pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .)
	@touch $@

node_modules/.installed: package-lock.json $(VENV)/.locked
	$(call quietly,Installing the CDK's command line,npm,$(WITH_NODE) npm ci)
	@touch $@
