package agent

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
)

// Design 8: whichever way a request takes, past the router or through it, it meets the
// same checks and gets the same answer.
func TestDirectIsTheRouter(t *testing.T) {
	router := newRouter()
	guarded := 0
	router.Get("/open", answering("open"))
	router.Group(func(r chi.Router) {
		r.Use(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { guarded++; next.ServeHTTP(w, r) })
		})
		r.Post("/things", answering("things"))
		r.Put("/things/{name}", func(w http.ResponseWriter, r *http.Request) { answering(chi.URLParam(r, "name"))(w, r) })
		r.Post("/fault", func(http.ResponseWriter, *http.Request) { panic("a fault of ours") })
	})
	d := newDirect(router)
	for _, tt := range []struct {
		method, target string
		status         int
		guarded        int
	}{
		{"POST", "/things", 200, 1},
		{"POST", "/things?dry_run=true", 200, 1},
		{"PUT", "/things/a", 200, 1},
		{"GET", "/open", 200, 0},
		{"HEAD", "/open", 405, 0},
		{"GET", "/things", 405, 0},
		{"POST", "/things/", 404, 0},
		{"POST", "/%74hings", 404, 0},
		{"POST", "/fault", 500, 1},
	} {
		var bodies [2]string
		for i, h := range []http.Handler{d, router} {
			guarded = 0
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(tt.method, tt.target, nil))
			if w.Code != tt.status || guarded != tt.guarded {
				t.Errorf("%s %s, way %d: got %d, guarded %d; want %d, %d", tt.method, tt.target, i, w.Code, guarded, tt.status, tt.guarded)
			}
			bodies[i] = w.Body.String()
		}
		if bodies[0] != bodies[1] {
			t.Errorf("%s %s: got %q, want %q", tt.method, tt.target, bodies[0], bodies[1])
		}
	}
}

func answering(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// Issue 4: what comes by the thousand has no copy of each request made.
func TestDirectGoesPastTheRouter(t *testing.T) {
	d := (&Agent{}).clientRoutes().(direct)
	for _, path := range []string{"/storefront/v1/resources", "/storefront/v1/sessions", "/vda/v1/registrations"} {
		if d.routes[routeKey{http.MethodPost, path}] == nil {
			t.Errorf("%s goes through the router", path)
		}
	}
}
