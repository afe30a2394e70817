package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// checkCalls: what the connector asks of the kernel is what its unit lets it.
func checkCalls(t *testing.T, trace string) {
	t.Helper()
	allowed := callsOf(t, "@system-service")
	for _, group := range []string{"@privileged", "@resources"} {
		for call := range callsOf(t, group) {
			delete(allowed, call)
		}
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	_, ours, found := strings.Cut(string(text), `execve("/usr/bin/understudy"`)
	if !found {
		t.Fatal("the program is not in the trace")
	}
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`).FindAllStringSubmatch(ours, -1) {
		asked[m[1]] = true
	}
	if len(asked) < 20 {
		t.Errorf("only %v are in the trace", asked)
	}
	for call := range asked {
		if !allowed[call] {
			t.Errorf("the unit does not let it ask for %s", call)
		}
	}
}

// callsOf are the system calls of a group of systemd's.
func callsOf(t *testing.T, group string) map[string]bool {
	t.Helper()
	calls := map[string]bool{}
	for line := range strings.Lines(does(t, "systemd-analyze", "syscall-filter", "--no-pager", group)) {
		word := strings.TrimSpace(line)
		switch {
		case word == "" || word == group || strings.HasPrefix(word, "#"):
		case strings.HasPrefix(word, "@"):
			for call := range callsOf(t, word) {
				calls[call] = true
			}
		default:
			calls[word] = true
		}
	}
	return calls
}
