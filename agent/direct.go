package agent

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// direct serves the routes whose paths have no parameters past the router, which copies
// each request to keep those with it: enumerations and registrations come by the
// thousand. All else is the router's.
type direct struct {
	routes map[routeKey]http.Handler
	router http.Handler
}

type routeKey struct{ method, path string }

func newDirect(router chi.Router) direct {
	d := direct{routes: map[routeKey]http.Handler{}, router: router}
	// It fails only where what it calls does.
	_ = chi.Walk(router, func(method, path string, h http.Handler, around ...func(http.Handler) http.Handler) error {
		if !strings.ContainsAny(path, "{*") {
			d.routes[routeKey{method, path}] = chi.Chain(around...).Handler(h)
		}
		return nil
	})
	return d
}

// ServeHTTP answers a request. The router goes by the path as it was sent, where that has
// escapes.
func (d direct) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, found := d.routes[routeKey{r.Method, r.URL.Path}]
	if !found || r.URL.RawPath != "" {
		h = d.router
	}
	h.ServeHTTP(w, r)
}
