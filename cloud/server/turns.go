package server

import (
	"net/http"
	"sync"
	"time"

	"understudy/wire"
)

// DefaultRegistrationRate is how many registrations are taken a second: as many as a
// connector calls in.
const DefaultRegistrationRate = 2000

// longestTurn bounds for how long anybody is sent away.
const longestTurn = time.Minute

// turns bounds how many registrations are taken a second, and gives those that are too
// many turns one after the other: when a zone comes back from an outage, all of its
// desktops come at once (NEW-02).
type turns struct {
	rate float64

	mu   sync.Mutex // guards what follows
	room float64    // registrations that may come now, at most a second's
	at   time.Time  // as of when
	last time.Time  // the latest turn that was given
}

func newTurns(rate int) *turns { return &turns{rate: float64(rate), room: float64(rate)} }

// take returns after how long to come back; zero: now is right.
func (q *turns) take(now time.Time) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.at.IsZero() {
		q.room = min(q.rate, q.room+now.Sub(q.at).Seconds()*q.rate)
	}
	q.at = now
	if q.room >= 1 {
		q.room--
		return 0
	}
	if q.last.Before(now) {
		q.last = now
	}
	q.last = q.last.Add(time.Duration(float64(time.Second) / q.rate))
	if wait := q.last.Sub(now); wait < longestTurn {
		return wait
	}
	q.last = now.Add(longestTurn)
	return longestTurn
}

// inTurn sends registrations away that are too many, before they cost anything.
func (s *Server) inTurn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/vda/v1/registrations" {
			if wait := s.turns.take(time.Now()); wait > 0 {
				p := wire.NewProblem(http.StatusTooManyRequests, wire.CodeTooMany, "the cloud broker takes no more registrations just now")
				p.RetryAfter = wait
				wire.WriteError(w, p)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
