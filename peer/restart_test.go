package peer

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"understudy/wire"
	"understudy/zone"
)

var errNobodyListens = &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// RAS-06: who wakes late decides nothing before its peers have answered. What was asked
// before is no answer, though it comes after: the peer may run by now.
func TestRefusalFromBeforeARestartIsNoAnswer(t *testing.T) {
	for name, refuse := range map[string]func(*Mesh, func()){
		"asked when its stream broke": func(m *Mesh, _ func()) { m.Handler().ServeHTTP(httptest.NewRecorder(), brokenStream(t)) },
		"asked by the redial": func(m *Mesh, restart func()) {
			epoch := m.now()
			restart()
			m.link("cc02").judge(epoch, errNobodyListens)
		},
	} {
		t.Run(name, func(t *testing.T) {
			restarts := true
			var m *Mesh
			restart := func() {
				if restarts {
					m.Restart()
				}
			}
			m = speaker(t, func(context.Context, string, string) (net.Conn, error) {
				restart()
				return nil, errNobodyListens
			})
			refuse(m, restart)
			if s := m.Sights(time.Now())[0]; s.Answered || s.Link != LinkNever {
				t.Errorf("after the restart %s: answered %t, %s", s.Link, s.Answered, s.Reason)
			}
			restarts = false
			refuse(m, restart)
			if s := m.Sights(time.Now())[0]; !s.Answered || s.Link != LinkStopped {
				t.Errorf("without one %s: answered %t, want that nobody listens there", s.Link, s.Answered)
			}
		})
	}
}

// brokenStream is one of cc02 that ends after its first line.
func brokenStream(t *testing.T) *http.Request {
	t.Helper()
	line, err := json.Marshal(wire.Facts{FQDN: "cc02", Site: "example", Zone: "west", Protocol: wire.PeerProtocol, Boot: "b", State: zone.Normal})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, factsPath, strings.NewReader(string(line)+"\n"))
	r.Header.Set(wire.HeaderConnector, "cc02")
	return r
}
