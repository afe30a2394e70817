package sim

import (
	"net/http"
	"sync"
	"time"

	"understudy/env"
)

// misbehaviour is what stands before the cloud broker.
type misbehaviour struct {
	seed uint64

	mu      sync.Mutex // guards what follows
	slow    time.Duration
	errors  uint64 // of 100 requests
	garbage uint64
}

func (m *misbehaviour) set(do func(*misbehaviour)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do(m)
}

func (m *misbehaviour) now() (time.Duration, uint64, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.slow, m.errors, m.garbage
}

// wrap lets some of the requests go wrong; which ones hangs on what is asked, and
// when.
func (m *misbehaviour) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		slow, errors, garbage := m.now()
		about := hash(m.seed, hashText(q.Method+q.URL.Path+q.Header.Get("Understudy-Connector")), uint64(now()))
		switch {
		case about%100 < errors:
			http.Error(w, "something is wrong", http.StatusInternalServerError)
			return
		case about>>8%100 < garbage:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<html>welcome to the hotel's network</html>"))
			return
		case slow > 0 && env.Sleep(q.Context(), slow) != nil:
			return
		}
		next.ServeHTTP(w, q)
	})
}
