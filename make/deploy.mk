# The chart, what is written from it, and the tools that check it and the server.

include make/versions.mk

TOOLS := .tools/bin
HELM ?= $(TOOLS)/helm
# the one that pip brings
GO ?= $(CURDIR)/$(BIN)/go

# Go's own `go install` leaves Helm without the Kubernetes version that it renders for
KUBERNETES_MINOR := $(word 2,$(subst ., ,$(KUBERNETES_VERSION)))
HELM_FLAGS := -s -w $(foreach package,chartutil lint/rules,\
	-X helm.sh/helm/v3/pkg/$(package).k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/$(package).k8sVersionMinor=$(KUBERNETES_MINOR))

# a package and its version
go-install = @echo "installing $(1)" && \
	GOBIN=$(CURDIR)/$(TOOLS) CGO_ENABLED=0 $(GO) install -trimpath -ldflags="-s -w" $(1) && touch $@

# a name with the version in it, so that another version is another file to make
installed = $(TOOLS)/.$(1)-$(2)

SCHEMAS := $(KUBERNETES_VERSION)-$(KSERVE_VERSION)-$(KEDA_VERSION)-$(PROMETHEUS_OPERATOR_VERSION)-$(ENVOY_GATEWAY_VERSION)-$(ISTIO_VERSION)
INSTALLED := $(call installed,helm,$(HELM_VERSION)-$(KUBERNETES_VERSION)) \
	$(call installed,helm-unittest,$(HELM_UNITTEST_VERSION)) \
	$(call installed,kubeconform,$(KUBECONFORM_VERSION)) \
	$(call installed,grpcurl,$(GRPCURL_VERSION)) \
	$(call installed,grpc-health-probe,$(GRPC_HEALTH_PROBE_VERSION)) \
	$(call installed,schemas,$(SCHEMAS))

.PHONY: tools
tools: $(INSTALLED) ## install Helm, helm-unittest, kubeconform, the API's schemas, grpcurl and grpc-health-probe into .tools

$(call installed,helm,$(HELM_VERSION)-$(KUBERNETES_VERSION)): | .venv/.programs
	@echo "installing helm $(HELM_VERSION)"
	@GOBIN=$(CURDIR)/$(TOOLS) CGO_ENABLED=0 $(GO) install -trimpath -ldflags="$(HELM_FLAGS)" helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	@touch $@

# its module has replacements, so that `go install` refuses it
$(call installed,helm-unittest,$(HELM_UNITTEST_VERSION)): | .venv/.programs
	@echo "installing helm-unittest $(HELM_UNITTEST_VERSION)"
	@module=$$($(GO) mod download -json github.com/helm-unittest/helm-unittest@$(HELM_UNITTEST_VERSION) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); \
	cd "$$module" && CGO_ENABLED=0 $(GO) build -trimpath -ldflags="-s -w" -o $(CURDIR)/$(TOOLS)/helm-unittest ./cmd/helm-unittest
	@touch $@

$(call installed,kubeconform,$(KUBECONFORM_VERSION)): | .venv/.programs
	$(call go-install,github.com/yannh/kubeconform/cmd/kubeconform@$(KUBECONFORM_VERSION))

$(call installed,grpcurl,$(GRPCURL_VERSION)): | .venv/.programs
	$(call go-install,github.com/fullstorydev/grpcurl/cmd/grpcurl@$(GRPCURL_VERSION))

$(call installed,grpc-health-probe,$(GRPC_HEALTH_PROBE_VERSION)): | .venv/.programs
	$(call go-install,github.com/grpc-ecosystem/grpc-health-probe@$(GRPC_HEALTH_PROBE_VERSION))

$(call installed,schemas,$(SCHEMAS)): tests/charts/schemas.py | .venv/.programs
	@echo "writing the schemas of Kubernetes $(KUBERNETES_VERSION), KServe $(KSERVE_VERSION), KEDA, the Prometheus operator, Envoy Gateway and Istio"
	@$(BIN)/python -m tests.charts.schemas .tools/schemas \
		k8s.io/kubernetes@$(KUBERNETES_VERSION) github.com/kserve/kserve@$(KSERVE_VERSION) \
		github.com/kedacore/keda/v2@$(KEDA_VERSION) \
		github.com/prometheus-operator/prometheus-operator@$(PROMETHEUS_OPERATOR_VERSION) \
		github.com/envoyproxy/gateway@$(ENVOY_GATEWAY_VERSION) istio.io/api@$(ISTIO_VERSION)
	@mkdir -p $(TOOLS) && touch $@

.PHONY: chart-docs
chart-docs: .venv/.ready ## write the chart's README and schema from its values.yaml
	$(BIN)/python charts/chart_docs.py

.PHONY: manifests
manifests: tools ## render manifests/ from the chart
	$(BIN)/python charts/manifests.py $(HELM)

.PHONY: chart-test
chart-test: tools ## check the chart and the manifests alone, without a cluster
	$(BIN)/pytest tests/charts
