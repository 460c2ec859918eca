# A cluster of kind with KServe. Versions and images are in versions.mk; names: CLUSTER, NAMESPACE, RELEASE.

include make/versions.mk

KIND ?= $(or $(shell command -v kind 2>/dev/null),$(TOOLS)/kind)
export KIND HELM IMAGE CLIENT_IMAGE CONTAINER NODE_IMAGE CLIENT KSERVE_VERSION CERT_MANAGER_VERSION
export CLUSTER NAMESPACE RELEASE CONTEXT WAIT KUBECTL VALKEY_IMAGE KSERVE_CHARTS CERT_MANAGER_CHART CHAOS

.PHONY: kind-tools
kind-tools: tools | .venv/.programs ## install kind and Helm into .tools
	@test -x $(KIND) || GOBIN=$(CURDIR)/$(TOOLS) CGO_ENABLED=0 $(GO) install -trimpath -ldflags="-s -w" sigs.k8s.io/kind@$(KIND_VERSION)

.PHONY: kind-up
kind-up: kind-tools ## make a cluster, or find the one that is there
	@deploy/kind up

.PHONY: kserve-install
kserve-install: kind-up ## install cert-manager and KServe into the cluster
	@deploy/kind kserve

.PHONY: kind-load
kind-load: kind-up .images ## load the images into the cluster
	@deploy/kind load

# the one with the extra that finds an InferenceService from outside
kind-demo: private CLIENT := $(BIN)/stream-filters
.PHONY: kind-demo
kind-demo: setup kserve-install kind-load ## replay three streams against an InferenceService; CHAOS=1 kills its pod meanwhile
	@deploy/kind demo

.PHONY: kind-test
kind-test: setup tools ## the tests that need a cluster with KServe, and nothing but its kubeconfig
	E2E=1 $(BIN)/pytest -n 0 tests/e2e

.PHONY: kind-down
kind-down: ## end the cluster
	@deploy/kind down
