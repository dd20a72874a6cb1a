# Run `make help` for a list of the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
PACKAGES ?= ./...
FUZZTIME ?= 20s
TEST_TIMEOUT ?= 40m

# The tests run with the race detector, but for these packages: they only compute, start no goroutine, and would take most of
# the time.
SEQUENTIAL := regexp regexp/syntax go.yaml.in/yaml/... github.com/BobuSumisu/aho-corasick github.com/yuin/goldmark/... \
	github.com/go-viper/mapstructure/v2 github.com/mitchellh/mapstructure github.com/santhosh-tekuri/jsonschema/v6
export RACE_FLAGS := -race $(SEQUENTIAL:%=-gcflags=%=-race=false)
# Vet and lint use the build flags of the tests, so that packages are compiled only once.
RACE := GOFLAGS="$$($(GO) env GOFLAGS) $$RACE_FLAGS"

# Output of `catalyst_exporter --version`. The date is the commit's and there is no user or host name, so that builds are
# reproducible.
VERSION ?= $(shell git describe --tags --always --dirty --match 'v*' 2>/dev/null | sed 's/^v//' || true)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || true)
BRANCH ?= $(shell git rev-parse --abbrev-ref HEAD 2>/dev/null || true)
BUILD_DATE ?= $(shell TZ=UTC git log -1 --date=format-local:%Y%m%d-%H:%M:%S --format=%cd 2>/dev/null || true)
OUTPUT ?= catalyst_exporter
IMAGE ?= catalyst_exporter
INFO := github.com/prometheus/common/version
LDFLAGS := -s -w \
	-X $(INFO).Version=$(or $(VERSION),unknown) \
	-X $(INFO).Revision=$(or $(REVISION),unknown) \
	-X $(INFO).Branch=$(or $(BRANCH),unknown) \
	-X $(INFO).BuildUser=make \
	-X $(INFO).BuildDate=$(or $(BUILD_DATE),unknown)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build a static ./catalyst_exporter
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(OUTPUT) .

.PHONY: rootfs
rootfs: build ## Create the image's file system in dist/rootfs (GIT=none omits git)
	SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct 2>/dev/null || echo 0)" packaging/rootfs $(OUTPUT) dist/rootfs $(GIT)

.PHONY: image
image: rootfs ## Build the image IMAGE (catalyst_exporter) with Docker; pulls nothing
	docker build --build-arg VERSION=$(or $(VERSION),unknown) --build-arg REVISION=$(or $(REVISION),unknown) --tag $(IMAGE) .

.PHONY: sbom
sbom: build ## Write the bill of materials to dist/sbom.cdx.json (needs jq)
	@mkdir -p dist
	packaging/sbom $(OUTPUT) >dist/sbom.cdx.json

ARCHITECTURES ?= amd64 arm64
.PHONY: dist
dist: ## Build archives, deb, rpm and checksums for ARCHITECTURES (amd64 arm64) in dist/ (needs jq)
	packaging/dist dist $(or $(VERSION),unknown) $(ARCHITECTURES)

.PHONY: test
test: lint ## Check, lint and run every test with the race detector
	$(GO) test -C bench $$RACE_FLAGS -vet=off ./...
	$(GO) test -C packaging/kubernetes $$RACE_FLAGS -vet=off ./...
	$(GO) test $$RACE_FLAGS -vet=off -timeout $(TEST_TIMEOUT) $(PACKAGES)

.PHONY: lint
lint: ## Check the formatting, vet and lint the code
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:" $$unformatted >&2; exit 1; fi
	$(RACE) $(GO) vet -tags=long $(PACKAGES)
	$(RACE) $(GO) vet -C bench ./...
	$(RACE) $(GO) vet -C packaging/kubernetes ./...
	@staticcheck=$$($(GO) tool -modfile=tools/go.mod -n staticcheck); \
	echo "staticcheck $(PACKAGES)"; \
	$(RACE) "$$staticcheck" -tags=long $(PACKAGES); \
	cd bench; echo "staticcheck bench"; \
	$(RACE) "$$staticcheck" ./...

# Tools that are too slow for every change, pinned to the version whose findings were last reviewed.
AUDIT_TOOLS := \
	golang.org/x/vuln/cmd/govulncheck@v1.8.0 \
	github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.14.0

.PHONY: audit
audit: ## Run golangci-lint (with gosec) and govulncheck; builds them first (takes minutes, needs the network)
	@mkdir -p dist/bin
	@for tool in $(AUDIT_TOOLS); do GOFLAGS= GOBIN="$$PWD/dist/bin" $(GO) install "$$tool"; done
	dist/bin/golangci-lint run $(PACKAGES)
	dist/bin/govulncheck $(PACKAGES)
	cd bench && ../dist/bin/golangci-lint run && ../dist/bin/govulncheck ./...

# Runs the script in docs/evidence.md: its part before the first tool, then the tools of this project.
.PHONY: evidence
evidence: ## Write the evidence for this commit (docs/evidence.md)
	@staticcheck=$$($(GO) tool -modfile=tools/go.mod -n staticcheck); \
	{ awk '/^#!\/bin\/sh$$/ {on = 1} /^evidence tests.json/ {exit} on' docs/evidence.md; \
	awk '/^## On this project itself$$/ {here = 1} here && /^```$$/ {exit} on; here && /^```sh$$/ {on = 1}' docs/evidence.md; \
	echo 'exit "$$failed"'; } | PATH="$$(dirname "$$staticcheck"):$$PATH" PACKAGES="$(PACKAGES)" sh

.PHONY: test-long
test-long: ## Run the long tests (build tag long; their names contain "Long")
	$(GO) test $$RACE_FLAGS -tags long -timeout 3h -run Long -v $(PACKAGES)

.PHONY: bench
bench: ## Measure the exporter and comparable tools, write bench/README.md (BENCH=--sustained=10m for a long run)
	$(GO) run -C bench . $(BENCH)

.PHONY: man
man: build ## Write the man page to man/catalyst_exporter.1
	@mkdir -p man
	./$(OUTPUT) --help-man >man/catalyst_exporter.1

.PHONY: pictures
pictures: ## Make the pictures of the README again (needs Chromium)
	$(GO) test ./exporter -run TestPictures -update

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@for package in $$($(GO) list $(PACKAGES)); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "$$package"; \
		done; \
	done
