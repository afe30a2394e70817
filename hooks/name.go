package hooks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"understudy/env"
)

// Defaults of a name in DNS.
const (
	// DefaultTTL is how long others may remember the name.
	DefaultTTL = 30 * time.Second
	// DefaultRefresh is how often the elected connector says again where the name is:
	// in a broken network another one may have taken it.
	DefaultRefresh = 30 * time.Second
	// DefaultUpdateTimeout bounds one update.
	DefaultUpdateTimeout = 5 * time.Second

	firstRetry = time.Second
	// clockLeeway is how far the clocks of both ends may differ, in seconds (RFC 8945).
	clockLeeway = 300
)

// NameOptions are a name in DNS that is to lead to the elected connector, for zones
// that span network segments, where no address can move.
type NameOptions struct {
	Env env.Env
	// Server is the host and port of the primary name server of Zone.
	Server string
	Zone   string
	Name   string
	TTL    time.Duration
	// Addresses are this connector's; without any the name becomes an alias of Alias.
	Addresses []netip.Addr
	Alias     string
	Key       Key
	Timeout   time.Duration
	Refresh   time.Duration
	// Tell hears of the first success of an office and after failures, and of the first
	// failure after a success.
	Tell func(Result)
}

// Name keeps a DNS name at this connector while it is elected, by RFC 2136 updates.
type Name struct {
	o      NameOptions
	latest latest
}

// NewName starts nothing.
func NewName(o NameOptions) *Name {
	for _, d := range []struct {
		value    *time.Duration
		fallback time.Duration
	}{{&o.TTL, DefaultTTL}, {&o.Refresh, DefaultRefresh}, {&o.Timeout, DefaultUpdateTimeout}} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	return &Name{o: o, latest: newLatest()}
}

// Follow says who is elected now; it never waits, and ends an update for an office that
// is over. Who is deposed leaves the name to the next.
func (n *Name) Follow(o Office) { n.latest.put(o) }

// Run keeps the name until ctx ends.
func (n *Name) Run(ctx context.Context) {
	defer n.latest.end()
	for {
		select {
		case <-n.latest.news:
			if o, current, ok := n.latest.take(ctx); ok && o.Elected {
				n.hold(current, o)
			}
		case <-ctx.Done():
			return
		}
	}
}

// hold updates the name again and again, until the office is over.
func (n *Name) hold(ctx context.Context, o Office) {
	var told *bool
	retry := firstRetry
	for {
		began := time.Now()
		err := n.update(ctx)
		if ctx.Err() != nil {
			return
		}
		good := err == nil
		if told == nil || *told != good {
			told = &good
			n.o.Tell(Result{Hook: DNS, Office: o, Detail: n.goal(), Took: time.Since(began), Err: err})
		}
		pause := n.o.Refresh
		if good {
			retry = firstRetry
		} else {
			pause, retry = min(retry, n.o.Refresh), 2*retry
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// goal is what the name is to say.
func (n *Name) goal() string {
	var what []string
	for _, a := range n.o.Addresses {
		what = append(what, a.String())
	}
	if len(what) == 0 {
		what = []string{n.o.Alias}
	}
	return n.o.Name + " is " + strings.Join(what, ", ")
}

func (n *Name) update(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, n.o.Timeout)
	defer cancel()
	inner, err := n.o.Env.Dial(ctx, "tcp", n.o.Server)
	if err != nil {
		return fmt.Errorf("reach the name server: %w", err)
	}
	defer inner.Close()
	defer context.AfterFunc(ctx, func() { _ = inner.Close() })()
	answer, err := n.exchange(inner)
	if ctx.Err() != nil {
		return fmt.Errorf("the name server %s has not answered within %s", n.o.Server, n.o.Timeout)
	}
	if answer != nil && answer.Rcode != dns.RcodeSuccess {
		return refusal(answer)
	}
	return err
}

// exchange returns an answer also where its signature is not good: a server cannot sign
// that it does not know the key.
func (n *Name) exchange(inner net.Conn) (*dns.Msg, error) {
	conn := &dns.Conn{Conn: inner, TsigSecret: map[string]string{n.o.Key.name(): n.o.Key.Secret}}
	if err := conn.WriteMsg(n.message()); err != nil {
		return nil, fmt.Errorf("send the update: %w", err)
	}
	answer, err := conn.ReadMsg()
	if err != nil {
		return answer, fmt.Errorf("read the answer of the name server: %w", err)
	}
	if answer.IsTsig() == nil {
		return answer, errors.New("the answer of the name server is not signed")
	}
	return answer, nil
}

// refusal says why a server did not do it.
func refusal(answer *dns.Msg) error {
	why := dns.RcodeToString[answer.Rcode]
	if t := answer.IsTsig(); t != nil && t.Error != dns.RcodeSuccess {
		why += ", " + dns.RcodeToString[int(t.Error)]
	}
	return fmt.Errorf("the name server refuses the update: %s", why)
}

// message replaces whatever address or alias the name has. Nothing else of the name is
// touched.
func (n *Name) message() *dns.Msg {
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(n.o.Zone))
	var old []dns.RR
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME} {
		old = append(old, &dns.ANY{Hdr: n.header(kind)})
	}
	m.RemoveRRset(old)
	m.Insert(n.records())
	m.SetTsig(n.o.Key.name(), n.o.Key.algorithm(), clockLeeway, n.o.Env.Now().Unix())
	return m
}

func (n *Name) records() []dns.RR {
	if len(n.o.Addresses) == 0 {
		return []dns.RR{&dns.CNAME{Hdr: n.header(dns.TypeCNAME), Target: dns.Fqdn(n.o.Alias)}}
	}
	var out []dns.RR
	for _, a := range n.o.Addresses {
		if a.Unmap().Is4() {
			out = append(out, &dns.A{Hdr: n.header(dns.TypeA), A: a.Unmap().AsSlice()})
		} else {
			out = append(out, &dns.AAAA{Hdr: n.header(dns.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	return out
}

func (n *Name) header(kind uint16) dns.RR_Header {
	return dns.RR_Header{Name: dns.Fqdn(n.o.Name), Rrtype: kind, Class: dns.ClassINET, Ttl: uint32(n.o.TTL / time.Second)}
}
