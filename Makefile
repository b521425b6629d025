# Every job has one command; continuous integration runs the same ones.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BASE := $(VENV)/.base

.PHONY: help
help:  ## Show this help
	@grep -hE '^[a-z0-9.-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

# The environment of the tool alone: what a user needs.
$(BASE): pyproject.toml constraints.txt
	@python=$$(for candidate in python3.13 python3.12 python3.11 python3 python; do \
	  if command -v $$candidate >/dev/null && $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then echo $$candidate; break; fi; done); \
	if [ -z "$$python" ]; then echo "Python 3.11 or newer is needed, and none is on PATH" >&2; exit 2; fi; \
	$$python -m venv $(VENV)
	@echo "installing the modelservice tool into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

# The environment of the tests and linters.
$(INSTALLED): $(BASE)
	@echo "installing test and development tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

.PHONY: demo
demo: $(BASE)  ## Render a prefill/decode deployment and show what would run
	@$(BIN)/modelservice render -f examples/values-pd.yaml --name demo --summary --output build/demo

.PHONY: chat
chat: $(INSTALLED)  ## Ask a model a question on real pods behind a real gateway; ENGINE=vllm: the real vLLM (root)
	@PYTHONPATH=tests $(BIN)/python -m support.chat

# Tests on clusters mostly wait, so there are more workers than processors.
PYTEST = $(BIN)/python -m pytest --numprocesses $$(( $$(getconf _NPROCESSORS_ONLN) + 2 )) --dist loadgroup --no-loadscope-reorder

.PHONY: test
test: $(INSTALLED) packages  ## Run all tests; programs that are missing are built meanwhile
	@code=0; tests/while-building.sh $(PYTEST) || code=$$?; [ $$code -gt 1 ] || tests/on-kind-in-ci.sh || code=$$?; exit $$code

.PHONY: test-fast
test-fast: $(INSTALLED)  ## Run the unit tests and examples that need neither Go nor much time
	@$(BIN)/python -m pytest --numprocesses auto --without-go -m 'not executable and not slow' tests/unit tests/golden

.PHONY: test-engine
test-engine: $(INSTALLED)  ## Run the tests on the real vLLM, on processors (1 GB of downloads once)
	@$(PYTEST) tests/engine

.PHONY: test-kind
test-kind: $(INSTALLED)  ## Run the cluster and request tests on a kind cluster (Docker or Podman, or root)
	@$(BIN)/python -m localcluster.kind

.PHONY: test-kind-quick
test-kind-quick: $(INSTALLED)  ## Run some of each of them, in five minutes
	@$(BIN)/python -m localcluster.kind -m quick_on_kind

.PHONY: kind-image
kind-image: $(INSTALLED)  ## Build the node image of kind where there is no registry (root, mmdebstrap)
	@$(BIN)/python -m localcluster.node_image

.PHONY: test-kubernetes-1.34
test-kubernetes-1.34: $(INSTALLED) tools  ## Run the cluster tests on a Kubernetes 1.34 control plane
	@$(PYTEST) --kubernetes 1.34 tests/cluster

.PHONY: packages
packages: $(INSTALLED)  # in CI, the packages that pods need
	@packages=$$($(BIN)/python -c 'from localcluster.real_node import missing_packages; print(*missing_packages())'); \
	if [ -n "$$packages" ] && [ "$${CI:-}" = true ] && [ "$$(id -u)" = 0 ]; then \
	  echo "installing $$packages"; apt-get update -qq; apt-get install -qq --yes --no-install-recommends $$packages >/dev/null; \
	fi

.PHONY: tools
tools: packages  ## Build the real programs that tests run, once; in CI install packages that pods need
	@$(BIN)/python -m localcluster.binaries || [ "$${CI:-}" != true ]

.PHONY: lint
lint: $(INSTALLED)  ## Check style, types, YAML and that generated files are current
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy tools/modelservice tools/localcluster tools/localengine tests
	@$(BIN)/yamllint --config-file .github/ct/lintconf.yaml charts/llm-d-modelservice/{Chart,values}.yaml charts/llm-d-modelservice/ci examples .github
	@$(BIN)/modelservice schema --check
	@$(BIN)/modelservice examples --check
	@$(BIN)/python -m pytest --quiet --no-header tests/unit/test_renderers.py::test_helms_linter_is_content

.PHONY: ct
ct: $(INSTALLED)  ## Run chart-testing's lint with the pinned helm
	@helm=$$($(BIN)/python -m localcluster.binaries helm4); ct=$$($(BIN)/python -m localcluster.binaries chart-testing); \
	PATH="$$(dirname $$helm):$(CURDIR)/$(BIN):$$PATH" $$ct lint --config ct.yaml --all

.PHONY: format
format: $(INSTALLED)  ## Format the Python code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: docs
docs: $(INSTALLED)  ## Regenerate schema, values.yaml, tables and example outputs
	@$(BIN)/modelservice schema
	@$(BIN)/modelservice examples
	@for pair in pd:pd multinode:wide-ep; do \
	  $(BIN)/modelservice plan -f examples/values-$${pair%:*}.yaml --pool examples/pool-$${pair%:*}.yaml \
	    --nodes examples/nodes.yaml --name $${pair#*:} --format svg --output docs/plan-$${pair#*:}.svg; \
	done

.PHONY: schema
schema: $(INSTALLED)  ## Regenerate values.schema.json, values.yaml and the tables
	@$(BIN)/modelservice schema

.PHONY: examples
examples: $(INSTALLED)  ## Regenerate examples/output
	@$(BIN)/modelservice examples

.PHONY: bench
bench: $(INSTALLED)  ## Measure the commands against helm template and the original chart, as ratios of one run
	@$(BIN)/python tests/bench/bench.py
	@$(BIN)/python tests/bench/bench_check.py
	@$(BIN)/python tests/bench/bench_editor.py

.PHONY: mutants
mutants: $(INSTALLED)  ## Break correct deployments in every known way and show which layer refuses each
	@PYTHONPATH=tests $(BIN)/python -m mutation.mutants

.PHONY: bench-cluster
bench-cluster: $(INSTALLED)  ## Measure the control plane: start, installation, scale
	@$(BIN)/python tests/bench/cluster.py

.PHONY: bench-requests
bench-requests: $(INSTALLED)  ## Measure the request path and an upgrade under load on real pods (root)
	@$(BIN)/python tests/bench/request_path.py

.PHONY: constraints
constraints: $(INSTALLED)  ## Refresh constraints.txt with the newest versions that pyproject.toml allows
	@$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[dev]'
	@$(BIN)/python -m pip freeze --exclude-editable | grep -v '^llm-d-modelservice' > constraints.txt

.PHONY: clean
clean:  ## Remove the environment and build results
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
