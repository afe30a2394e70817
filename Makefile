# make demo   a whole site on this machine goes through an outage and back
# make test   everything that must hold before a change is taken (CI runs this)
# make check  the same without the slow parts: what to run before each commit
# make sim    thousands of simulated sites with faults: RUNS=10000 SEED=1
# make bench  how fast and how big, beside limits and peers: docs/benchmarks.md
# make load   10,000 desktops go through an outage of a real zone: times, report, chart
#
# A machine with Go and a C compiler (for the race detector) is enough: tools are
# pinned in tools.mod and built on first use, Debian packages that tests need are
# installed when this runs as root.

TOOL     := go tool -modfile=tools.mod
BIN      := bin/understudy
CROSS    := linux/amd64 linux/arm64 windows/amd64 windows/arm64
FUZZTIME ?= 3s
KILLS    ?= 2000
RUNS     ?= 2000
ROWS     ?= .
ROUNDS   ?= 5
DESKTOPS ?= 10000
SEED     ?= 1

.PHONY: test-windows msi packages test-packages build demo test check format lint unit simulated sim variants bench load e2e upgrade crash cross fuzz setup clean

build:
	CGO_ENABLED=0 go build -trimpath -o $(BIN) ./cmd/understudy

demo: build
	./$(BIN) demo

test: setup lint cross fuzz unit simulated test-packages e2e test-windows

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

# Every package but the scenarios that run the real binary; of the simulation a few seeds. The
# race detector shuffles the scheduler, so what compares two runs is left to simulated. world
# is first and one of three, because it mostly waits.
unit:
	sh .ci/tests go test -race -shuffle=on -timeout=20m -p=3 ./world $$(go list ./... | grep -v -e '/e2e$$' -e '/sim$$' -e '/packaging$$' -e '/world$$')
	sh .ci/tests go test -race -short -timeout=20m -skip='^TestSame' ./sim

# Hundreds of simulated sites, and each variant of the product that must not pass.
simulated:
	sh .ci/tests go test -count=1 -timeout=30m ./sim

# As many as you like, on all cores; Ctrl-C ends it with what it has.
sim:
	@mkdir -p bin
	@go test -c -o bin/sim.test ./sim
	@cd sim && ../bin/sim.test -test.run='^TestMany$$' -test.timeout=0 -runs=$(RUNS) -seed=$(SEED)

# Which seeds catch which wrong variant: writes the table in docs/simulation.md.
variants:
	@mkdir -p bin
	@go test -c -o bin/sim.test ./sim
	@cd sim && ../bin/sim.test -test.run='^TestVariants$$' -test.timeout=0 -variants $(if $(ONLY),-only=$(ONLY))

# Packages, archives, parts lists and checksums of this commit: bin/packages, docs/install.md.
packages:
	@rm -rf bin/packages
	go run ./packaging -out bin/packages $(if $(VERSION),-version $(VERSION))
	@cd bin/packages && cat SHA256SUMS

# The packages as their users get them: clean, the same twice, installed in a fresh tree.
test-packages:
	sh .ci/tests go test -count=1 -timeout=15m ./packaging

# The scenarios mostly wait, so several run side by side.
e2e:
	sh .ci/tests go test -count=1 -timeout=30m -parallel=6 -skip='^TestWine' ./e2e

# The binary for Windows under wine: as services, installed by hand and by the MSI, and the
# tests of the packages that know Windows. What wine cannot show is in docs/install.md.
test-windows:
	sh .ci/tests go test -count=1 -timeout=15m -run='^TestWine' ./e2e

# The installer for Windows, as bin/windows/understudy.msi. MSIVERSION is three numbers.
MSIVERSION ?= 0.0.0
msi:
	@mkdir -p bin/windows
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -trimpath -o bin/windows/understudy.exe ./cmd/understudy
	cd bin/windows && wixl -a x64 -D Version=$(MSIVERSION) -o understudy.msi ../../packaging/windows/understudy.wxs

# The same crashes as in e2e, as many as KILLS says, and every power failure.
crash:
	UNDERSTUDY_E2E_KILLS=$(KILLS) go test -count=1 -timeout=4h -v -run='^Test(Killed(In|Amid)|PowerFailure(In|Of)|Woken)' ./e2e

# Each figure of docs/benchmarks.md beside its limit or peer, in turns. ROWS='import|idle'
# for some of them, which writes nothing; a quarter of an hour for all.
bench: bin/bench.test
	@sh .ci/setup bench
	@cd bench && ../bin/bench.test -measure='$(ROWS)' -rounds=$(ROUNDS) -desktops=$(DESKTOPS) \
		$(if $(filter .,$(ROWS)),-docs=../docs/benchmarks.md -json=../bench.json -chart=../docs/outage.svg)

# A cloud broker, three connectors and understudy load as processes: the cloud broker is
# killed, then the elected connector, and the cloud broker comes back. Two minutes.
load: bin/bench.test
	@mkdir -p bin/load
	@cd bench && ../bin/bench.test -measure='^outage$$' -desktops=$(DESKTOPS) -docs=../bin/load/times.md \
		-json=../bin/load/times.json -report=../bin/load/run.json -chart=../bin/load/run.svg
	@echo "bin/load: times.md, times.json, run.json (the report), run.svg (the chart)"

.PHONY: bin/bench.test
bin/bench.test:
	@mkdir -p bin
	@go test -c -o bin/bench.test ./bench

# The rolling upgrades from the binary of an earlier commit: make upgrade FROM=COMMIT.
upgrade:
	@UNDERSTUDY_UPGRADE_FROM=$(FROM) go test ./e2e -run TestRollingUpgrade -count=1 -v

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
