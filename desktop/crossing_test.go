package desktop

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

type forgetful struct{}

// Save keeps nothing.
func (forgetful) Save(State) error { return nil }

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip answers a request.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func silent() *logrus.Logger {
	log := logrus.New()
	log.SetOutput(io.Discard)
	return log
}

func registering(m *machine, answer roundTrip) *registrar {
	return &registrar{
		machine: m, random: rand.Reader, groups: [][]string{{"http://c1"}},
		rounds: rounds{timeout: time.Second, notBefore: map[string]time.Time{}, client: &http.Client{Transport: answer}},
	}
}

// LHC-31, LHC-37: a prepare of the former broker that crosses a registration is
// told to the new one with the next heartbeat.
func TestAPrepareThatCrossesARegistrationIsTold(t *testing.T) {
	m := newMachine(&machine{
		name: "p1", arbiter: Arbiter{Capacity: 1}, store: forgetful{}, provider: &Simulated{Machine: "p1"}, gate: env.Real().Gate, wall: time.Now, log: silent(),
	}, State{Machine: "p1", Lease: "old", Term: 3})
	var told strings.Builder
	r := registering(m, func(q *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(q.Body)
		told.Write(body)
		if q.Method == http.MethodPost {
			_, prepared := m.prepare(t.Context(), wire.Prepare{Lease: "old", Term: 3, Session: "s1", User: "ada"})
			err = errors.Join(err, prepared)
		}
		lease, marshalled := json.Marshal(wire.Lease{Lease: "new", Term: 4, Interval: site.Duration(time.Minute)})
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(lease)))}, errors.Join(err, marshalled)
	})
	for range 2 {
		if err := r.tell(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.due = time.Now()
	}
	if !strings.Contains(told.String(), "ada") {
		t.Errorf("the new broker never hears of the reservation: %s", told.String())
	}
}

// Design 9: secrets are never logged; a lease is one.
func TestErrorsDoNotNameTheLease(t *testing.T) {
	r := registering(nil, func(*http.Request) (*http.Response, error) { return nil, errors.New("no route") })
	err := r.send(t.Context(), "http://c1", request{method: http.MethodPut, path: "/vda/v1/registrations/secretlease"})
	if err == nil || strings.Contains(err.Error(), "secretlease") {
		t.Errorf("got %v", err)
	}
}

// LHC-25: a desktop for one user at a time takes no second one, whatever capacity
// its host is configured with.
func TestSingleOutranksTheConfiguredCapacity(t *testing.T) {
	a := Arbiter{Capacity: 10}
	s := State{Machine: "p1", Lease: "l", Term: 1}
	ask := func(user string, single bool) wire.Prepare {
		return wire.Prepare{Lease: "l", Term: 1, Session: "of " + user, User: user, Reuse: true, Single: single, Life: site.Duration(time.Minute)}
	}
	s, _, err := a.Prepare(time.Now(), s, Ask{Prepare: ask("ada", true)})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Prepare(time.Now(), s, Ask{Prepare: ask("bob", true)}); !wire.IsCode(err, wire.CodeBusy) {
		t.Errorf("a second user: got %v, want busy", err)
	}
	if _, _, err := a.Prepare(time.Now(), s, Ask{Prepare: ask("bob", false)}); err != nil {
		t.Errorf("a multi-session host: %v", err)
	}
}
