# Everything starts here: `make demo`, `make test`, `make check`. Each target sets up what it needs by itself.
PYTHON ?= python3
WORKERS ?= 3
UV := .tools/uv/bin/uv
BIN := .venv/bin
LOCKS := dev uv cloud lambda sam awscli model bench examples checks node
TOOLS := cloud lambda sam model
BENCHES := awscli bench
CHECKERS := checks node npm
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-package tailrace --no-emit-package tailrace-local --custom-compile-command "make lock"

export UV_NO_PROGRESS := 1
# The suite starts hundreds of processes. Without compiled modules each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: setup
setup: tools $(BENCHES:%=.tools/%/.ready) .tools/examples/.ready $(CHECKERS:%=.tools/%/.ready) ## make the environments: .venv for people, .tools for the rest

# The environments that run the pipeline; those of benchmarks, examples and checkers are not among them.
.PHONY: tools
tools: .venv/.ready $(TOOLS:%=.tools/%/.ready)

.tools/uv/.ready: requirements/uv.txt
	@echo "setting up uv" >&2
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tailrace needs Python 3.11 or newer")'
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

.venv/.ready: requirements/dev.txt pyproject.toml infra/local/pyproject.toml .tools/uv/.ready
	@echo "setting up .venv" >&2
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --compile-bytecode --python .venv --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation -e . -e infra/local
	@touch $@

.tools/%/.ready: requirements/%.txt .tools/uv/.ready
	@echo "setting up .tools/$*" >&2
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/$*
	@$(UV) pip sync --quiet --compile-bytecode --python .tools/$* --require-hashes requirements/$*.txt
	@touch $@

.tools/npm/.ready: infra/checks/package.json infra/checks/package-lock.json .tools/node/.ready
	@echo "setting up .tools/npm" >&2
	@mkdir -p .tools/npm && cp $(filter %.json,$^) .tools/npm/
	@.tools/node/bin/npm ci --prefix .tools/npm --ignore-scripts --no-audit --no-fund --silent
	@touch $@

.PHONY: lock
lock: .tools/uv/.ready ## resolve the locked requirements from the .in files
	for name in $(LOCKS); do $(COMPILE) $(UPGRADE) requirements/$$name.in -o requirements/$$name.txt || exit 1; done
	$(COMPILE) $(UPGRADE) consumers/requirements.in -o consumers/requirements.txt
	$(COMPILE) $(UPGRADE) consumers/requirements-cutting.in -o consumers/requirements-cutting.txt

.PHONY: demo
demo: tools ## deploy the pipeline on this machine and score 200,000 rows (KEEP=1 leaves it up; ROWS=N for another size)
	@infra/local/demo.sh

.PHONY: check
check: .venv/.ready .tools/cloud/.ready $(CHECKERS:%=.tools/%/.ready) ## check format, lint, imports, types and templates
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	git ls-files -z '*.md' | xargs -0 $(BIN)/mdformat --check
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy shared producers consumers infra/local tests docs/examples
	for each in docs/examples/*.ipynb; do $(BIN)/mypy -c "$$($(BIN)/python -m tests.notebooks $$each)" || exit 1; done
	$(BIN)/python -m tests.infra.gate

.PHONY: test
test: setup ## run all tests but the benchmarks, the deployed local cloud included (WORKERS=3)
	$(BIN)/pytest --numprocesses $(WORKERS) --no-loadscope-reorder $(ARGS)

.PHONY: test-unit
test-unit: .venv/.ready ## run the tests that need no IO; takes seconds
	$(BIN)/pytest tests/unit $(ARGS)

.PHONY: torture
torture: .venv/.ready $(if $(DEPLOYED)$(NEIGHBOURS),tools) ## run random simulations with faults until one ends wrongly (SECONDS=600 SEED=1; ENGINE=realtime plays one engine; REMOTE=1 only jobs that are cut by the state machine; ONLY=N replays one; SCORE=1; DEPLOYED=1; LOAD=1; NEIGHBOURS=1 ROUNDS=3 MODEL_SECONDS=1)
	$(BIN)/python -m tests.faults.torture --seconds $(or $(SECONDS),60) --seed $(or $(SEED),0) $(if $(ONLY),--only $(ONLY)) $(if $(ENGINE),--engine $(ENGINE)) $(if $(REMOTE),--remote) \
		$(if $(DEPLOYED),--deployed) $(if $(POISON),--poison) $(if $(SCORE),--score) $(if $(LOAD),--load) $(if $(NEIGHBOURS),--neighbours) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(MODEL_SECONDS),--model-seconds $(MODEL_SECONDS)) $(if $(PAIRS),--pairs --share $(or $(SHARE),1/1))

.PHONY: build
build: tools ## build the Lambda artifacts (sam build) and both wheels (dist/)
	SAM_CLI_TELEMETRY=0 .tools/sam/bin/sam build
	$(BIN)/python -m hatchling build --target wheel
	cd infra/local && $(CURDIR)/$(BIN)/python -m hatchling build --target wheel --directory $(CURDIR)/dist

.PHONY: bench
bench: tools $(BENCHES:%=.tools/%/.ready) ## run side-by-side benchmarks and check their bars (QUICK=1 leaves results.json alone; ONLY=NAME)
	@$(BIN)/python -m tests.benchmarks $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY))

.PHONY: clean
clean: ## take a local cloud down and remove everything that was built, except the environments
	-[ ! -x $(BIN)/tailrace ] || $(BIN)/tailrace local down
	rm -rf .tailrace .aws-sam dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -not -path './.tools/*' -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## remove the environments too
	rm -rf .venv .tools
