//go:build linux

package bench_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"testing"
)

// options are the flags of a run.
var options = struct {
	measure, docs, json *string
	rounds, machines    *int
}{
	measure:  flag.String("measure", "", "measure the groups of rows whose names match, instead of testing"),
	docs:     flag.String("docs", "", "write the table into this file"),
	json:     flag.String("json", "", "write the rows into this file"),
	rounds:   flag.Int("rounds", 5, "rounds of each comparison"),
	machines: flag.Int("machines", 100_000, "size of the site"),
}

// groups are the measurements in the order of the table. A new one is added here.
var groups = []struct {
	name    string
	measure func(*lab)
}{
	{"import", measureImport},
	{"readers", measureReaders},
	{"enumeration", measureEnumeration},
	{"registration", measureRegistration},
	{"mirrored", measureMirrored},
	{"launch", measureLaunch},
	{"relay", measureRelay},
	{"takeover", measureTakeover},
	{"storm", measureStorm},
	{"mirror", measureMirror},
	{"outage", measureOutage},
	{"call-in", measureCallInTLS},
	{"memory", measureMemory},
	{"start", measureStart},
	{"idle", measureIdle},
	{"go", measureGoBenchmarks},
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
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("-measure: %w", err)
	}
	l, err := newLab()
	if err != nil {
		return err
	}
	defer l.close()
	for _, g := range groups {
		if wanted.MatchString(g.name) {
			l.run(g.name, g.measure)
		}
	}
	return l.table.write(*options.docs, *options.json)
}
