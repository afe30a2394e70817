package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"understudy/agent"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// probeEvery is how often a StoreFront asks every connector of its zone on its own
// account, and probePatience how long it waits for an answer.
const (
	probeEvery    = 3 * time.Second
	probePatience = 2 * time.Second
)

// probes lets each zone's StoreFront ask every connector that is in HA mode, the
// elected one and the others (LHC-22).
func (w *watch) probes(v *view) {
	if v.now.Before(w.probe) {
		return
	}
	w.probe = v.now.Add(probeEvery)
	for _, z := range w.run.world.Zones() {
		for _, name := range w.zones[z].up {
			if v.connectors[name].State.HA() {
				w.run.task(func() { w.ask(z, name, v.now) })
			}
		}
	}
}

// ask compares one answer with what the connector believes before and after it.
func (w *watch) ask(z string, name site.FQDN, at time.Time) {
	r := w.run
	if env.Sleep(r.ctx, r.odd("probe "+string(name), uint64(at.UnixNano()), 20*time.Millisecond)) != nil || r.isDown(string(name)) {
		return
	}
	a := r.world.Agent(name)
	before := a.Observe()
	c, _ := site.NewIndex(r.first).Connector(name)
	err := r.request(storeName(z), c.ClientURL+"/storefront/v1/resources", wire.ResourcesRequest{User: userName(1)})
	if r.isDown(string(name)) || r.world.Agent(name) != a || r.isPaused(name) || r.ctx.Err() != nil {
		return
	}
	after := a.Observe()
	if !same(before, after) || !after.State.HA() {
		return
	}
	if why := wrongAnswer(after, err); why != "" {
		w.broken(ruleRefuses, fmt.Sprintf("%s %s", name, why))
	}
}

func same(a, b agent.Observed) bool {
	return a.State == b.State && a.Starting == b.Starting && a.Elected == b.Elected && a.Accepts == b.Accepts && a.Record.Number == b.Record.Number
}

// wrongAnswer says what is wrong with an answer; empty: nothing.
func wrongAnswer(o agent.Observed, err error) string {
	problem, refused := errors.AsType[*wire.Problem](err)
	switch {
	case err != nil && !refused:
		return "" // a network that fails, or a pause
	case o.Accepts && refused && problem.Code == wire.CodeNotElected:
		return "refuses though it is elected: " + problem.Detail
	case o.Accepts:
		return ""
	case !refused:
		return fmt.Sprintf("answers in HA mode though %q is elected", o.Elected)
	case problem.Code == wire.CodeNotElected && problem.Elected != o.Elected:
		return fmt.Sprintf("names %q as elected, and believes that %q is", problem.Elected, o.Elected)
	case !slices.Contains([]string{wire.CodeNotElected, wire.CodeNoQuorum, wire.CodeStarting, wire.CodeHandover}, problem.Code):
		return "refuses with " + problem.Code + ": " + problem.Detail
	}
	return ""
}

// request is one request of a zone's StoreFront host.
func (r *run) request(z, url string, in any) error {
	ctx, cancel := context.WithTimeout(r.ctx, probePatience)
	defer cancel()
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DialContext: r.hosts[z].life.dial, DisableKeepAlives: true}}
	answer, err := client.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return wire.ReadProblem(answer)
	}
	return nil
}
