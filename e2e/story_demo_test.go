//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"understudy/demo"
)

// demoLimit is what a newcomer is told: under a minute.
const demoLimit = time.Minute

// TestDemo runs the demo as a program does and lets it go on, tries what it then
// offers, and runs a second one in the same folder, which must fail.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	playing := start(t, command{Name: "demo", Args: []string{"demo", "--json", "--keep", "--dir", dir}})
	playing.Says(act, `"step":"synced"`)
	refused := understudy(t, "demo", "--json", "--dir", dir)
	playing.Says(demoLimit, "\nData and logs: "+dir+"\n")
	steps, _ := demoSteps(t, playing.Log())
	t.Run("tells its steps", func(t *testing.T) {
		if len(steps) < 15 {
			t.Errorf("got %d steps", len(steps))
		}
		for _, s := range steps {
			if !s.OK || s.Step == "" || s.Detail == "" || s.At.IsZero() {
				t.Errorf("got step %+v", s)
			}
		}
	})
	t.Run("fails with the step that does not happen", func(t *testing.T) {
		steps, end := demoSteps(t, refused.Out)
		if refused.Code == 0 || !end.Done || end.OK {
			t.Errorf("got exit code %d and %+v, want a failure", refused.Code, end)
		}
		if len(steps) != 1 || steps[0].OK || !strings.Contains(steps[0].Detail, "in use") {
			t.Errorf("got steps %+v, want one that failed, with the reason", steps)
		}
	})
	files := demoLogs(dir)
	t.Run("leaves its story in the logs", func(t *testing.T) { checkStory(t, steps, files) })
	t.Run("logs each event in one line with all its fields", func(t *testing.T) { checkFields(t, files) })
	t.Run("offers what works", func(t *testing.T) { checkOffers(t, playing.Log()) })
	t.Run("ends by Ctrl-C", func(t *testing.T) {
		playing.signal(syscall.SIGINT)
		code := playing.Wait(act)
		if _, end := demoSteps(t, playing.Log()); code != 0 || !end.Done || !end.OK {
			t.Errorf("got exit code %d and %+v, want a good end", code, end)
		}
	})
}

// checkOffers runs the commands that the demo prints with --keep.
func checkOffers(t *testing.T, text string) {
	t.Helper()
	offers := 0
	for line := range strings.Lines(text) {
		line, is := strings.CutPrefix(line, "  understudy ")
		if !is {
			continue
		}
		offers++
		args := strings.Fields(strings.Replace(line, "--watch ", "", 1)) // it would go on
		// After the forced outage the desktops have to register first.
		eventually(t, act, "understudy "+strings.TrimSpace(line), func() error {
			if r := understudy(t, args...); r.Code != 0 || r.Out == "" {
				return fmt.Errorf("exit code %d: %s", r.Code, r.Stderr)
			}
			return nil
		})
	}
	if offers < 5 {
		t.Errorf("got %d offers in\n%s", offers, text)
	}
}

func demoLogs(dir string) []string {
	var files []string
	for i := range 3 {
		files = append(files, filepath.Join(dir, fmt.Sprintf("cc%02d.demo.test.log", i+1)))
	}
	return files
}

// demoSteps reads what the demo prints with --json: one object a line, the last
// one the end. Other lines are for people, on another stream.
func demoSteps(t *testing.T, text string) ([]demo.Step, demo.Done) {
	t.Helper()
	var steps []demo.Step
	var end demo.Done
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		var s demo.Step
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if s.Step != "" {
			steps = append(steps, s)
		} else if err := json.Unmarshal([]byte(line), &end); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
	}
	return steps, end
}

// checkStory: LHC-24, what happened to the zone can be read in the three log
// files alone: who was elected, when and why, and each state.
func checkStory(t *testing.T, steps []demo.Step, files []string) {
	t.Helper()
	lines := story(t, files...)
	chapters := retrace(lines)
	var got []string
	for _, c := range chapters {
		got = append(got, c.what)
	}
	want := []string{"PendingHA", "InitialHA", "cc02.demo.test", "cc01.demo.test", "PendingRecovery", "Normal"}
	if !slices.Equal(got, want) {
		t.Fatalf("got the story %v, want %v, from\n%s", got, want, retell(lines))
	}
	for what, step := range map[string]string{
		"PendingHA": "PendingHA", "InitialHA": "InitialHA", "cc02.demo.test": "next one takes over",
		"cc01.demo.test": "the first is back and takes over", "PendingRecovery": "PendingRecovery", "Normal": "Normal",
	} {
		at, seen := chapters[slices.Index(got, what)].at, stepAt(t, steps, step)
		if seen.Sub(at).Abs() > 2*time.Second {
			t.Errorf("the log has %s at %s, the demo saw it at %s", what, at, seen)
		}
	}
	checkOutage(t, lines)
	checkOthers(t, lines)
}

// chapter is a change of the zone: a state, or who holds the office.
type chapter struct {
	what string
	at   time.Time
}

// retrace makes the zone's story of its connectors' events: the office goes to
// whoever says that it is elected itself, and the state is the office's. It
// begins with the trouble and ends in Normal: then the demo stops its connectors.
// Whether there is time for ExtendedHA depends on the demo.
func retrace(lines []told) []chapter {
	var out []chapter
	holder := ""
	for _, l := range lines {
		switch {
		case l.Event == "elected" && l.Elected == l.Connector:
			holder = l.Connector
			out = append(out, chapter{holder, l.At})
		case l.Event == "state_changed" && l.Connector == holder && l.To != "ExtendedHA":
			out = append(out, chapter{l.To, l.At})
		}
	}
	begins := slices.IndexFunc(out, func(c chapter) bool { return c.what == "PendingHA" })
	out = out[max(begins, 0):]
	if ends := slices.IndexFunc(out, func(c chapter) bool { return c.what == "Normal" }); ends >= 0 {
		out = out[:ends+1]
	}
	return out
}

func stepAt(t *testing.T, steps []demo.Step, name string) time.Time {
	t.Helper()
	at := slices.IndexFunc(steps, func(s demo.Step) bool { return s.Step == name })
	if at < 0 {
		t.Fatalf("the demo has no step %q", name)
	}
	return steps[at].At
}

// checkOutage: it is one outage from beginning to end, whoever serves.
func checkOutage(t *testing.T, lines []told) {
	t.Helper()
	var outages []string
	for _, l := range lines {
		if l.Outage != "" && !slices.Contains(outages, l.Outage) {
			outages = append(outages, l.Outage)
		}
	}
	if len(outages) != 1 {
		t.Fatalf("got outages %v, want one", outages)
	}
	begins := told{Event: "outage_began", Connector: "cc01.demo.test", Elected: "cc01.demo.test", Outage: outages[0]}
	ends := told{Event: "outage_ended", Connector: "cc01.demo.test", Elected: "cc01.demo.test", Outage: outages[0]}
	if err := follow(lines, begins, ends); err != nil {
		t.Error(err)
	}
}

// checkOthers: each other connector tells the same story from its own point of
// view, with the reasons.
func checkOthers(t *testing.T, lines []told) {
	t.Helper()
	for _, name := range []string{"cc02.demo.test", "cc03.demo.test"} {
		err := follow(lines,
			told{Connector: name, Event: "state_changed", From: "Normal", To: "PendingHA", Reason: "connection refused"},
			told{Connector: name, Event: "state_changed", From: "PendingHA", To: "InitialHA", Reason: "cc01.demo.test"},
			told{Connector: name, Event: "elected", Elected: "cc02.demo.test", Reason: "cc01.demo.test is not"},
			told{Connector: name, Event: "elected", Elected: "cc01.demo.test"},
			told{Connector: name, Event: "state_changed", To: "PendingRecovery"},
			told{Connector: name, Event: "state_changed", From: "PendingRecovery", To: "Normal"},
		)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// checkFields: item 7, state and election events have event, state, elected,
// reason and outage, and those of a transition from and to.
func checkFields(t *testing.T, files []string) {
	t.Helper()
	always := []string{"time", "connector", "state", "elected", "reason", "outage"}
	fields := map[string][]string{
		"elected": always, "election_lost": always, "handover": always, "nobody_elected": always,
		"state_changed": append(slices.Clone(always), "from", "to"),
		"outage_began":  append(slices.Clone(always), "from", "to"),
		"outage_ended":  append(slices.Clone(always), "from", "to"),
	}
	seen := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var l map[string]any
			if err := json.Unmarshal([]byte(line), &l); err != nil {
				t.Fatalf("%s: %v: %s", file, err, line)
			}
			event, _ := l["event"].(string)
			seen[event]++
			for _, key := range fields[event] {
				if _, there := l[key]; !there {
					t.Errorf("%s: an event without %q: %s", filepath.Base(file), key, line)
				}
			}
		}
	}
	for _, event := range []string{"elected", "handover", "state_changed", "outage_began", "outage_ended"} {
		if seen[event] == 0 {
			t.Errorf("no log has the event %s", event)
		}
	}
}

// TestRetrace: a wrong order of events gives another story.
func TestRetrace(t *testing.T) {
	at := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	lines := []told{
		{At: at, Connector: "b", Event: "elected", Elected: "b"},
		{At: at, Connector: "a", Event: "state_changed", To: "InitialHA"}, // not the office's
		{At: at, Connector: "b", Event: "state_changed", To: "PendingHA"},
		{At: at, Connector: "a", Event: "elected", Elected: "b"}, // about another one
		{At: at.Add(time.Second), Connector: "a", Event: "elected", Elected: "a"},
		{At: at.Add(2 * time.Second), Connector: "b", Event: "state_changed", To: "Normal"},
		{At: at.Add(3 * time.Second), Connector: "a", Event: "state_changed", To: "Normal"},
		{At: at.Add(4 * time.Second), Connector: "b", Event: "elected", Elected: "b"}, // after the end
	}
	want := []chapter{{"PendingHA", at}, {"a", lines[4].At}, {"Normal", lines[6].At}}
	if got := retrace(lines); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
