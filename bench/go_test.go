//go:build linux

package bench_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// goBenchmarks are rows made of two Benchmark functions of a package, run in turns.
// Whoever writes such a pair adds it here.
var goBenchmarks = []struct {
	name, pkg, ours, peer string
	bar                   bar
}{}

// measureGoBenchmarks runs the pairs, a round of each after the other.
func measureGoBenchmarks(l *lab) {
	for i, b := range goBenchmarks {
		binary := filepath.Join(l.dir, fmt.Sprintf("go%d.test", i))
		if out, err := exec.Command("go", "test", "-c", "-o", binary, b.pkg).CombinedOutput(); err != nil {
			l.table.missing(b.name, b.peer, string(out), b.bar)
			continue
		}
		var p pairs
		for range *options.rounds {
			p.add(nanoseconds(binary, b.ours), nanoseconds(binary, b.peer))
		}
		l.table.add(row{Name: b.name, Value: median(p.ours) / 1e6, Unit: "ms", Against: fmt.Sprintf("%s: %.2f ms", b.peer, median(p.peer)/1e6), Ratio: p.ratio()}, b.bar)
	}
}

func nanoseconds(binary, benchmark string) float64 {
	cmd := exec.Command(binary, "-test.run=^$", "-test.bench=^"+benchmark+"$", "-test.benchtime=1x")
	cmd.Dir = filepath.Dir(binary)
	return perOperation(need(cmd.Output()))
}

var benchmarkLine = regexp.MustCompile(`(?m)^Benchmark\S+\s+\d+\s+([\d.]+) ns/op`)

func perOperation(out []byte) float64 {
	found := benchmarkLine.FindSubmatch(bytes.TrimSpace(out))
	if found == nil {
		panic(stop{fmt.Errorf("no benchmark in %q", out)})
	}
	return need(strconv.ParseFloat(string(found[1]), 64))
}

// Issue 4, 7: the rows of delta and full import are pairs of benchmarks.
func TestBenchmarkOutputIsRead(t *testing.T) {
	if got := perOperation([]byte("goos: linux\nBenchmarkDelta-2   \t       1\t 123456.5 ns/op\t 3 B/op\nPASS\n")); got != 123456.5 {
		t.Errorf("got %v, want 123456.5", got)
	}
}
