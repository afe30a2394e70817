package world_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"understudy/hooks"
	"understudy/site"
	"understudy/world"
	"understudy/zone"
)

// notes are the commands that the connectors of a world ran.
type notes struct {
	mu  sync.Mutex // guards ran
	ran []string
}

func (n *notes) commands(name site.FQDN) hooks.CommandOptions {
	return hooks.CommandOptions{
		OnElected: []string{"elected"}, OnDeposed: []string{"deposed"},
		Execute: func(_ context.Context, argv, _ []string) (string, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.ran = append(n.ran, string(name[:4])+" "+argv[0])
			if argv[0] == "deposed" && name[:4] == "cc03" {
				return "out of order", errors.New("exit status 1")
			}
			return "", nil
		},
	}
}

// of are the commands of one connector.
func (n *notes) of(name site.FQDN) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for _, r := range n.ran {
		if r[:4] == string(name[:4]) {
			out = append(out, r[5:])
		}
	}
	return out
}

// last waits until the latest command of a connector is that one. On a busy machine
// the office may have come and gone before.
func (n *notes) last(t *testing.T, name site.FQDN, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has run %s last", name, want), func() error {
		if ran := n.of(name); len(ran) == 0 || ran[len(ran)-1] != want {
			return fmt.Errorf("it ran %q", ran)
		}
		return nil
	})
}

// settle waits until the commands have put the first connector in office.
func (n *notes) settle(t *testing.T, all []site.FQDN) {
	t.Helper()
	for i, name := range all {
		n.last(t, name, map[bool]string{true: "elected", false: "deposed"}[i == 0])
	}
}

// REP-03: the commands follow the elected connector through a kill, a return and a
// stop, in Normal as in HA mode; who starts runs what fits, and a kill runs nothing.
func TestHooksFollowTheElected(t *testing.T) {
	n := &notes{}
	w, ctx := startAs(t, nil, func(o *world.Options) { o.Commands = n.commands })
	all := names(w)
	n.settle(t, all)
	if missing := w.Agent(all[2]).Status().Missing; !slices.ContainsFunc(missing, func(m string) bool {
		return m == "clients may be led to another connector than the elected one: on_deposed failed: deposed: exit status 1"
	}) {
		t.Errorf("status of %s does not tell of the failure: %q", all[2], missing)
	}

	w.KillConnector(all[0])
	killed := n.of(all[0])
	n.last(t, all[1], "elected")
	if got := n.of(all[0]); !slices.Equal(got, killed) {
		t.Errorf("%s was killed after %q, and then it had run %q", all[0], killed, got)
	}
	if err := w.StartConnector(ctx, all[0]); err != nil {
		t.Fatal(err)
	}
	n.last(t, all[1], "deposed")
	eventually(t, "the office is taken back", func() error {
		// On_deposed comes first, unless the office moves on before it has begun.
		if again := n.of(all[0])[len(killed):]; len(again) == 0 || again[len(again)-1] != "elected" {
			return fmt.Errorf("after its start %s has run %q", all[0], again)
		}
		return nil
	})

	w.KillCloud()
	eventually(t, "an outage", in(w, zone.InitialHA, all...))
	n.last(t, all[0], "elected")
	if err := w.Stop(string(all[0])); err != nil {
		t.Fatal(err)
	}
	if got := n.of(all[0]); got[len(got)-1] != "deposed" {
		t.Errorf("after its stop %s has run %q", all[0], got)
	}
	n.last(t, all[1], "elected")
	n.last(t, all[2], "deposed")
}

// The last connector of a zone gives nothing over, and still runs on_deposed when it
// stops.
func TestLastOneRunsOnDeposed(t *testing.T) {
	n := &notes{}
	w, _ := startAs(t, nil, func(o *world.Options) { o.Commands = n.commands })
	all := names(w)
	n.settle(t, all)
	w.KillConnector(all[1])
	w.KillConnector(all[2])
	if err := w.Stop(string(all[0])); err != nil {
		t.Fatal(err)
	}
	if got := n.of(all[0]); got[len(got)-1] != "deposed" {
		t.Errorf("it has run %q", got)
	}
}
