package console_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"understudy/console/client"
	"understudy/env"
	"understudy/events"
	"understudy/wire"
	"understudy/zone"
)

func newClient(t testing.TB, address, bearer string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Env: env.Real(), Address: address, Token: bearer})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func me(t testing.TB, c *client.Client) string {
	t.Helper()
	account, err := c.Whoami(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return account.Name
}

// The client and the API pass each other everything, over TCP and by the socket.
func TestClientGetsEveryAnswer(t *testing.T) {
	told := &story{}
	told.add(events.Started, events.Elected, events.StateChanged)
	for network, address := range map[string]string{
		"tcp": "http://" + serve(t, "tcp", told), "unix": "unix:" + serve(t, "unix", told),
	} {
		t.Run(network, func(t *testing.T) {
			bearer := token
			if network == "unix" {
				bearer = ""
			}
			c, ctx := newClient(t, address, bearer), t.Context()
			if s, err := c.Status(ctx); err != nil || s.State != zone.ExtendedHA {
				t.Errorf("status %+v, %v", s, err)
			}
			if l, err := c.Peers(ctx); err != nil || len(l.Items) != 1 {
				t.Errorf("peers %+v, %v", l, err)
			}
			if l, err := c.Registrations(ctx); err != nil || l.Note != "not serving" {
				t.Errorf("registrations %+v, %v", l, err)
			}
			if _, err := c.Sessions(ctx); err != nil {
				t.Error(err)
			}
			if l, err := c.Groups(ctx); err != nil || len(l.Items) != 1 || l.Items[0].Name != "farm" {
				t.Errorf("groups %+v, %v", l, err)
			}
			if l, err := c.SessionPeaks(ctx, 7); err != nil || len(l.Items) != 1 || l.Items[0].Sessions != 7 {
				t.Errorf("peaks %+v, %v", l, err)
			}
			if _, err := c.SessionPeaks(ctx, 401); !wire.IsCode(err, wire.CodeBadRequest) {
				t.Errorf("401 days: %v", err)
			}
			if _, err := c.Snapshots(ctx); err != nil {
				t.Error(err)
			}
			if l, err := c.Events(ctx, -1, 2); err != nil || len(l) != 2 || l[0].Event != events.Elected {
				t.Errorf("events %+v, %v", l, err)
			}
			a, err := c.Outage(ctx, wire.OutageOrder{Action: "force", By: "ada"})
			by := "ada"
			if network == "unix" {
				by = me(t, c) // the kernel says who, whatever the order says
			}
			if err != nil || a.Record.Reason != "force by "+by {
				t.Errorf("outage %+v, %v", a, err)
			}
			_, err = c.Outage(ctx, wire.OutageOrder{Action: "force", Reason: "no snapshot"})
			if !wire.IsCode(err, wire.CodeRefused) {
				t.Errorf("refusal %v", err)
			}
			e, err := c.Election(ctx, wire.ElectionOrder{Action: wire.Drain, By: "ada"})
			if err != nil || !e.Election.Draining || e.Election.Reason != "drain by "+by {
				t.Errorf("election %+v, %v", e, err)
			}
			if d, err := c.SnapshotDiff(ctx); err != nil || d.Kinds[0].Removed != 3 {
				t.Errorf("diff %+v, %v", d, err)
			}
			if o, err := c.OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.AcceptSnapshot}); err != nil || o.Version.Number != 3 {
				t.Errorf("order %+v, %v", o, err)
			}
			if _, err = c.OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.RollbackSnapshot}); !wire.IsCode(err, wire.CodeRefused) {
				t.Errorf("refusal %v", err)
			}
			if o, err := c.Reload(ctx, wire.ReloadOrder{}); err != nil || len(o.Changed) != 1 || len(o.Unreadable) != 0 {
				t.Errorf("reload %+v, %v", o, err)
			}
			if _, err = c.OrderSnapshots(ctx, wire.SnapshotOrder{Action: "eat"}); err == nil {
				t.Error("an order of no kind was taken")
			}
			if _, err = c.Election(ctx, wire.ElectionOrder{Action: wire.Promote}); !wire.IsCode(err, wire.CodeRefused) {
				t.Errorf("refusal %v", err)
			}
		})
	}
}

func TestFollowShowsNewEventsAsTheyCome(t *testing.T) {
	told := &story{}
	told.add(events.Started, events.Elected)
	c := newClient(t, "unix:"+serve(t, "unix", told), "")
	ctx, cancel := context.WithCancel(t.Context())
	var seen []events.Name
	err := c.Follow(ctx, -1, 1, func(e events.Entry) error {
		seen = append(seen, e.Event)
		switch e.Event {
		case events.Elected:
			told.add(events.CloudTrouble, events.StateChanged)
		case events.StateChanged:
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended by %v", err)
	}
	if len(seen) != 3 || seen[0] != events.Elected || seen[2] != events.StateChanged {
		t.Errorf("seen %v", seen)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	tests := []struct{ name, address, bearer, want string }{
		{"nobody there", "http://127.0.0.1:1", "", "no connector answers at http://127.0.0.1:1: is the service running?"},
		{"no socket", "unix:/nowhere/admin.sock", "", "UNDERSTUDY_CONNECTOR"},
		{"no token", "http://" + serve(t, "tcp", &story{}), "", "--token-file"},
		{"something else", other.URL, "", "is not a connector"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newClient(t, tt.address, tt.bearer).Status(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
	for _, bad := range []string{"127.0.0.1:7490", "unix:", "https://x", "http://"} {
		if _, err := client.New(client.Options{Env: env.Real(), Address: bad}); err == nil {
			t.Errorf("address %q was taken", bad)
		}
	}
}
