.DEFAULT_GOAL := help
SHELL := bash
VENV := .venv/bin
CLUSTER := tools/cluster/cluster
STORE ?= ./artifacts
PYTEST_ARGS ?=
FAMILY ?= xgboost
FLAVOURS ?= boosting neural rl
SIZES ?= 100,300
DAYS ?= 60
KILLS ?= 40
SEED ?=
REPO ?= .
SCALE_OUT ?= bench/results/scale.json
SOURCES := crds/src operator/src trainer-image/src cli/src tools/cluster/local_cluster tools/demo tools/study tools/values tools/dashboard tools/mutants tools/types tools/picture bench examples/own examples/bot.py

.PHONY: help setup lint format generate verify test test-fast e2e-full picture study bench bench-scale soak mutants cluster-up cluster-down images bars demo demo-clean clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-14s %s\n", $$1, $$2}'

setup: ## Install what the other targets need: uv and the virtual environment
	@tools/setup/setup.sh

lint: setup ## Check style, types and layers
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy $(SOURCES) tests
	$(VENV)/lint-imports --cache-dir .import_linter_cache

format: setup ## Format the code
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

generate: setup ## Write crds/*.yaml, the chart's copies of them, its README and its dashboard
	$(VENV)/python -m clm_api.crdgen crds charts/clm/templates
	$(VENV)/python -m tools.values charts/clm
	$(VENV)/python -m tools.dashboard charts/clm/files

verify: setup ## Prove that the generated files are fresh
	$(VENV)/python -m clm_api.crdgen crds charts/clm/templates --check
	$(VENV)/python -m tools.values charts/clm --check
	$(VENV)/python -m tools.dashboard charts/clm/files --check

test: setup verify ## Run all tests; sets up the API server, the node cluster, MinIO, a browser, Prometheus, freqtrade
	@$(CLUSTER) setup
	@tools/setup/browser.sh
	@tools/setup/prometheus.sh
	@tools/setup/freqtrade.sh >/dev/null
	@$(CLUSTER) build
	@$(CLUSTER) build kueue kwok
	$(VENV)/pytest $(PYTEST_ARGS)

test-fast: setup ## Run the tests that need neither cluster nor store
	$(VENV)/pytest -m "not api and not store and not cluster and not slow and not full" $(PYTEST_ARGS)

e2e-full: setup ## Run all six families as pods: needs about 40 GB of disk for the images
	@$(CLUSTER) setup
	@$(CLUSTER) build
	$(VENV)/pytest -m full tests/e2e $(PYTEST_ARGS)

picture: setup ## Take the README's picture of the dashboard anew: about 2 minutes
	@tools/setup/browser.sh
	$(VENV)/python -m tools.picture

study: setup ## How often noise and a planted signal pass the gate: FAMILY=xgboost, about 10 minutes
	$(VENV)/python -m tools.study $(FAMILY)

mutants: setup ## Take each guard away in turn: a named test must fail
	@$(CLUSTER) setup
	@$(VENV)/python -m tools.mutants

bench-scale: setup ## Measure the operator with SIZES schedules (default 100,300) beside the CronJob controller
	@$(CLUSTER) setup
	@rm -f $(SCALE_OUT)
	@$(VENV)/python -m bench.scale peer --sizes 300 --repo $(REPO) --out $(SCALE_OUT)
	@$(VENV)/python -m bench.scale measure --sizes $(SIZES) --repo $(REPO) --out $(SCALE_OUT)

soak: setup ## Live through DAYS (60) with 12 schedules and KILLS (40) on a moved clock: SEED= repeats one
	@$(CLUSTER) setup
	@$(VENV)/python -m bench.soak --days $(DAYS) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

bench: ## Measure ratios against other libraries, which get an environment of their own, then runs and decisions
	@bench/setup.sh
	@missed=0; for one in bench bench.decisions bench.runs bench.pod bench.simulate; do \
	  $(VENV)/python -m $$one || missed=1; \
	done; exit $$missed

cluster-up: setup ## Start a cluster: kind where Docker answers, else without Docker (root, Linux)
	@[ "$$($(CLUSTER) provider)" = kind ] || $(CLUSTER) setup
	@$(CLUSTER) up
	@echo 'select it with: eval "$$($(CLUSTER) env)"'

cluster-down: ## Stop and forget the cluster
	@$(CLUSTER) down

images: ## Build the images and load them into the cluster: FLAVOURS="boosting neural rl"
	$(CLUSTER) image clm-operator:dev . --file Dockerfile.operator
	for flavour in $(FLAVOURS); do \
	  $(CLUSTER) image clm-trainer:$$flavour-dev . --file Dockerfile.trainer --build-arg FLAVOUR=$$flavour \
	    --build-arg GIT_REVISION=$$(git describe --always --abbrev=40 --dirty --match=) || exit 1; \
	done
	$(CLUSTER) image-minio

bars: setup ## Import the bundled real bars into STORE (default ./artifacts)
	@$(VENV)/clm data import examples/data/binance-spot-btcusdt-1h.parquet --symbol BTC/USDT --store $(STORE)
	@$(VENV)/clm data import examples/data/binance-spot-ethusdt-1h.parquet --symbol ETH/USDT --store $(STORE)

demo: ## All at once: cluster, images, chart, real bars, a judged version; FLEET=1: six families
	@FLEET=$(FLEET) tools/demo/demo.sh

demo-clean: ## Remove what the demo made
	@if [ -x $(VENV)/python ]; then $(VENV)/python -m tools.demo clean; else $(CLUSTER) down; fi

clean: ## Remove local build results; caches stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache artifacts
