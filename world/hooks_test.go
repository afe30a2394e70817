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

func (n *notes) show(t *testing.T, name site.FQDN, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has run %q", name, want), func() error {
		if got := n.of(name); !slices.Equal(got, want) {
			return fmt.Errorf("it ran %q", got)
		}
		return nil
	})
}

// settle waits until the commands have put the first connector in office, and forgets
// how it came to that: before it has a site, no connector can be elected.
func (n *notes) settle(t *testing.T, all []site.FQDN) {
	t.Helper()
	eventually(t, "the commands have followed the start", func() error {
		for i, name := range all {
			want := map[bool]string{true: "elected", false: "deposed"}[i == 0]
			if ran := n.of(name); len(ran) == 0 || ran[len(ran)-1] != want {
				return fmt.Errorf("%s has run %q", name, ran)
			}
		}
		return nil
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ran = nil
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
	n.show(t, all[1], "elected")
	n.show(t, all[0])
	if err := w.StartConnector(ctx, all[0]); err != nil {
		t.Fatal(err)
	}
	n.show(t, all[0], "deposed", "elected")
	n.show(t, all[1], "elected", "deposed")

	w.KillCloud()
	eventually(t, "an outage", in(w, zone.InitialHA, all...))
	if err := w.Stop(string(all[0])); err != nil {
		t.Fatal(err)
	}
	if got := n.of(all[0]); !slices.Equal(got, []string{"deposed", "elected", "deposed"}) {
		t.Errorf("after its stop %s has run %q", all[0], got)
	}
	n.show(t, all[1], "elected", "deposed", "elected")
	n.show(t, all[2])
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
	if got := n.of(all[0]); !slices.Equal(got, []string{"deposed"}) {
		t.Errorf("it has run %q", got)
	}
}
