# Everything that can be done with this repository. Each target sets up what it needs under build/, once.

.DEFAULT_GOAL := help
.PHONY: help demo test lint format lab lab-down lab-status sanity unit coverage integration conformance chaos molecule build bench clean

SETUP := tools/bootstrap.sh
PYTHON_OF_VENV := build/venv/bin/python
CHECK := $(PYTHON_OF_VENV) tools/check.py
LAB_VMS ?= 3
LAB_DIRECTORY ?= build/lab

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: ## Start a lab, migrate three VMs, show what happened, stop the lab
	@$(SETUP) venv tree vcenter
	@$(PYTHON_OF_VENV) -m lab.demo

test: ## Run everything that CI runs
	@$(SETUP) venv tree go vcenter node
	@$(CHECK) test

lint: ## Run the static checks
	@$(SETUP) venv tree go
	@$(CHECK) lint

format: ## Format the Python files
	@$(SETUP) venv
	@build/venv/bin/ruff format --quiet .
	@build/venv/bin/ruff check --quiet --fix-only .

sanity: ## Run ansible-test sanity
	@$(SETUP) venv tree
	@$(CHECK) sanity

unit: ## Run the unit tests of Go and Python
	@$(SETUP) venv tree go vcenter
	@$(CHECK) go-test unit

coverage: ## Measure the coverage of the unit tests
	@$(SETUP) venv tree
	@$(CHECK) coverage

integration: ## Run modules and roles against a lab
	@$(SETUP) venv tree vcenter
	@$(CHECK) integration

conformance: ## Drive the lab by the official SDKs for Python and Node.js
	@$(SETUP) venv tree vcenter node
	@$(CHECK) conformance

chaos: ## Kill migrations halfway: the recorded seeds, or N seeds from SEED (see tests/chaos/README.md)
	@$(SETUP) venv tree vcenter
	@$(PYTHON_OF_VENV) -m tests.chaos $(if $(SEED),--seed "$(SEED)" -n "$(or $(N),1)")

molecule: ## Run the molecule scenarios
	@$(SETUP) venv tree vcenter
	@$(CHECK) molecule

lab: ## Start a lab of LAB_VMS VMs (3) on loopback, in LAB_DIRECTORY (build/lab)
	@$(SETUP) venv tree vcenter
	@$(PYTHON_OF_VENV) -m lab up --vms "$(LAB_VMS)" --directory "$(LAB_DIRECTORY)"

lab-down: ## Stop the lab
	@$(SETUP) venv
	@$(PYTHON_OF_VENV) -m lab down --directory "$(LAB_DIRECTORY)"

lab-status: ## Show whether the lab runs, and its addresses
	@$(SETUP) venv
	@$(PYTHON_OF_VENV) -m lab status --directory "$(LAB_DIRECTORY)" || test $$? -eq 3

build: ## Build the collection's archive for Galaxy into build/
	@$(SETUP) venv
	@build/venv/bin/ansible-galaxy collection build --force --output-path build .

bench: ## Measure (see benchmarks/README.md)
	@$(SETUP) venv tree vcenter
	@$(PYTHON_OF_VENV) -m benchmarks

clean: ## Stop the lab and remove build/
	@if [ -x $(PYTHON_OF_VENV) ]; then $(PYTHON_OF_VENV) -m lab down --directory "$(LAB_DIRECTORY)"; fi
	@rm -rf build
