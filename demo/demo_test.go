package demo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/demo"
	"understudy/env"
	"understudy/site"
	"understudy/world"
)

// told is what a demo said with JSON.
type told struct {
	steps []demo.Step
	done  demo.Done
}

func read(t testing.TB, out *bytes.Buffer) told {
	t.Helper()
	var story told
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	for i, line := range lines {
		if i == len(lines)-1 {
			decode(t, line, &story.done)
			continue
		}
		var step demo.Step
		decode(t, line, &step)
		story.steps = append(story.steps, step)
	}
	return story
}

func decode(t testing.TB, line []byte, v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("line %s: %v", line, err)
	}
}

// The whole story: an outage from beginning to end, with the loss of the elected
// connector in it, within a minute.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	began := time.Now()
	err := demo.Run(t.Context(), demo.Options{Env: env.Real(), Out: &out, JSON: true, Version: "test", Dir: dir})
	if err != nil {
		t.Errorf("the demo failed: %v", err)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s, want less than a minute", took)
	}
	story := read(t, &out)
	if !story.done.Done || !story.done.OK {
		t.Errorf("the last line is %+v, want done and ok", story.done)
	}
	var names []string
	for _, s := range story.steps {
		names = append(names, s.Step)
		if !s.OK || s.Detail == "" || s.At.IsZero() {
			t.Errorf("step %+v, want ok, with a time and what was seen", s)
		}
	}
	want := []string{
		"synced", "desktops registered with the cloud", "launched", "cloud cut", "PendingHA", "InitialHA", "the elected serves, others reject",
		"desktops registered", "launched in the outage", "elected killed", "next one takes over", "desktops registered again", "launched again",
		"the first is back and takes over", "cloud back", "PendingRecovery", "Normal", "desktops re-registered", "launched through the cloud",
	}
	if !slices.Equal(names, want) {
		t.Errorf("got steps %q, want %q", names, want)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) != world.SmallConnectors+2 {
		t.Errorf("logs %q (%v), want one of each process", logs, err)
	}
}

// A step that does not happen ends the story, and the last line says so.
func TestStepThatDoesNotHappen(t *testing.T) {
	t.Parallel()
	settings := world.Short()
	settings.Detection, settings.DetectionMax = site.Duration(time.Hour), 0
	var out bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Env: env.Real(), Out: &out, JSON: true, Settings: settings, Patience: 8 * time.Second})
	if !errors.Is(err, demo.ErrFailed) {
		t.Errorf("got %v, want %v", err, demo.ErrFailed)
	}
	story := read(t, &out)
	last := story.steps[len(story.steps)-1]
	if last.Step != "InitialHA" || last.OK || !strings.Contains(last.Detail, "PendingHA") {
		t.Errorf("the last step is %+v, want InitialHA not to happen, with where it hangs", last)
	}
	if !story.done.Done || story.done.OK {
		t.Errorf("the last line is %+v, want done and not ok", story.done)
	}
}

// A world that cannot begin is a failed step too, and text says so to people.
func TestWorldThatCannotBegin(t *testing.T) {
	e := env.Real()
	listen, left := e.Listen, 2*world.SmallConnectors+1 // the search for free ports
	e.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
		if left--; left < 0 {
			return nil, os.ErrPermission
		}
		return listen(ctx, network, address)
	}
	var out bytes.Buffer
	err := demo.Run(t.Context(), demo.Options{Env: e, Out: &out})
	if !errors.Is(err, demo.ErrFailed) {
		t.Errorf("got %v, want %v", err, demo.ErrFailed)
	}
	if text := out.String(); !strings.Contains(text, "FAIL  synced") || !strings.Contains(text, "The demo failed") {
		t.Errorf("it says %q", text)
	}
}
