.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
ENVIRONMENTS := .environments
LOCAL := $(ENVIRONMENTS)/local
LOCK_SET = $(shell $(PYTHON) pipelines/foldline_pipelines/local/lock_set.py)
LOCKS = pipelines/foldline_pipelines/local/locks/$(LOCK_SET)
COMMAND = $(LOCAL)/bin/foldline
IMAGES := launcher validator trainer server
BUILDER ?= podman
REGISTRY ?= ghcr.io/foldline
LEVEL ?= node

.PHONY: help install demo demo-rollback test test-kubeflow cluster-build cluster-up cluster-status cluster-down test-cluster lint compile bench images test-images locks debian-packages clean

help: ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(LOCAL)/ready ## Make the environment of the foldline command
$(LOCAL)/ready: pyproject.toml $(wildcard pipelines/foldline_pipelines/local/locks/*/local.txt)
	@echo "environment local: installing"
	@test -n "$(LOCK_SET)"
	@rm -rf $(LOCAL) && $(PYTHON) -m venv $(LOCAL)
	@$(LOCAL)/bin/pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes --no-deps -r $(LOCKS)/local.txt
	@$(LOCAL)/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@$(LOCAL)/bin/python -m compileall -q $(LOCAL)/lib >/dev/null; touch $@
	@echo "environment local: ready"

demo: install ## Train a champion and a challenger on flights from New York, and let the canary decide, on this machine
	@$(LOCAL)/bin/python -m foldline_pipelines.examples.flights

demo-rollback: install ## Let the canary throw a broken challenger out, after make demo
	@$(LOCAL)/bin/python -m foldline_pipelines.examples.flights rollback

test: install debian-packages lint ## Run all tests that need no cluster
	@$(COMMAND) environments --test
	@$(LOCAL)/bin/python tests/run.py machine

test-kubeflow: install ## Run the acceptance tests on a Kubeflow: KFP_ENDPOINT= KUBECONFIG= [NAMESPACE=] [REGISTRY=] [KFP_DATASET_URI= KFP_LABEL= KFP_STORE_URI= KFP_ARGUMENTS=]
	@$(LOCAL)/bin/python -m uv pip install --quiet --require-hashes --no-deps --python $(LOCAL)/bin/python -r $(LOCKS)/test.txt
	@FOLDLINE_IMAGE_REGISTRY=$(REGISTRY) KFP_ENDPOINT=$(KFP_ENDPOINT) KUBECONFIG=$(KUBECONFIG) NAMESPACE=$(NAMESPACE) \
		KFP_DATASET_URI=$(KFP_DATASET_URI) KFP_LABEL=$(KFP_LABEL) KFP_STORE_URI=$(KFP_STORE_URI) KFP_ARGUMENTS=$(KFP_ARGUMENTS) KFP_TEST_IMAGE=$(KFP_TEST_IMAGE) \
		$(LOCAL)/bin/python -m pytest -rs --timeout 4000 tests/kubeflow

cluster-up: install ## Start a one-node Kubernetes for tests: LEVEL=api|node|serving (Linux, root)
	@cd tests/cluster && $(CURDIR)/$(LOCAL)/bin/python -m harness up $(LEVEL)

cluster-build: install ## Build what that cluster needs and start nothing: LEVEL=api|node|serving
	@cd tests/cluster && $(CURDIR)/$(LOCAL)/bin/python -m harness build $(LEVEL)

cluster-status: install ## Show what of that cluster runs
	@cd tests/cluster && $(CURDIR)/$(LOCAL)/bin/python -m harness status

cluster-down: install ## End that cluster; what was built stays
	@cd tests/cluster && $(CURDIR)/$(LOCAL)/bin/python -m harness down

test-cluster: install ## Build the images, start the cluster, run the tests that need them: KEEP=1 leaves it running
	@$(COMMAND) environments --test
	@IMAGES="$(IMAGES)" ACCELERATOR=cpu REGISTRY=$(REGISTRY) images/build
	@$(MAKE) --no-print-directory cluster-up LEVEL=serving
	@$(LOCAL)/bin/python tests/run.py images,cluster; status=$$?; \
		[ -n "$(KEEP)" ] || $(MAKE) --no-print-directory cluster-down; exit $$status

lint: install ## Check style, types and the direction of imports
	@$(COMMAND) environments lint
	@$(LOCAL)/bin/python tools/lock.py --check
	@$(ENVIRONMENTS)/lint/bin/ruff check --no-cache --quiet . && $(ENVIRONMENTS)/lint/bin/ruff format --no-cache --quiet --check .
	@$(COMMAND) environments trainer --test
	@$(ENVIRONMENTS)/lint/bin/mypy --no-error-summary --python-executable $(ENVIRONMENTS)/trainer/bin/python
	@PYTHONPATH=components:pipelines $(ENVIRONMENTS)/lint/bin/lint-imports --no-logo | tail -n 1

compile: install ## Write compiled pipelines, Kubernetes manifests and component files to compiled/
	@$(LOCAL)/bin/python -m foldline_pipelines.golden compiled
	@echo "compiled/ is written; next: upload compiled/pipelines/train_and_serve.yaml in the Kubeflow UI"

bench: install ## Measure against the peers, as ratios; figures go to benchmarks/results/
	@$(COMMAND) environments
	@for script in benchmarks/*.py; do echo "== $$script"; $(LOCAL)/bin/python $$script || exit 1; done
	@echo "next: the figures are in benchmarks/results/"

images: ## Build the images: BUILDER=podman|docker|buildah REGISTRY= TAG= IMAGES= ACCELERATOR=cuda|tensorflow-cuda|cpu PUSH=
	@BUILDER=$(BUILDER) REGISTRY=$(REGISTRY) TAG=$(TAG) IMAGES="$(IMAGES)" ACCELERATOR=$(ACCELERATOR) BASE=$(BASE) PUSH=$(PUSH) images/build

test-images: install ## Build the images, the trainer's for the CPU, and run every component in its image (root, podman)
	@$(COMMAND) environments --test
	@if [ "$$(id -u)" = 0 ] && ! command -v docker-registry >/dev/null; then \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends docker-registry; } >/dev/null; fi
	@$(LOCAL)/bin/python -m pytest -rs -s tests/images

locks: install ## Resolve the lock files that no longer agree with pyproject.toml
	@PATH=$(CURDIR)/$(LOCAL)/bin:$$PATH $(LOCAL)/bin/python tools/lock.py

debian-packages:
	@if ! command -v chromium >/dev/null; then \
		if [ "$$(id -u)" = 0 ]; then \
			echo "Debian package chromium: installing"; \
			{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends chromium; } >/dev/null; \
		else echo "Debian package chromium is missing and needs root: the tests in a browser will be skipped"; fi; fi

clean: ## Remove environments and local runs
	@rm -rf $(ENVIRONMENTS) runs
