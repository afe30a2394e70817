package agent

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/wire"
	"understudy/zone"
)

// ready is the answer of /readyz: what is not ready, by name.
type ready struct {
	Ready    bool     `json:"ready"`
	NotReady []string `json:"not_ready"`
}

// healthRoutes are answered locally in every state.
func (a *Agent) healthRoutes(r chi.Router) {
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	r.Get("/readyz", a.readyz)
	r.Get("/health/elected", a.check(a.checkElected))
	r.Get("/health/broker", a.check(a.checkBroker))
	r.Get("/health/sta", a.check(a.checkBroker))
	r.Get("/health/relay", a.check(a.checkRelay))
}

func (a *Agent) readyz(w http.ResponseWriter, _ *http.Request) {
	out := ready{NotReady: []string{}}
	s := a.stance.Load()
	if s.starting {
		out.NotReady = append(out.NotReady, "peers: not heard yet")
	}
	if _, ok := a.ownVersion(); !ok {
		out.NotReady = append(out.NotReady, "snapshot: none is usable")
	}
	if h := a.relay.Health(); !h.Checked && !s.state.HA() {
		out.NotReady = append(out.NotReady, "relay: no health check has finished")
	}
	out.NotReady = append(out.NotReady, a.overCertificates()...)
	if why := a.disk.why(time.Now()); why != "" {
		out.NotReady = append(out.NotReady, "disk: "+why)
	}
	out.Ready = len(out.NotReady) == 0
	status := http.StatusOK
	if !out.Ready {
		status = http.StatusServiceUnavailable
	}
	wire.WriteJSON(w, status, out)
}

// check answers 200, or 503 with the reason. `max_config_age` also fails where
// the snapshot is older.
func (a *Agent) check(why func(*stance) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reason := why(a.stance.Load())
		if reason == "" {
			var err error
			if reason, err = a.tooOld(r.URL.Query().Get("max_config_age")); err != nil {
				wire.WriteError(w, err)
				return
			}
		}
		if reason != "" {
			wire.WriteError(w, wire.NewProblem(http.StatusServiceUnavailable, wire.CodeRefused, reason))
			return
		}
		wire.WriteJSON(w, http.StatusOK, map[string]bool{"ok": true})
	}
}

func (a *Agent) tooOld(limit string) (string, error) {
	if limit == "" {
		return "", nil
	}
	most, err := time.ParseDuration(limit)
	if err != nil {
		return "", wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "max_config_age %q is not a duration such as 10m", limit)
	}
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return "there is no usable snapshot", nil
	}
	defer snapshot.Release()
	if age := a.o.Env.Now().Sub(snapshot.Imported); age > most && a.lastSyncAge() > most {
		return fmt.Sprintf("the configuration was last confirmed %s ago", a.lastSyncAge().Round(time.Second)), nil
	}
	return "", nil
}

func (a *Agent) checkElected(s *stance) string {
	if s.starting || s.elected != s.self {
		return fmt.Sprintf("%q is elected", s.elected)
	}
	return ""
}

func (a *Agent) checkBroker(s *stance) string {
	if v := s.judge(time.Now()); v.refuse != nil {
		return v.refuse.Error()
	}
	return ""
}

func (a *Agent) checkRelay(s *stance) string {
	if s.starting || s.state != zone.Normal {
		return "the state is " + string(s.state)
	}
	switch h := a.relay.Health(); {
	case !h.Checked:
		return "no health check has finished yet"
	case !h.Healthy:
		return h.Reason
	}
	return ""
}
