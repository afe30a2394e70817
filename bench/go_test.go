//go:build linux

package bench_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// metricRow is a row made of what a Benchmark function reports by ReportMetric.
type metricRow struct {
	name, value, unit string
	against           string // with %s for the metric that peer names
	peer, ratio       string
	bar               bar
}

// goBenchmarks are measured where their package is. Whoever writes one whose figure has
// a bar adds it here.
var goBenchmarks = []struct {
	pkg, benchmark string
	rows           []metricRow
}{{
	"understudy/localdb", "Delta", []metricRow{
		{"delta of 1 %: decoded, applied, verified, fsynced", "delta-ms", "ms", "import of the whole: %s ms", "import-ms", "of-import", atMost(0.35)},
		{"delta of 1 %: decoding", "of-decoding", "of the whole", "decoding of the whole", "", "of-decoding", atMost(0.05)},
		{"delta of 1 %: transfer", "of-transfer", "of the whole", "bytes of the whole stream", "", "of-transfer", atMost(0.05)},
	},
}}

// measureGoBenchmarks runs each as many times as there are rounds.
func measureGoBenchmarks(l *lab) {
	for i, b := range goBenchmarks {
		got, err := l.metrics(fmt.Sprintf("go%d.test", i), b.pkg, b.benchmark)
		for _, r := range b.rows {
			ratio, ok := got[r.ratio]
			if !ok {
				l.table.missing(r.name, r.against, fmt.Sprintf("Benchmark%s of %s: %v", b.benchmark, b.pkg, err), r.bar)
				continue
			}
			against := r.against
			if r.peer != "" {
				against = fmt.Sprintf(against, short(got[r.peer]))
			}
			l.table.add(row{Name: r.name, Value: got[r.value], Unit: r.unit, Against: against, Ratio: ratio}, r.bar)
		}
	}
}

// metrics builds the tests of a package and runs one benchmark.
func (l *lab) metrics(file, pkg, benchmark string) (map[string]float64, error) {
	binary := filepath.Join(l.dir, file)
	if out, err := exec.CommandContext(l.ctx, "go", "test", "-c", "-o", binary, pkg).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	cmd := exec.CommandContext(l.ctx, binary, "-test.run=^$", "-test.bench=^Benchmark"+benchmark+"$", fmt.Sprintf("-test.benchtime=%dx", *options.rounds))
	cmd.Dir = l.folder()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return reported(out), nil
}

var (
	benchmarkLine = regexp.MustCompile(`(?m)^Benchmark\S+\s+\d+\s+(.*)$`)
	metric        = regexp.MustCompile(`([\d.e+-]+) (\S+)`)
)

// reported are the metrics of a benchmark's line.
func reported(out []byte) map[string]float64 {
	got := map[string]float64{}
	line := benchmarkLine.FindSubmatch(out)
	if line == nil {
		return got
	}
	for _, m := range metric.FindAllSubmatch(line[1], -1) {
		if v, err := strconv.ParseFloat(string(m[1]), 64); err == nil {
			got[string(m[2])] = v
		}
	}
	return got
}

// Issue 4, 7: the rows of the delta are what its benchmark reports.
func TestMetricsAreRead(t *testing.T) {
	got := reported([]byte("goos: linux\nBenchmarkDelta-2   \t       5\t 123456.5 ns/op\t   0.3512 of-import\t 1.5e+03 import-ms\nPASS\n"))
	if len(got) != 3 || got["ns/op"] != 123456.5 || got["of-import"] != 0.3512 || got["import-ms"] != 1500 {
		t.Errorf("got %v", got)
	}
	if got := reported([]byte("PASS\n")); len(got) != 0 {
		t.Errorf("got %v of a run without a benchmark", got)
	}
}
