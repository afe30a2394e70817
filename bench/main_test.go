//go:build linux

package bench_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// options are the flags of a run.
var options = struct {
	measure, docs, json, report, chart *string
	rounds, machines, desktops         *int
}{
	measure:  flag.String("measure", "", "measure the groups of rows whose names match, instead of testing"),
	docs:     flag.String("docs", "", "write the table into this file"),
	json:     flag.String("json", "", "write the rows into this file"),
	rounds:   flag.Int("rounds", 5, "rounds of each comparison"),
	machines: flag.Int("machines", 100_000, "size of the site"),
	desktops: flag.Int("desktops", 10_000, "desktops of an outage"),
	report:   flag.String("report", "", "leave the report of the outage in this file"),
	chart:    flag.String("chart", "", "leave the chart of the outage in this file"),
}

// group is some rows that are measured together.
type group struct {
	name    string
	measure func(*lab)
}

// groups are the measurements in the order of the table. A new one is added here.
var groups = []group{
	{"import", measureImport},
	{"readers", measureReaders},
	{"delta", measureGoBenchmarks},
	{"sync", measureSync},
	{"enumeration", measureEnumeration},
	{"registration", measureRegistration},
	{"launch", measureLaunch},
	{"xml", measureXML},
	{"relay", measureRelay},
	{"takeover", measureTakeover},
	{"storm", measureStorm},
	{"mirror", measureMirror},
	{"outage", measureOutage},
	{"call-in", measureCallInTLS},
	{"memory", measureMemory},
	{"start", measureStart},
	{"idle", measureIdle},
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role))
	}
	flag.Parse()
	if *options.measure == "" {
		os.Exit(m.Run())
	}
	if err := measureAll(*options.measure); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measureAll measures what the pattern names and writes the table. What could not
// be measured is a row that says so.
func measureAll(pattern string) error {
	// Debian keeps what only an administrator needs where not everybody looks.
	must(os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"))
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-measure: %w", err)
	}
	chosen := slices.DeleteFunc(slices.Clone(groups), func(g group) bool { return !wanted.MatchString(g.name) })
	if len(chosen) == 0 {
		return fmt.Errorf("-measure %q names none of %s", pattern, groupNames())
	}
	r, err := newRun()
	if err != nil {
		return err
	}
	defer r.close()
	began := time.Now()
	for i, g := range chosen {
		fmt.Printf("# %d of %d: %s, after %.0f s\n", i+1, len(chosen), g.name, time.Since(began).Seconds())
		if err := r.apart(g.name); err != nil {
			return err
		}
	}
	fmt.Printf("# %.0f s in all\n\n%s\n", time.Since(began).Seconds(), r.table.verdict())
	return r.table.write(*options.docs, *options.json)
}

func groupNames() string {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return strings.Join(names, ", ")
}

// Issue 4: the page says which rows there are to choose from.
func TestGroupsAreDocumented(t *testing.T) {
	page := string(need(os.ReadFile(filepath.Join("..", "docs", "benchmarks.md"))))
	if want := "over: " + groupNames() + ")"; !strings.Contains(page, want) {
		t.Errorf("docs/benchmarks.md does not say %q", want)
	}
}
