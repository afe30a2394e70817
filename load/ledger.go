package load

import (
	"sync"
	"time"

	"understudy/site"
)

// milestones are the shares of all desktops whose registration is timed.
var milestones = [...]float64{0.50, 0.95, 0.99, 1}

// ledger knows with which broker each desktop has its lease, and when how many of
// them had come to the one that serves in the present epoch.
type ledger struct {
	total int

	mu      sync.Mutex // guards all below
	brokers map[site.FQDN]int
	ours    map[site.FQDN]bool // the zone's connectors
	server  site.FQDN          // empty: the cloud broker
	serves  bool
	began   time.Time
	reached []time.Duration
}

func newLedger(total int) *ledger {
	return &ledger{total: total, brokers: map[site.FQDN]int{}, ours: map[site.FQDN]bool{}}
}

// moved takes note of a desktop whose lease is now another broker's.
func (l *ledger) moved(now time.Time, from, to site.FQDN) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from != to {
		l.drop(from)
		if to != "" {
			l.brokers[to]++
		}
	}
	l.judge(now)
}

// drop is called with the lock held.
func (l *ledger) drop(broker site.FQDN) {
	if broker == "" {
		return
	}
	if l.brokers[broker]--; l.brokers[broker] == 0 {
		delete(l.brokers, broker)
	}
}

// begin starts an epoch; server is empty for the cloud broker's.
func (l *ledger) begin(now time.Time, server site.FQDN, serves bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.server, l.serves, l.began, l.reached = server, serves, now, nil
	l.judge(now)
}

// know adds a connector's name, so that its leases are told from the cloud's.
func (l *ledger) know(connector site.FQDN) {
	if connector == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ours[connector] = true
}

// judge is called with the lock held.
func (l *ledger) judge(now time.Time) {
	if !l.serves {
		return
	}
	count := l.count()
	for len(l.reached) < len(milestones) && float64(count) >= milestones[len(l.reached)]*float64(l.total) {
		l.reached = append(l.reached, now.Sub(l.began))
	}
}

// count is how many desktops are with the broker that serves. It is called with
// the lock held.
func (l *ledger) count() int {
	if l.server != "" {
		return l.brokers[l.server]
	}
	n := 0
	for broker, count := range l.brokers {
		if !l.ours[broker] {
			n += count
		}
	}
	return n
}

// registered returns how many desktops are with the broker that serves, and when
// the milestones were reached.
func (l *ledger) registered() (int, []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count(), append([]time.Duration(nil), l.reached...)
}
