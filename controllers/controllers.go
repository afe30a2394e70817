// Package controllers is a site's own controllers, which speak XML Service and STA, in
// the place of the cloud broker: requests in XML are passed on to the first of them that
// answers, and their health is that one of them names the farm and can check
// credentials. It decides nothing about outages: relay judges what comes back.
package controllers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"understudy/env"
)

// DefaultBypass is for how long a controller that failed comes last.
const DefaultBypass = 30 * time.Second

// Options say which controllers there are.
type Options struct {
	Env env.Env
	// Servers are their URLs, the best first.
	Servers []string
	// Farm is the name that they have to give.
	Farm string
	// User, Password and Domain, if set, are checked by each health request.
	User, Password, Domain string
	// TLS is for servers with https URLs.
	TLS env.TLS
	// Bypass is for how long one that failed comes last; 0 means DefaultBypass.
	Bypass time.Duration
	// OnServer hears when another controller answers than before, and why; OnRefused,
	// once, that the health request's own credentials are refused. They must not block.
	OnServer  func(url, reason string)
	OnRefused func(reason string)
}

func (o Options) validate() error {
	switch {
	case len(o.Servers) == 0:
		return errors.New("controllers: Servers names none")
	case o.Farm == "":
		return errors.New("controllers: Farm is missing")
	case o.User == "" && o.Password+o.Domain != "":
		return errors.New("controllers: Password or Domain without User")
	case o.Bypass < 0:
		return fmt.Errorf("controllers: Bypass %s is negative", o.Bypass)
	}
	for _, s := range o.Servers {
		if u, err := url.Parse(s); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("controllers: Servers: %q is not an http or https URL", s)
		}
	}
	return o.Env.Validate()
}

// Pool is the controllers of a site. It is safe for concurrent use.
type Pool struct {
	o    Options
	http *http.Transport

	mu      sync.Mutex // guards all below
	servers []*server  // in their order
	used    *server    // the one that answered last
	refused string     // what was told of the own credentials
}

// server is one controller.
type server struct {
	url   string
	until time.Time // comes last until then
	why   string
}

// New returns the pool. It opens no connection yet.
func New(o Options) (*Pool, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Bypass == 0 {
		o.Bypass = DefaultBypass
	}
	if o.OnServer == nil {
		o.OnServer = func(string, string) {}
	}
	if o.OnRefused == nil {
		o.OnRefused = func(string) {}
	}
	p := &Pool{o: o, http: env.Alive(o.Env.Transport(o.TLS))}
	for _, s := range o.Servers {
		p.servers = append(p.servers, &server{url: strings.TrimSuffix(s, "/")})
	}
	return p, nil
}

// Close drops the idle connections.
func (p *Pool) Close() { p.http.CloseIdleConnections() }

// order is the servers as they are asked now: those that failed lately come last.
func (p *Pool) order(now time.Time) []*server {
	p.mu.Lock()
	defer p.mu.Unlock()
	var good, bad []*server
	for _, s := range p.servers {
		if now.Before(s.until) {
			bad = append(bad, s)
		} else {
			good = append(good, s)
		}
	}
	return append(good, bad...)
}

// failed lets a server come last for a while.
func (p *Pool) failed(now time.Time, s *server, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.until, s.why = now.Add(p.o.Bypass), why.Error()
}

// answered notes who answers, and tells where that is another one than before.
func (p *Pool) answered(s *server) {
	p.mu.Lock()
	s.until = time.Time{}
	before := p.used
	p.used = s
	why := ""
	if before != nil && before != s {
		why = "it answers again"
		if before.why != "" {
			why = before.url + ": " + before.why
		}
		before.why = ""
	}
	p.mu.Unlock()
	if before != s {
		p.o.OnServer(s.url, why)
	}
}
