# Every version that the images, the tests and the kind cluster use; each can be overridden: make ... NAME=value

KUBERNETES_VERSION ?= v1.32.9
KSERVE_VERSION ?= v0.20.0
CERT_MANAGER_VERSION ?= v1.21.2
KEDA_VERSION ?= v2.20.2
PROMETHEUS_OPERATOR_VERSION ?= v0.85.0
ENVOY_GATEWAY_VERSION ?= v1.6.0
ISTIO_VERSION ?= v1.28.0

HELM_VERSION ?= v3.22.0
HELM_UNITTEST_VERSION ?= v1.1.2
KUBECONFORM_VERSION ?= v0.8.0
KIND_VERSION ?= v0.33.0
GRPCURL_VERSION ?= v1.9.4
GRPC_HEALTH_PROBE_VERSION ?= v0.4.61

# kind's own node image where empty
NODE_IMAGE ?=
VERSION := $(shell cat VERSION)
IMAGE ?= stream-filters:$(VERSION)
CLIENT_IMAGE ?= stream-filters-client:$(VERSION)
