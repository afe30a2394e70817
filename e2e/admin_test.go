//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/console/client"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// askLimit is how long one question to an admin API may take.
const askLimit = 5 * time.Second

// admin asks a connector's admin API. An address unix:PATH also reaches a
// connector in a network namespace.
type admin struct {
	t       testing.TB
	address string
	data    string // the connector's data folder, where its token is
	token   string
	made    *client.Client // with that token
}

// adminOf returns the operator of a connector, which need not run yet.
func adminOf(t testing.TB, address, data string) *admin {
	t.Helper()
	return &admin{t: t, address: address, data: data}
}

// Status returns what the connector says of itself.
func (a *admin) Status() (wire.Status, error) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), askLimit)
	defer cancel()
	return a.client().Status(ctx)
}

// Shows waits until the connector's status fits, and returns it.
func (a *admin) Shows(deadline time.Duration, what string, fits func(wire.Status) error) wire.Status {
	a.t.Helper()
	var last wire.Status
	eventually(a.t, deadline, a.address+" shows "+what, func() error {
		var err error
		if last, err = a.Status(); err != nil {
			return err
		}
		return fits(last)
	})
	return last
}

// Reaches waits until the connector is in the state.
func (a *admin) Reaches(deadline time.Duration, state zone.State) wire.Status {
	a.t.Helper()
	return a.Shows(deadline, "state "+string(state), func(s wire.Status) error {
		if s.State != state {
			return fmt.Errorf("it is in %s since %s: %s", s.State, s.Since.Format(time.TimeOnly), s.Reason)
		}
		return nil
	})
}

// Elects waits until the connector sees that one elected.
func (a *admin) Elects(deadline time.Duration, name site.FQDN) wire.Status {
	a.t.Helper()
	return a.Shows(deadline, "elected "+string(name), func(s wire.Status) error {
		if s.Election.Elected != name {
			return fmt.Errorf("it sees %q elected: %s", s.Election.Elected, s.Election.Reason)
		}
		return nil
	})
}

// Outage gives an order to force or clear an outage.
func (a *admin) Outage(action, reason string) wire.OutageAnswer {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), askLimit)
	defer cancel()
	answer, err := a.client().Outage(ctx, wire.OutageOrder{Action: action, Reason: reason, By: "e2e"})
	if err != nil {
		a.t.Fatalf("%s an outage at %s: %v", action, a.address, err)
	}
	return answer
}

// client reads the token each time, because a connector makes it at its first start.
func (a *admin) client() *client.Client {
	a.t.Helper()
	token, err := os.ReadFile(filepath.Join(a.data, "admin.token"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.t.Fatal(err)
	}
	if a.made != nil && a.token == string(token) {
		return a.made
	}
	a.token = string(token)
	a.made, err = client.New(client.Options{Env: env.Real(), Address: a.address, Token: strings.TrimSpace(a.token)})
	if err != nil {
		a.t.Fatal(err)
	}
	return a.made
}

func TestAdminWaitsForAState(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s := wire.Status{State: zone.PendingHA, Election: wire.ElectionStatus{Elected: "cc01.example.test"}}
		if asked++; asked > 2 {
			s.State = zone.InitialHA
		}
		_ = json.NewEncoder(w).Encode(s)
	}))
	defer server.Close()
	a := adminOf(t, server.URL, t.TempDir())
	a.Reaches(soon, zone.InitialHA)
	a.Elects(soon, "cc01.example.test")
	if asked < 3 {
		t.Errorf("got %d questions, want it to go on asking", asked)
	}
	refused := fails(t, func(t testing.TB) {
		t.Helper()
		adminOf(t, server.URL, "").Elects(2*poll, "cc02.example.test")
	})
	if !refused {
		t.Error("a connector that sees another elected did not fail the test")
	}
}
