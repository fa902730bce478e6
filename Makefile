# Tidings, on this machine and on AWS. `make` lists the targets.

# The first Python that runs and is recent enough: a version manager may put names on the path that do not run.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1 && echo "$$python" && break; done)
PORT ?=
STAGE ?= dev

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv pip
# Node is part of the virtual environment.
WITH_NODE := PATH="$(CURDIR)/$(BIN):$$PATH"

# $(call quietly,title,log,command) writes the command's output to a log, and prints its last lines if it fails.
define quietly
	@mkdir -p .local && echo "$(1) …"
	@{ $(3); } > .local/$(2).log 2>&1 || { tail -n 20 .local/$(2).log; echo "See .local/$(2).log"; exit 1; }
endef

# $(call option,NAME) is the option --name with the variable's value, if the variable is set.
option = $(if $($(1)),--$(shell echo $(1) | tr A-Z a-z) $($(1)))

# The sources of the pages, without those that their build generates.
WEB_SOURCES := $(shell find web docs/contracts docs/runbook.md \( -name node_modules -o -name dist -o -name generated \) -prune -o \
	-type f -print 2> /dev/null)

.PHONY: help install install-tests web run demo-traffic example stop test test-deployed test-offline test-long simulate \
	soak chaos fuzz bench screenshots check check-web lint docs wheel lock contracts bootstrap deploy record

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Variables: PORT of the local cloud (4566); STAGE to deploy (dev); FIRST=yes for its first deployment;"
	@echo "  PYTHON (the first that is 3.11 or later); RATE (1) and DURATION (60) of make demo-traffic;"
	@echo "  HISTORIES (2000), SEED and RESTORED, a service whose table goes back, of make simulate; ORDERS (500), CLIENTS (16),"
	@echo "  KILLS (one for 25 orders) and SEED of make soak; MINUTES (15) and SEED of make chaos; REQUESTS (10000) and SEED of"
	@echo "  make fuzz; KEYS, the figures of make bench; RELEASE, the number of the release that make record records; UPGRADE,"
	@echo "  the packages that make lock upgrades"

install: ## Install the pinned tools and packages in this folder
	@$(MAKE) --silent --jobs=3 $(VENV)/.installed node_modules/.installed web/node_modules/.installed

install-tests: install ## Install what else the pages' tests need, such as a browser
	@$(MAKE) --silent web/node_modules/.complete

web: install ## Build the pages in web/dist
	@$(MAKE) --silent web/dist/.built

run: web ## Start the local cloud, deploy the shop with its pages on it and, the first time, place some orders
	@$(BIN)/tidings up $(call option,PORT)
	@$(BIN)/tidings demo --once

demo-traffic: install ## Place RATE orders a second for DURATION seconds on the local cloud, by all test methods
	@$(BIN)/tidings demo traffic $(call option,RATE) $(call option,DURATION)

example: install ## Deploy the helpdesk of examples/ on the local cloud and take two tickets through it
	@address=$$($(BIN)/tidings up --app examples.helpdesk.app $(call option,PORT)) && \
		$(BIN)/python -m examples.helpdesk.demo "$$address"

stop: ## Stop the local cloud
	@if [ -x $(BIN)/tidings ]; then $(BIN)/tidings down; else echo "Nothing is installed here, so nothing runs."; fi

test: install-tests web ## Run all tests
	@$(MAKE) --no-print-directory --jobs=2 test-deployed test-offline

# The tests on the local cloud mostly wait. They have priority, and the other tests use the remaining processor time.
test-deployed:
	@$(WITH_NODE) $(BIN)/pytest tests/system

test-offline:
	@mkdir -p .local && echo "All other tests run in parallel. Their output follows, and is in .local/test-offline.log"
	@$(WITH_NODE) nice -n 19 $(BIN)/pytest -n 2 --dist=loadgroup --ignore=tests/system > .local/test-offline.log 2>&1; status=$$?; \
		if [ $$status = 0 ]; then tail -n 1 .local/test-offline.log; else cat .local/test-offline.log; fi; exit $$status

test-long: ## Run all tests with 20,000 histories and 1,000 documents per schema, then soak, chaos, fuzz and bench
	@$(MAKE) --no-print-directory test HISTORIES=20000 DOCUMENTS=1000
	@$(MAKE) --no-print-directory soak
	@$(MAKE) --no-print-directory chaos
	@$(MAKE) --no-print-directory fuzz
	@$(MAKE) --no-print-directory bench

simulate: install ## Run HISTORIES (2000) of the shop with random faults; or the history of SEED, with its trace
	@$(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--histories $(or $(HISTORIES),2000)) \
		$(call option,RESTORED)

soak: install ## Load a local cloud twice: undisturbed, and while functions are killed
	@$(WITH_NODE) $(BIN)/python -m tests.soak $(foreach name,ORDERS CLIENTS KILLS SEED,$(call option,$(name)))

chaos: install ## Load a local cloud for MINUTES (15) while functions, tables, the gateway and deployments fail
	@$(WITH_NODE) $(BIN)/python -m tests.chaos $(foreach name,MINUTES SEED,$(call option,$(name)))

fuzz: install ## Send REQUESTS (10000) generated requests to the API on a local cloud, and check the answers
	@$(WITH_NODE) $(BIN)/python -m tests.fuzz $(foreach name,REQUESTS SEED,$(call option,$(name)))

bench: install ## Measure costs and speed and write bench/REPORT.md; or only the figures KEYS
	@$(WITH_NODE) $(BIN)/python -m bench $(KEYS)

screenshots: install-tests web ## Take the pictures of the pages in docs/pictures/ on another local cloud
	@$(WITH_NODE) $(BIN)/python -m tests.system.pages.screenshots

check: lint check-web docs wheel ## Run what CI runs beside the tests

check-web: install-tests ## Check style and types of the pages, and run the tests of their parts
	@$(WITH_NODE) npm --prefix web run --silent check

lint: install ## Check style, the direction of imports, and types
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy

docs: install ## Build the documentation site in .build/docs
	@rm -rf .build/docs docs/reference/api
	@$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --jobs auto docs .build/docs
	@echo "Open .build/docs/index.html"

wheel: install ## Build the library's wheel and source distribution in .build/dist
	@rm -rf .build/dist
	@$(BIN)/uv build --quiet --python $(BIN)/python --no-build-isolation --out-dir .build/dist

contracts: install ## Generate docs/contracts/ and docs/privacy.md from the code
	@$(WITH_NODE) $(BIN)/python -m infra.published_language

bootstrap: install ## Prepare an AWS account and region for the CDK, once
	@$(WITH_NODE) node_modules/.bin/cdk bootstrap -c stage=$(STAGE)

deploy: web ## Deploy the stage STAGE to AWS in order, upload its pages, and replay missed events
	@$(BIN)/tidings --stage $(STAGE) deploy $(if $(filter yes,$(FIRST)),--first)

record: install ## Record what was deployed in infra/release/: RELEASE names a new release, such as 1.1
	@$(WITH_NODE) $(BIN)/python -m infra.release $(RELEASE)

# One resolution for the whole repository. The other locks take their versions from it.
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) compile --quiet --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes $(UPGRADE:%=--upgrade-package %)
GROUPS := build docs layer lint test ops/pyproject.toml:local ops/pyproject.toml:stripe

lock: $(VENV)/.uv ## Pin what the pyproject.toml files require; UPGRADE lists packages to upgrade
	@$(COMPILE) pyproject.toml ops/pyproject.toml $(GROUPS:%=--group %) --no-emit-package tidings -o requirements.txt
	@echo uv | $(COMPILE) - -c requirements.txt --no-annotate -o requirements-uv.txt
	@$(COMPILE) --group layer -c requirements.txt --no-annotate -o requirements-layer.txt
	@$(COMPILE) --group ops/pyproject.toml:stripe -c requirements.txt --no-annotate -o requirements-stripe.txt

# The steps of the installation. Each leaves a file, and runs again when what it reads has changed.
$(VENV)/.uv: requirements-uv.txt
	@"$(or $(PYTHON),false)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1 || { \
		echo "Python 3.11 or later is required. Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(call quietly,Creating the virtual environment,venv,"$(PYTHON)" -m venv $(VENV) && \
		$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements-uv.txt)
	@touch $@

$(VENV)/.packages: $(VENV)/.uv requirements.txt
	$(call quietly,Installing the Python packages,packages,$(UV) install --python $(BIN)/python --compile-bytecode \
		--require-hashes -r requirements.txt)
	@touch $@

$(VENV)/.installed: $(VENV)/.packages pyproject.toml ops/pyproject.toml
	$(call quietly,Installing the command tidings,tidings,$(UV) install --python $(BIN)/python --no-deps \
		--no-build-isolation --editable . --editable ops)
	@touch $@

node_modules/.installed: $(VENV)/.packages package-lock.json
	$(call quietly,Installing the command line of the CDK,npm,$(WITH_NODE) npm ci)
	@touch $@

# The build of the pages needs fewer packages than their tests. Both steps install what the lock pins.
web/node_modules/.installed: $(VENV)/.packages web/package-lock.json
	$(call quietly,Installing the packages of the pages,web,$(WITH_NODE) npm --prefix web ci --omit=dev)
	@touch $@

web/node_modules/.complete: web/node_modules/.installed
	$(call quietly,Installing the packages of the pages' tests,web-tests,$(WITH_NODE) npm --prefix web ci)
	@touch web/node_modules/.installed $@

web/dist/.built: web/node_modules/.installed $(WEB_SOURCES)
	$(call quietly,Building the pages,web-build,$(WITH_NODE) npm --prefix web run build)
	@touch $@
