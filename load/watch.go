package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"understudy/env"
	"understudy/wire"
)

// watch asks every connector for a StoreFront's heartbeat, often enough to time a
// takeover, and tells of each change of who serves.
type watch struct {
	o      Options
	client *http.Client
	ledger *ledger
	epochs chan Epoch

	mu      sync.Mutex // guards tracker
	tracker *tracker
}

// The pace of the watch; its answers are as exact as that.
const (
	watchEvery = 10 * time.Millisecond
	watchTime  = 2 * time.Second
)

func newWatch(o Options, l *ledger) *watch {
	return &watch{
		o: o, client: &http.Client{Transport: o.Env.Transport(env.Fixed(o.TLS)), Timeout: watchTime}, ledger: l,
		epochs: make(chan Epoch, 64), tracker: newTracker(),
	}
}

func (w *watch) run(ctx context.Context) {
	defer w.client.CloseIdleConnections()
	var watchers sync.WaitGroup
	for _, url := range w.o.Connectors {
		watchers.Go(func() { w.follow(ctx, strings.TrimSuffix(url, "/")) })
	}
	watchers.Wait()
}

func (w *watch) follow(ctx context.Context, url string) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		s := w.look(ctx, url)
		if ctx.Err() == nil {
			w.take(ctx, time.Now(), s)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look asks once.
func (w *watch) look(ctx context.Context, url string) sighting {
	s := sighting{url: url}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/storefront/v1/heartbeat", nil)
	if err != nil {
		return s
	}
	if w.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+w.o.Key)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return s
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.refused = wire.ReadProblem(resp).Code
		return s
	}
	var beat wire.FrontHeartbeat
	if json.NewDecoder(io.LimitReader(resp.Body, wire.MaxBody)).Decode(&beat) != nil {
		return s
	}
	s.answered, s.connector, s.state, s.serving = true, beat.Connector, beat.State, beat.Serving
	return s
}

// take judges one sighting.
func (w *watch) take(ctx context.Context, now time.Time, s sighting) {
	w.ledger.know(s.connector)
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.tracker.see(now, s) {
		return
	}
	_, reached := w.ledger.registered()
	e := Epoch{at: now, reachedBefore: reached, Stage: w.tracker.now.stage, Server: w.tracker.now.server}
	if from, gap, ok := w.tracker.gap(now); ok {
		e.TookOverFrom, e.Gap = from, secondsOf(gap)
	}
	w.ledger.begin(now, e.Server, e.Stage == ByCloud || e.Stage == ByConnector)
	select {
	case w.epochs <- e:
	case <-ctx.Done():
	}
}

// sentence tells people of a change.
func (e Epoch) sentence() string {
	switch e.Stage {
	case ByCloud:
		return "-- the cloud broker serves"
	case Cut:
		return "-- the zone does not reach the cloud broker"
	case ByConnector:
		if e.TookOverFrom != "" {
			return fmt.Sprintf("-- %s took over from %s after %.0f ms", e.Server, e.TookOverFrom, float64(e.Gap)*1000)
		}
		return fmt.Sprintf("-- %s serves: HA mode", e.Server)
	case Nobody:
		return "-- nobody serves"
	case Unknown:
	}
	return "-- no connector answers"
}
