//go:build linux

package bench_test

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// measureSync asks a real cloud broker for a configuration that has not changed, and for
// the whole.
func measureSync(l *lab) {
	s := l.newStand(1, func(c ...site.Connector) *site.Site { return bigSite(*options.machines, c...) })
	c := need(cloud.New(cloud.Options{Env: env.Real(), URL: "http://" + s.cloud.ip + ":7443", Site: "bench", Token: env.Always("connectors-of-the-bench-0001"), Timeout: time.Minute}))
	defer c.Close()
	until("the connector shows its snapshot", time.Minute, func() bool { return s.status(s.zone[0]).Snapshot != nil })
	digest := s.status(s.zone[0]).Snapshot.Digest
	var p pairs
	body, whole := int64(0), int64(0)
	for range *options.rounds {
		began := time.Now()
		body = l.configuration(c, http.StatusNotModified, http.Header{"If-None-Match": {`"` + digest + `"`}})
		unchanged := time.Since(began)
		began = time.Now()
		whole = l.configuration(c, http.StatusOK, nil)
		p.add(ms(unchanged), ms(time.Since(began)))
	}
	l.table.add(row{
		Name: "unchanged sync: body", Value: float64(body), Unit: "bytes",
		Against: fmt.Sprintf("the whole of %s MB in %s ms; the unchanged is answered in %s ms", short(float64(whole)/(1<<20)), short(median(p.peer)), short(median(p.ours))),
	}, noMoreThan(0, "bytes"))
}

// configuration returns the length of the body of an answer of that status.
func (l *lab) configuration(c *cloud.Client, status int, header http.Header) int64 {
	resp, err := c.Forward(l.ctx, http.MethodGet, "/cloud/v1/sites/bench/configuration", header, nil)
	must(err)
	defer resp.Body.Close()
	if resp.StatusCode != status {
		panic(stop{fmt.Errorf("get the configuration: %w", wire.ReadProblem(resp))})
	}
	return need(io.Copy(io.Discard, resp.Body))
}
