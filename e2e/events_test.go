//go:build linux

package e2e_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"understudy/events"
	"understudy/zone"
)

// TestEventsOfAConnector: an operator sees events as they happen, and those of a
// connector that is not running any more, killed as it was.
func TestEventsOfAConnector(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second := c.players[0], c.players[1]
	following := start(t, command{Name: "follow", Args: []string{
		"events", "--follow", "-o", "json", "--connector", second.address, "--token-file", filepath.Join(second.data, "admin.token"),
	}})
	following.Says(act, `"started"`)
	if strings.Contains(following.Log(), `"outage_began"`) {
		t.Fatal("an outage began before the test made one")
	}
	c.cloud.Kill()
	following.Says(act, `"outage_began"`)
	eventually(t, act, "the first one has kept its event of ExtendedHA", func() error {
		list, err := first.client().Events(t.Context(), 0, 1000)
		if err == nil && !slices.ContainsFunc(list, func(e events.Entry) bool { return e.Fields["to"] == string(zone.ExtendedHA) }) {
			err = fmt.Errorf("of %d none is that", len(list))
		}
		return err
	})
	c.kill(first)
	following.Says(act, `"reason":"cc02.example.test is the first`)

	t.Run("of a connector that was killed", func(t *testing.T) {
		r := understudy(t, "events", "--data", first.data, "-o", "json")
		if r.Code != 0 {
			t.Fatalf("got exit code %d: %s", r.Code, r.Stderr)
		}
		if err := contains(r.Out, []string{`"started"`, `"elected"`, `"outage_began"`, `"ExtendedHA"`}); err != nil {
			t.Error(err)
		}
		again := understudy(t, "events", "--data", first.data, "-o", "json")
		if again.Out != r.Out {
			t.Error("reading the folder changed what it holds")
		}
		table := understudy(t, "events", "--data", first.data)
		if err := contains(table.Out, []string{"outage_began", "outage=" + c.holds(second)}); err != nil {
			t.Error(err)
		}
	})
	t.Run("after an orderly stop", func(t *testing.T) {
		second.process.Stop(act)
		if following.Wait(act) == 0 {
			t.Error("got exit code 0 of a follower whose connector has stopped, want it to say so")
		}
		r := understudy(t, "events", "--data", second.data)
		if err := contains(r.Out, []string{"outage_began", "stopped"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("until Ctrl-C", func(t *testing.T) {
		p := start(t, command{Name: "follow third", Args: []string{
			"events", "--follow", "--connector", c.players[2].address, "--token-file", filepath.Join(c.players[2].data, "admin.token"),
		}})
		p.Says(act, "started")
		p.signal(syscall.SIGINT)
		if code := p.Wait(act); code != 0 {
			t.Errorf("got exit code %d, want 0", code)
		}
	})
	t.Run("of a folder that is none", func(t *testing.T) {
		if r := understudy(t, "events", "--data", t.TempDir()); r.Code == 0 || !strings.Contains(r.Stderr, "not the data folder") {
			t.Errorf("got exit code %d: %s", r.Code, r.Stderr)
		}
	})
}
