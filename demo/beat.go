package demo

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"understudy/site"
	"understudy/wire"
)

// beat is what one connector answered a StoreFront's heartbeat.
type beat struct {
	serving bool
	code    string
	elected site.FQDN
	reason  string
}

// beats asks every connector that runs.
func (s *stage) beats(ctx context.Context) map[site.FQDN]beat {
	client := &http.Client{Transport: s.o.Env.Transport(nil), Timeout: 2 * time.Second}
	defer client.CloseIdleConnections()
	out := map[site.FQDN]beat{}
	for _, c := range s.world.Connectors() {
		out[c.FQDN] = ask(ctx, client, c.ClientURL)
	}
	return out
}

func ask(ctx context.Context, client *http.Client, url string) beat {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/storefront/v1/heartbeat", nil)
	if err != nil {
		return beat{reason: err.Error()}
	}
	resp, err := client.Do(r)
	if err != nil {
		return beat{reason: err.Error()}
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		p := wire.ReadProblem(resp)
		return beat{code: p.Code, elected: p.Elected, reason: p.Error()}
	}
	var h wire.FrontHeartbeat
	if err := json.NewDecoder(io.LimitReader(resp.Body, wire.MaxBody)).Decode(&h); err != nil {
		return beat{reason: err.Error()}
	}
	return beat{serving: h.Serving, elected: h.Elected, reason: "it is in " + string(h.State)}
}
