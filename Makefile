# Commands for people; each works on a fresh clone with nothing but Python >= 3.12, make and pip.
.PHONY: help demo test quick-test lint format types docs accept clean
.DEFAULT_GOAL := help
VENV := .venv/.locked
OUT ?= demo-out
JOBS ?= 2

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV): pyproject.toml uv.lock tools/bootstrap.sh
	@sh tools/bootstrap.sh

demo: $(VENV) ## Simulate a small field and process it (DATA=DIR: real exposures instead; OUT=DIR)
	@.venv/bin/uraniborg demo --out $(OUT) --jobs $(JOBS) $(if $(DATA),--data $(DATA))

test: $(VENV) ## Run the tests (about 10 minutes on two cores)
	@.venv/bin/python -m pytest -q -n $(JOBS) --dist loadfile

quick-test: $(VENV) ## Run the tests that need neither servers nor much time
	@.venv/bin/python -m pytest -q -n $(JOBS) --dist loadfile -m "not slow and not service"

lint: $(VENV) ## Check format, style, types and the floors of the house
	@.venv/bin/ruff format --check . && .venv/bin/ruff check . && .venv/bin/mypy && .venv/bin/lint-imports

format: $(VENV) ## Format the code
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .

docs: $(VENV) ## Build the documentation into site/
	@sh tools/bootstrap.sh --group docs && .venv/bin/mkdocs build --strict --quiet

accept: $(VENV) ## Measure every bar of the acceptance suites
	@for suite in first-light simulation isr-calib calibrated-visits catalogue-tap; do \
	    .venv/bin/uraniborg verify accept $$suite --jobs $(JOBS) || failed=1; done; test -z "$$failed"

clean: ## Remove what was built
	rm -rf .venv demo-out site .pytest_cache .mypy_cache .ruff_cache
