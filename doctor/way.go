package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"understudy/env"
	"understudy/wire"
)

// target is something on another host that is asked once.
type target struct {
	// about says what it is, url where, key where that is configured.
	about, url, key string
	path            string
	header          http.Header
	// name is that of its certificate, ca the file with the authority of it, and token
	// the file with what is shown to it.
	name, ca, token string
	tls             *tls.Config
	// peer says that the others of the zone do without it.
	peer bool
}

// answer are the facts of one question: how far it came, and what came back.
type answer struct {
	target
	err       error
	connected bool
	status    int
	problem   *wire.Problem
	body      []byte
	took      time.Duration
	// date is the other host's clock, ours this one's in the middle of the question.
	date, ours time.Time
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// question asks a target. It follows no redirect and keeps no connection.
func (d *doctor) question(ctx context.Context, t target) answer {
	ctx, cancel := context.WithTimeout(ctx, d.Patience)
	defer cancel()
	a := answer{target: t}
	var connected atomic.Bool
	transport := d.Env.Transport(env.Fixed(t.tls))
	transport.DisableKeepAlives = true
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.Env.Dial(ctx, network, address)
		connected.Store(connected.Load() || err == nil)
		return conn, err
	}
	began, before := time.Now(), d.Env.Now()
	a.send(ctx, transport)
	a.took, a.connected = time.Since(began), connected.Load()
	if a.connected && a.err != nil && t.tls != nil && brokenBy(a.err) == "broken" {
		a.err = d.listenTo(ctx, t, a.err)
	}
	a.ours = before.Add(a.took / 2)
	return a
}

// listenTo connects once more and says nothing: a server that does not like our
// certificate says so after the handshake, and whoever is writing then learns only that
// the connection breaks.
func (d *doctor) listenTo(ctx context.Context, t target, otherwise error) error {
	conn, err := d.Env.Dial(ctx, "tcp", net.JoinHostPort(hostOf(t.url), portOf(t.url)))
	if err != nil {
		return otherwise
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(d.Patience / 2)) // a connection without deadlines ends with what it is asked
	secure := t.tls.Clone()
	if secure.ServerName == "" {
		secure.ServerName = hostOf(t.url)
	}
	_, err = tls.Client(conn, secure).Read(make([]byte, 1))
	if err == nil || timedOut(err) || errors.Is(err, io.EOF) {
		return otherwise
	}
	return err
}

func (a *answer) send(ctx context.Context, transport http.RoundTripper) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+a.path, nil)
	if err != nil {
		a.err = err
		return
	}
	maps.Copy(r.Header, a.header)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		a.err = err
		return
	}
	defer resp.Body.Close()
	a.status = resp.StatusCode
	a.date, _ = http.ParseTime(resp.Header.Get("Date")) // zero where there is none
	if resp.StatusCode/100 != 2 {
		a.problem = wire.ReadProblem(resp)
		return
	}
	a.body, a.err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// places are what a remedy about the target may name.
func (a *answer) places() places {
	return places{
		"host": hostOf(a.url), "port": portOf(a.url), "url": "`" + a.key + "`", "key": "`" + a.key + "`",
		"name": a.name, "ca": a.ca, "token": a.token,
	}
}

// where says from where to where, in words.
func (a *answer) where() string {
	return fmt.Sprintf("from this host to %s port %s", hostOf(a.url), portOf(a.url))
}

// reached says how far a question came: a finding, or that there was an answer.
func (a *answer) reached() (f Finding, answered bool) {
	if a.err == nil {
		return Finding{}, true
	}
	name := a.failure()
	why := inner(a.err).Error()
	switch name {
	case "port_dropped":
		why = "nothing came back within " + a.took.Round(100*time.Millisecond).String()
	case "port_refused":
		why = "connection refused"
		if a.peer {
			name = "peer_off"
		}
	}
	return found(name, a.about, a.where()+": "+why, a.places()), false
}

// failure names what went wrong before there was an answer.
func (a *answer) failure() string {
	if _, ok := errors.AsType[*net.DNSError](a.err); ok {
		return "name_unknown"
	}
	if a.connected {
		return brokenBy(a.err)
	}
	return notConnected(a.err)
}

// inner is an error without the URL around it, which the finding has already.
func inner(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func timedOut(err error) bool {
	waited, ok := errors.AsType[net.Error](err)
	return errors.Is(err, context.DeadlineExceeded) || ok && waited.Timeout()
}
