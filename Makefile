# make demo   a whole site on this machine goes through an outage and back
# make test   everything that must hold before a change is taken (CI runs this)
# make check  the same without the slow parts: what to run before each commit
#
# A machine with Go and a C compiler (for the race detector) is enough: tools are
# pinned in tools.mod and built on first use, Debian packages that tests need are
# installed when this runs as root.

TOOL     := go tool -modfile=tools.mod
BIN      := bin/understudy
CROSS    := linux/amd64 linux/arm64 windows/amd64 windows/arm64
FUZZTIME ?= 3s
KILLS    ?= 2000

.PHONY: build demo test check format lint unit e2e crash cross fuzz setup clean

build:
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/understudy

demo: build
	./$(BIN) demo

test: setup lint cross fuzz unit e2e

check: lint unit

# Rewrites what lint would complain about in the layout of the code.
format:
	$(TOOL) gofumpt -w .

lint:
	@unformatted=$$($(TOOL) gofumpt -l .) || exit 1; \
	if [ -n "$$unformatted" ]; then echo "run make format; not formatted:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) golangci-lint run ./...

# Every package but the scenarios that run the real binary.
unit:
	go test -race -shuffle=on -timeout=10m $$(go list ./... | grep -v '/e2e$$')

# The scenarios mostly wait, so several run side by side.
e2e:
	go test -count=1 -timeout=15m -parallel=6 ./e2e

# The same crashes as in e2e, as many as KILLS says, and every power failure.
crash:
	UNDERSTUDY_E2E_KILLS=$(KILLS) go test -count=1 -timeout=4h -v -run='^Test(Killed(In|Amid)|PowerFailure(In|Of)|Woken)' ./e2e

# Pure Go, so that each platform needs no tool chain but Go's.
cross:
	@set -e; for platform in $(CROSS); do \
		echo "go build $$platform"; \
		CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} go build ./...; \
	done

# A run of each fuzz target, two side by side; FUZZTIME=10m for a long one. What a run
# finds is in the testdata/fuzz of its package, to be kept.
fuzz:
	@sh .ci/fuzz $(FUZZTIME)

setup:
	@sh .ci/setup

clean:
	rm -rf bin
