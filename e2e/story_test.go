//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// told is one line of a JSON log: what an administrator has to go by.
type told struct {
	At        time.Time `json:"time"`
	Level     string    `json:"level"`
	Text      string    `json:"msg"`
	Event     string    `json:"event"`
	Connector string    `json:"connector"`
	State     string    `json:"state"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Elected   string    `json:"elected"`
	Reason    string    `json:"reason"`
	Outage    string    `json:"outage"`
}

func (l told) String() string {
	line := l.At.Format("15:04:05.000") + " " + l.Connector + " " + l.Event
	if l.To != "" {
		line += " " + l.From + "→" + l.To
	}
	if l.Elected != "" {
		line += " elected=" + l.Elected
	}
	return line + " (" + l.Reason + ")"
}

// story reads log files and returns their events in the order of time. Lines that
// are no events are left out; a line that is not JSON fails the test.
func story(t testing.TB, files ...string) []told {
	t.Helper()
	var all []told
	for _, file := range files {
		all = append(all, readLog(t, file)...)
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.At.Compare(b.At) })
	return all
}

func readLog(t testing.TB, file string) []told {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []told
	number := 0
	for line := range bytes.Lines(text) {
		number++
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var l told
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%s:%d: %v: %s", file, number, err, line)
		}
		if l.Event != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

// follow finds lines that fit the patterns, in this order, with others between
// them, and says which one is missing.
func follow(lines []told, patterns ...told) error {
	for i, pattern := range patterns {
		at := slices.IndexFunc(lines, pattern.fits)
		if at < 0 {
			return fmt.Errorf("step %d of %d is missing: %v; left are:\n%s", i+1, len(patterns), pattern, retell(lines))
		}
		lines = lines[at+1:]
	}
	return nil
}

// fits reports whether the line has all that the pattern has; a reason is a part
// of the line's.
func (l told) fits(line told) bool {
	pairs := [][2]string{
		{l.Level, line.Level},
		{l.Event, line.Event},
		{l.Connector, line.Connector},
		{l.State, line.State},
		{l.From, line.From},
		{l.To, line.To},
		{l.Elected, line.Elected},
		{l.Outage, line.Outage},
	}
	for _, p := range pairs {
		if p[0] != "" && p[0] != p[1] {
			return false
		}
	}
	return strings.Contains(line.Reason, l.Reason)
}

func retell(lines []told) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintln(&b, l)
	}
	return b.String()
}

const cc01Log = `{"time":"2026-01-02T10:00:00Z","level":"info","msg":"hello"}
{"time":"2026-01-02T10:00:01Z","event":"state_changed","connector":"cc01","from":"Normal","to":"PendingHA","reason":"the cloud broker does not answer"}
{"time":"2026-01-02T10:00:03Z","event":"elected","connector":"cc01","elected":"cc01","reason":"first"}
`

const cc02Log = `{"time":"2026-01-02T10:00:02Z","event":"state_changed","connector":"cc02","from":"Normal","to":"PendingHA","reason":"a check failed"}
`

func TestStory(t *testing.T) {
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "cc01.log"), filepath.Join(dir, "cc02.log")}
	for i, text := range []string{cc01Log, cc02Log + `{"time":"2026-01-02T10:00:04Z","ev`} { // it goes on writing
		if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines := story(t, files...)
	if len(lines) != 3 || lines[1].Connector != "cc02" {
		t.Fatalf("got\n%swant three events, cc02's in the middle", retell(lines))
	}
	pending := told{Event: "state_changed", To: "PendingHA"}
	if err := follow(lines, pending, told{Connector: "cc02", Reason: "check"}, told{Event: "elected", Elected: "cc01"}); err != nil {
		t.Error(err)
	}
	if err := follow(lines, told{Event: "elected"}, pending); err == nil {
		t.Error("steps in the wrong order were found")
	}
	if err := follow(lines, pending, pending, pending); err == nil {
		t.Error("one line was found twice")
	}
}
