# Images, and the demo in containers.

include make/versions.mk

CONTAINER ?= $(or $(notdir $(firstword $(wildcard $(addsuffix /docker,$(subst :, ,$(PATH)))))),podman)
export CONTAINER IMAGE CLIENT_IMAGE

.PHONY: image
image: image-build ## build both images, start the predictor's, and tell its size and how fast it is ready
	@deploy/check-image $(CONTAINER) $(IMAGE) $(CLIENT_IMAGE)

# several, such as linux/amd64,linux/arm64, are built with buildx and pushed: an engine keeps one alone
PLATFORMS ?=

.PHONY: image-build
image-build: ## build both images; PLATFORMS=linux/amd64,linux/arm64 for both, which are pushed then
ifeq ($(PLATFORMS),)
	$(CONTAINER) build --quiet --target predictor --tag $(IMAGE) .
	$(CONTAINER) build --quiet --target client --tag $(CLIENT_IMAGE) .
else
	$(CONTAINER) buildx build --platform $(PLATFORMS) --push --target predictor --tag $(IMAGE) .
	$(CONTAINER) buildx build --platform $(PLATFORMS) --push --target client --tag $(CLIENT_IMAGE) .
endif

.PHONY: .images
.images:
	@for image in $(IMAGE) $(CLIENT_IMAGE); do \
		$(CONTAINER) image inspect $$image >/dev/null 2>&1 || { $(MAKE) --no-print-directory image-build; break; }; done

.PHONY: demo-stream
demo-stream: .images ## the demo in containers: predictor over Valkey, three streams replayed, a summary
	@deploy/demo run

.PHONY: demo-stream-status
demo-stream-status: ## whether the demo's containers run and answer
	@deploy/demo status

.PHONY: demo-stream-logs
demo-stream-logs: ## what the demo's containers say
	@deploy/demo logs

.PHONY: demo-stream-test
demo-stream-test: .images ## check the demo from end to end, the predictor killed in the middle of a stream
	@deploy/demo test

.PHONY: demo-stream-down
demo-stream-down: ## end the demo and forget its streams
	@deploy/demo down
