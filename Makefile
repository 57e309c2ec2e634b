# What the stages of `make test` run, quickest first. A stage that fails ends it.
PURE  := . ./api/... ./internal/... ./cmd/... ./controllers/... ./examples/... ./test/measure/... ./test/subjects/... ./test/bench-membership/... ./test/e2e/images/... ./test/e2e/timeline
API   := ./test/testbed/... ./test/integration/...
KAFKA := ./test/kafka/... ./test/testbed/broker/... ./test/whole/...

# Tests of a later stage within the folders of an earlier one.
NOT_API := /test/testbed/broker

# One test binary at a time where each starts processes of its own.
PURE_FLAGS  := -timeout 15m
# Tests there wait more than they work: more of them run at once than there are
# cores.
API_FLAGS   := -timeout 20m -p 1 -count 1 -parallel 4
# The sample consumers in other languages have a target of their own.
CLIENTS     := ^Test(Spring|Quarkus|Streams|Python)$$
KAFKA_FLAGS := -timeout 40m -p 1 -count 1 -parallel 6 -skip '$(CLIENTS)'

# Everything of this module, for vet and lint.
ALL := ./...

# Images
IMG          ?= kohort:latest
LAUNCHER_IMG ?= kohort-launcher:latest
# The samples; those in Java and in Python are of use to some tests only.
SAMPLES      := consumer-go producer
ALL_SAMPLES  := $(SAMPLES) consumer-spring consumer-quarkus consumer-streams consumer-python

# How `make e2e` comes by its images: docker builds them with the Dockerfiles, which
# needs an image registry; build makes them, and Kafka's, from packages.
E2E_IMAGES  ?= docker
KAFKA_IMAGE ?= apache/kafka:4.4.0

# Tools have modules of their own and are built once, into a file that is named
# after what they are made of.
sum             = $(shell cat tools/$(1)/go.mod tools/$(1)/go.sum | cksum | cut -d ' ' -f 1)
CONTROLLER_GEN := bin/controller-gen-$(call sum,controller-gen)
GOLANGCI_LINT  := bin/golangci-lint-$(call sum,golangci-lint)
KIND           := bin/kind-$(call sum,kind)
CRANE          := bin/crane-$(call sum,crane)

SHELL := /bin/bash -o pipefail

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-z-]*:.*## / {printf "  %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)


.PHONY: demo
demo: ## Everything on this machine, live: scale-up, good release, bad release. ONCE=1 ends by itself.
	go run ./test/demo

.PHONY: bench-rollout
bench-rollout: ## Measure what a release costs: Kohort, a Deployment's way, a StatefulSet's way.
	go run ./test/bench-rollout

.PHONY: test-kills
test-kills: ## Kill the operator KILLS times (200) in real rollouts by each strategy; 20 to 30 minutes.
	go run ./test/kills

.PHONY: bench-membership
bench-membership: ## Measure what deaths, restarts and scaling cost: Kohort, static and dynamic members. RUNS, SUBJECTS, EVENTS, CONSUMER, PROTOCOL, WATCH.
	go run ./test/bench-membership


.PHONY: bench-lag
bench-lag: ## Measure what reading lag costs: Kohort's collector, and a request for each group.
	go run ./test/bench-lag
	go test -run '^$$' -bench . -benchmem ./internal/lag ./internal/kafka

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Write the deep copies of the API types anew.
	$(CONTROLLER_GEN) object paths=./api/...

.PHONY: manifests
manifests: $(CONTROLLER_GEN) ## Write the CRDs and the operator's role anew, from the markers in the code.
	$(CONTROLLER_GEN) crd:maxDescLen=400 paths=./api/... output:crd:artifacts:config=config/crd
	$(CONTROLLER_GEN) rbac:roleName=kohort paths=./controllers/... output:rbac:artifacts:config=config/rbac

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code.
	$(GOLANGCI_LINT) fmt $(ALL)

.PHONY: vet
vet: ## Run go vet.
	go vet $(ALL)

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters, also those that keep pure packages pure.
	$(GOLANGCI_LINT) run $(ALL)

.PHONY: verify
verify: $(CONTROLLER_GEN) ## Check that what is generated is what would be generated now.
	@rm -rf bin/verify && mkdir -p bin/verify
	@$(CONTROLLER_GEN) object paths=./api/... output:object:dir=bin/verify/api
	@$(CONTROLLER_GEN) crd:maxDescLen=400 paths=./api/... output:crd:artifacts:config=bin/verify/crd
	@$(CONTROLLER_GEN) rbac:roleName=kohort paths=./controllers/... output:rbac:artifacts:config=bin/verify/rbac
	@status=0; \
	for pair in $$(cd bin/verify && find . -type f); do \
	  case $$pair in \
	    ./api/*) file=api/v1alpha1/$${pair#./api/} ;; \
	    *) file=config/$${pair#./} ;; \
	  esac; \
	  diff -u $$file bin/verify/$$pair || status=1; \
	done; \
	rm -rf bin/verify; \
	if [ $$status != 0 ]; then echo "generated files are not current: run make generate manifests" >&2; fi; \
	exit $$status

.PHONY: build
build: ## Build the operator and the launcher into bin.
	go build -o bin/manager .
	CGO_ENABLED=0 go build -o bin/kohort-launcher ./cmd/kohort-launcher


.PHONY: test
test: ## Run every test that needs no root, quickest first.
	@$(MAKE) --no-print-directory test-pure
	@$(MAKE) --no-print-directory test-api
	@$(MAKE) --no-print-directory test-kafka

.PHONY: test-pure
test-pure: ## Run what needs nothing but Go: decisions, simulation, CEL rules.
	@echo "== 1 of 3: pure packages, simulation and the rules of the CRDs"
	go test $(PURE_FLAGS) $(PURE)

.PHONY: test-api
test-api: ## Run what needs an API server. Builds it once, which takes 8 to 15 minutes on two cores.
	@echo "== 2 of 3: against an API server"
	go run ./test/testbed/cmd/controlplane
	go test $(API_FLAGS) $$(go list $(API) | grep -v '$(NOT_API)')

.PHONY: test-kafka
test-kafka: ## Run what needs Kafka: a real broker where there is Java, else one in process.
	@echo "== 3 of 3: with Kafka"
	go test $(KAFKA_FLAGS) $(KAFKA)

.PHONY: e2e
e2e: SAMPLES := $(ALL_SAMPLES)
e2e: $(KIND) e2e-images ## Run the end-to-end tests, in the cluster of KUBECONFIG or a kind cluster of their own.
	KIND=$(CURDIR)/$(KIND) KAFKA_IMAGE=$(KAFKA_IMAGE) \
	  go test ./test/e2e -timeout 3h -count 1 -v -ginkgo.v $(E2E_FLAGS)

.PHONY: e2e-smoke
e2e-smoke: $(KIND) e2e-images ## Run those that show that it works at all, with one broker.
	KIND=$(CURDIR)/$(KIND) KAFKA_IMAGE=$(KAFKA_IMAGE) E2E_SMOKE=1 \
	  go test ./test/e2e -timeout 40m -count 1 -v -ginkgo.v -ginkgo.label-filter=smoke $(E2E_FLAGS)

.PHONY: bench-e2e
bench-e2e: SAMPLES := $(ALL_SAMPLES)
bench-e2e: $(KIND) $(CRANE) e2e-images ## Measure what a release costs on a cluster, or a death: Kohort, a Deployment, a StatefulSet. RUNS, SUBJECTS, CONSUMER, EVENT, IMAGES.
	KIND=$(CURDIR)/$(KIND) CRANE=$(CURDIR)/$(CRANE) KAFKA_IMAGE=$(KAFKA_IMAGE) go run ./test/bench-e2e

.PHONY: e2e-images
ifeq ($(E2E_IMAGES),build)
e2e-images: ## Build the images of the end-to-end tests (E2E_IMAGES=docker or build).
	go run ./test/e2e/images/cmd/build kohort kohort-launcher kafka $(SAMPLES)
else
e2e-images: docker-build docker-build-examples
	docker image inspect $(KAFKA_IMAGE) >/dev/null 2>&1 || docker pull $(KAFKA_IMAGE)
endif

.PHONY: test-examples
test-examples: ## Run the sample consumers in Java and Python, where mvn and python3 are; fetches once what they need.
	go test -timeout 40m -p 1 -count 1 -run '$(CLIENTS)' ./test/testbed/broker ./test/whole

.PHONY: test-telegraf
test-telegraf: ## Run Telegraf's own plugin for Burrow against what Kohort serves. A module of its own.
	go -C test/telegraf test -count 1 ./...

.PHONY: test-prometheus
test-prometheus: ## Check alerts and dashboard with the libraries of Prometheus and Grafana. A module of its own.
	go -C test/prometheus test -count 1 ./...

.PHONY: race
race: ## Run the pure tests with the race detector (needs a C compiler).
	go test -race -timeout 40m $(PURE)


.PHONY: run
run: ## Run the operator here, against the cluster of the present kubeconfig.
	go run . --launcher-image=$(LAUNCHER_IMG)

.PHONY: install
install: ## Put the CRDs into the cluster of the present kubeconfig.
	kubectl apply --server-side -k config/crd

.PHONY: uninstall
uninstall: ## Remove the CRDs, and with them every ConsumerGroup, from that cluster.
	kubectl delete --ignore-not-found -k config/crd

.PHONY: deploy
deploy: ## Put all of Kohort into that cluster.
	kubectl apply --server-side -k config/default

.PHONY: docker-build
docker-build: ## Build the images IMG (operator) and LAUNCHER_IMG (launcher).
	docker build --target operator -t $(IMG) .
	docker build --target launcher -t $(LAUNCHER_IMG) .

.PHONY: docker-build-examples
docker-build-examples: ## Build the images of the sample consumers and the producer.
	for name in $(SAMPLES); do \
	  case $$name in \
	    consumer-go) docker build -t kohort-example/$$name -f examples/consumer/Dockerfile . ;; \
	    producer) docker build -t kohort-example/$$name -f examples/producer/Dockerfile . ;; \
	    *) docker build -t kohort-example/$$name examples/$$name ;; \
	  esac || exit 1; \
	done

.PHONY: kind-load
kind-load: ## Put all of these images on the nodes of the kind cluster CLUSTER (default: kind).
	kind load docker-image --name $(or $(CLUSTER),kind) $(IMG) $(LAUNCHER_IMG) $(SAMPLES:%=kohort-example/%)

.PHONY: clean
clean: ## Remove what was built here. The control plane in the user's cache stays.
	rm -rf bin dist

$(CONTROLLER_GEN):
	@mkdir -p bin && rm -f bin/controller-gen-*
	go -C tools/controller-gen build -o $(CURDIR)/$@ sigs.k8s.io/controller-tools/cmd/controller-gen

$(KIND):
	@mkdir -p bin && rm -f bin/kind-*
	CGO_ENABLED=0 go -C tools/kind build -o $(CURDIR)/$@ sigs.k8s.io/kind

$(CRANE):
	@mkdir -p bin && rm -f bin/crane-*
	CGO_ENABLED=0 go -C tools/crane build -o $(CURDIR)/$@ github.com/google/go-containerregistry/cmd/crane

$(GOLANGCI_LINT):
	@mkdir -p bin && rm -f bin/golangci-lint-*
	@echo "Building golangci-lint (once; 2 to 3 minutes on two cores)"
	CGO_ENABLED=0 go -C tools/golangci-lint build -o $(CURDIR)/$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
