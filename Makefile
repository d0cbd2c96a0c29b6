# `make` lists what there is; `make ci` is what the pipeline runs, all of it.
# Nothing has to be installed by hand but Go (1.26) and make: `make deps` installs the rest on Debian, and says
# what is missing elsewhere; the linters are built from tools/go.mod at pinned versions.

GO       ?= go
FUZZTIME ?= 60s
# Hang guard for one package's tests, not a speed goal.
TIMEOUT  ?= 20m
IMAGE    ?= sttgate
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BIN      := bin/sttgate
GREMLINS := github.com/go-gremlins/gremlins/cmd/gremlins@v0.6.0
TOOL     := $(GO) tool -modfile=tools/go.mod

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help deps build test vet lint lint-selftest fmt fmt-check check-files fuzz schema fixtures fixtures-check mutate bench bench-outage chaos bench-ledger demo conformance dashboard static image image-check image-docker sbom sbom-of release release-check vuln vuln-selftest secrets licences licences-check chart chart-validate compose ci clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what the tests need: gcc, ffmpeg, chromium, redis-server, valkey-server, haproxy, nginx, node, npm, promtool
	.ci/deps

build: ## build bin/sttgate, static
	CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -tags timetzdata -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/sttgate

# Most of a test's time here is waiting, for audio that plays and servers that hang: four at once in a package.
ARTIFACTS := $(CURDIR)/bin/artifacts
test: ## all tests, with the race detector; bin/artifacts has the dashboard's screenshots afterwards
	rm -rf $(ARTIFACTS) && mkdir -p $(ARTIFACTS)
	CGO_ENABLED=1 $(GO) test -race -count=1 -parallel 4 -timeout $(TIMEOUT) -artifacts -outputdir $(ARTIFACTS) ./...

vet: ## go vet
	$(GO) vet ./...

lint: ## golangci-lint: faults, import rules, house style
	$(TOOL) golangci-lint config verify
	$(TOOL) golangci-lint run ./...

lint-selftest: ## prove that the lint rules fire
	.ci/lint-selftest

fmt: ## format the tree (gofumpt)
	$(TOOL) gofumpt -w charts cmd config meter policy proxy tools/chart tools/compose tools/image tools/licences

fmt-check: ## fail if a file is not formatted
	@out=$$($(TOOL) gofumpt -l charts cmd config meter policy proxy tools/chart tools/compose tools/image tools/licences) && test -z "$$out" || { echo "not formatted, run make fmt:"; echo "$$out"; exit 1; }

check-files: ## length of files, links in the documentation
	.ci/check-files

fuzz: ## every fuzz target for FUZZTIME (60s): before a release, and after a change of a parser
	.ci/fuzz $(FUZZTIME)

schema: ## docs/config.schema.json and the chart's, from the structs and config.example.yaml
	$(GO) test -count=1 -run 'TestTheSchemaFileIsCurrent|TestTheChartKnowsTheConfig' ./config -update

fixtures: ## measure a matrix of files against ffmpeg; writes docs/meters.md (needs ffmpeg)
	$(GO) run ./meter/fixtures

fixtures-check: ## the same, but docs/meters.md must agree
	$(GO) run ./meter/fixtures -check

# Each mutant is a build and a run of the package's tests: minutes, so not part of ci. One that loops for ever is given up
# after a multiple of the time the tests take, so their build must not count: the first line makes it beforehand.
mutate: ## mutation tests of the policy's rules; fails if a mutant that a test runs survives (minutes)
	$(GO) test -count=1 -cover ./policy/...
	$(GO) run $(GREMLINS) unleash ./policy --exclude-files '/' --invert-logical --invert-loopctrl --invert-assignments --remove-self-assignments \
		--timeout-coefficient 30 --output-statuses lt --threshold-efficacy 100

bench: ## the relay beside nginx and others; writes a table (minutes)
	$(GO) run ./proxy/bench

bench-ledger: ## what streams cost on Redis, 10 000 of them and a shard of a million; writes tables (minutes)
	$(GO) run ./proxy/bench ledger
bench-outage: ## how long frames take while Redis hangs, is late, is killed (three minutes; needs redis-server)
	$(GO) test -run '^$$' -bench FramesWhileRedisIsAway -benchtime 7x -timeout $(TIMEOUT) ./cmd/sttgate

CHAOS ?= 10m
chaos: ## kill, stop and cut off gateways and Redis for CHAOS (10m); CHAOS_SEED=N repeats a plan; the tests do it for a minute
	CHAOS=$(CHAOS) $(GO) test -count=1 -run TestChaos -v -timeout 1h -artifacts -outputdir $(or $(TMPDIR),/tmp) ./cmd/sttgate

dashboard: ## write the Grafana dashboard and nothing else (charts/sttgate/files/dashboard.json)
	$(GO) run ./charts/observe

demo: ## the main job on one machine: no keys, no servers, half a minute
	$(GO) run ./cmd/sttgate demo

# The SDKs at the versions of the lock file. UPDATE=1 writes docs/sdks.md.
SDKS := cmd/sttgate/conformance/testdata/sdk
$(SDKS)/node_modules/.package-lock.json: $(SDKS)/package-lock.json
	npm ci --prefix $(SDKS)

conformance: build $(SDKS)/node_modules/.package-lock.json ## the vendors' official SDKs through the gateway (UPDATE=1 writes docs/sdks.md)
	$(GO) test -count=1 -timeout $(TIMEOUT) -parallel 6 ./cmd/sttgate/conformance -args -gateway $(CURDIR)/$(BIN) $(if $(UPDATE),-update)

static: build ## the binary needs no C library
	.ci/check-static $(BIN)

image: ## the container image for amd64 and arm64 as an OCI archive, bin/image; needs no engine
	VERSION=$(VERSION) .ci/image build bin/image

# The pipeline asks for this machine's architecture: the other one is a build of everything (a minute and a half of two cores).
# Before a release: ARCHS="amd64 arm64", where the other one's program runs in an emulator.
ARCHS ?= $(shell $(GO) env GOARCH)
image-check: ## the image for ARCHS: built twice the same, valid, as the Dockerfile says, and its program runs
	VERSION=$(VERSION) ARCHS="$(ARCHS)" .ci/image check

SBOM := bin/sttgate.cdx.json
sbom: build sbom-of ## what the program is made of, with licences, as CycloneDX, held against the program and CycloneDX's schema: bin/sttgate.cdx.json

sbom-of:
	$(GO) tool -modfile=tools/cyclonedx.mod cyclonedx-gomod bin -json -std -noserial -notimestamp -version $(VERSION) -output $(SBOM) $(BIN)
	$(GO) -C tools run ./licences -root $(CURDIR) -bom $(abspath $(SBOM)) -binary $(abspath $(BIN)) \
		-schemas $$($(GO) list -modfile=tools/cyclonedx.mod -m -f '{{.Dir}}' github.com/CycloneDX/cyclonedx-go)/schema

release: ## archives for Linux and macOS, checksums, what they are made of and what changed: bin/release (VERSION=v1.2.3)
	VERSION=$(VERSION) .ci/release build bin/release

release-check: ## the release for this machine: built twice the same, and its program runs (SYSTEMS="linux/amd64 …" for others)
	VERSION=$(VERSION) .ci/release check

vuln: ## known vulnerabilities in what the program calls; needs vuln.go.dev, so it is not part of ci
	.ci/vuln

vuln-selftest: ## make vuln refuses a database that is absent, old or undated, and finds what is planted
	.ci/vuln selftest

secrets: ## no secret in the tree or its history (gitleaks)
	.ci/secrets

licences: ## write docs/licences.md: what is linked, and under which licences
	$(GO) -C tools run ./licences -root $(CURDIR)

licences-check: ## what is linked may be linked, and docs/licences.md says so
	$(GO) -C tools test -count=1 ./licences
	$(GO) -C tools run ./licences -root $(CURDIR) -check

image-docker: ## the same with an engine (needs docker)
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) -t $(IMAGE):$(VERSION) .

chart: build $(SDKS)/node_modules/.package-lock.json ## the Helm chart: lint, renderings, suites, schema, Kubernetes' types, the sidecar at work, kube-score (UPDATE=1 writes what it checks)
	UPDATE=$(UPDATE) .ci/chart

chart-validate: ## kubectl-validate over the renderings, from Kubernetes 1.29 on; it has to refuse what is wrong
	.ci/chart-validate

compose: ## the house on a laptop (charts/compose): its file, and its programs on this machine
	.ci/compose

# Fuzzing searches at random, so it is not part of ci: what it has found is in testdata/fuzz,
# and the tests run that every time.
ci: deps fmt-check check-files vet lint lint-selftest static test chart chart-validate compose image-check sbom secrets vuln-selftest licences-check fixtures-check demo conformance ## exactly what the pipeline runs

clean: ## remove what was built
	rm -rf bin $(SDKS)/node_modules
