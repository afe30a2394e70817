package peer

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// ADC-04: "Mirroring works between versions that can understand each other, and is
// refused otherwise, with a reason": so is all that is copied.
func TestRequestsOfAnotherMajorVersion(t *testing.T) {
	m, err := New(Options{Env: env.Real(), Self: "c1", Site: "s", Zone: "z"})
	if err != nil {
		t.Fatal(err)
	}
	m.book.set(time.Now(), []site.FQDN{"c2", "c3", "c4"})
	m.book["c2"].facts.Protocol, m.book["c3"].facts.Protocol = "2.0", "1.7"
	h := m.Alike(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	for name, want := range map[string]int{"c2": http.StatusConflict, "C2.": http.StatusConflict, "c3": http.StatusNoContent, "c4": http.StatusNoContent, "c5": http.StatusNoContent} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/peer/v1/snapshot", nil)
		r.Header.Set(wire.HeaderConnector, name)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", name, w.Code, want)
		}
		if p := wire.ReadProblem(w.Result()); want == http.StatusConflict && p.Code != wire.CodeVersion {
			t.Errorf("%s: refused with %v", name, p)
		}
	}
}
