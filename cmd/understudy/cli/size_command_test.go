package cli_test

import (
	"encoding/json"
	"strings"
	"testing"

	"understudy/sizing"
)

// RAS-05: "A sizing command answers how many hosts N+1 means."
func TestSize(t *testing.T) {
	code, out, problems := run(t, "size", "--users", "5000", "--machines", "5000", "--gateway-sessions", "1200")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, problems)
	}
	for _, want := range []string{
		"2 in each zone, 2 in all: 1 needed, 1 may fail (N+1)", "2 cores, 2 GB of memory: up to 640 MB",
		"6 gateways and 2 balancers", "How (measured on", "11.6 MB",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	code, out, problems = run(t, "size", "--users", "50000", "--machines", "5000", "--logon-window", "1m", "-o", "json")
	var a sizing.Answer
	if err := json.Unmarshal([]byte(out), &a); code != 0 || err != nil || a.Fits || a.ZonesNeeded != 3 || a.Connectors != 6 || len(a.Steps) == 0 {
		t.Errorf("exit %d, %v: %s%s", code, err, out, problems)
	}
}

func TestSizeRefusesByFlag(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{}, "--users N is needed"},
		{[]string{"--users", "5"}, "--machines N is needed"},
		{[]string{"--users", "0", "--machines", "-2"}, "--users 0 is not within 1 to 10000000; --machines -2"},
		{[]string{"--users", "many", "--machines", "1"}, "--users many is not a whole number"},
		{[]string{"--users", "1", "--machines", "1", "--cores", "0"}, "--cores 0"},
		{[]string{"--users", "1", "--machines", "1", "--logon-window", "0s"}, "--logon-window 0s is not within 1s to 24h"},
		{[]string{"--users", "1", "--machines", "1", "--policy", "nobody"}, `--policy "nobody": the policies are available and majority`},
		{[]string{"5", "--users", "1", "--machines", "1"}, `"5" is too much`},
	} {
		code, _, problems := run(t, append([]string{"size"}, c.args...)...)
		if code != 2 || !strings.Contains(problems, c.says) {
			t.Errorf("%v: exit %d: %s; want %q", c.args, code, problems, c.says)
		}
	}
}
