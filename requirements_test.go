package understudy_test

import (
	"strings"
	"testing"
)

// requirements are those of the specification that the product claims to meet.
// Each is quoted by number in at least one test, so that anyone can ask where it
// is proved and grep for the answer.
var requirements = []string{
	"LHC-01", "LHC-02", "LHC-03", "LHC-04", "LHC-05", "LHC-06",
	"LHC-10", "LHC-11", "LHC-12", "LHC-13", "LHC-14", "LHC-15", "LHC-16", "LHC-17", "LHC-18", "LHC-19",
	"LHC-20", "LHC-21", "LHC-22", "LHC-23", "LHC-24", "LHC-25",
	"LHC-30", "LHC-31", "LHC-32", "LHC-33", "LHC-34", "LHC-36", "LHC-37", "LHC-40", "LHC-41", "LHC-50",
	"ADC-01", "ADC-02", "ADC-04", "ADC-05", "REP-01", "REP-02", "REP-03", "REP-04", "NEW-01", "NEW-05", "NEW-06", "VPN-05",
	"RAS-01", "RAS-02", "RAS-03", "RAS-04", "RAS-05", "RAS-06",
	"NEW-02", "NEW-03", "NEW-04", "NEW-08", "VPN-01", "VPN-02", "VPN-03", "VPN-04",
}

func TestEachRequirementIsQuotedByATest(t *testing.T) {
	source := allTests(t)
	for _, r := range requirements {
		if !strings.Contains(source, r) {
			t.Errorf("no test quotes %s", r)
		}
	}
}
