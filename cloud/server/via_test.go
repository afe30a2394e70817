package server_test

import (
	"net/http"
	"testing"

	"understudy/site"
	"understudy/wire"
)

// NEW-03: a peer's token is good for those of its zone for whom it passes requests on,
// and marked; nobody speaks for another zone's connector, nor unmarked.
func TestTokenOfAPeer(t *testing.T) {
	s := start(t, t.TempDir())
	published := exampleSite()
	published.Zones = append(published.Zones, site.Zone{Name: "west"})
	published.Connectors = append(published.Connectors, site.Connector{
		FQDN: "cc3.example", Zone: "west", ClientURL: "https://cc3.example:7480", PeerURL: "https://cc3.example:7489",
	})
	if _, err := s.client(t, adminSecret, "").PutSite(t.Context(), published, site.Version{}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		as, via site.FQDN
		secret  string
		want    int
	}{
		"a peer speaks":           {"cc2.example", "cc1.example", boundSecret, http.StatusNotFound},
		"with a common token too": {"cc2.example", "cc1.example", connectorSecret, http.StatusNotFound},
		"another's token":         {"cc1.example", "cc2.example", boundSecret, http.StatusForbidden},
		"of another zone":         {"cc2.example", "cc3.example", connectorSecret, http.StatusForbidden},
		"nobody known":            {"cc2.example", "cc9.example", connectorSecret, http.StatusForbidden},
		"for itself":              {"cc1.example", "cc1.example", boundSecret, http.StatusForbidden},
	} {
		header := http.Header{wire.HeaderVia: {string(c.via)}}
		resp, err := s.client(t, c.secret, c.as).Forward(t.Context(), http.MethodGet, "/vda/v1/registrations/x", header, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
}
