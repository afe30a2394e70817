package load

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// sighting is one answer of a connector to a StoreFront's heartbeat, or none.
type sighting struct {
	url       string
	connector site.FQDN
	answered  bool // well: it takes requests
	state     zone.State
	serving   bool   // in HA mode, by itself
	refused   string // the code of its refusal
}

// Stage is who serves in an epoch.
type Stage string

// The stages of a zone as seen from outside.
const (
	// Unknown is before a connector answers.
	Unknown Stage = "unknown"
	// ByCloud: the connectors relay.
	ByCloud Stage = "normal"
	// Cut: no connector reaches the cloud broker, and HA mode has not begun. Those that
	// take a peer for better off say so and refuse.
	Cut Stage = "cut"
	// ByConnector: an elected connector serves.
	ByConnector Stage = "ha"
	// Nobody serves: an elected connector was lost, or HA mode has begun and the elected
	// one is still making ready. However short, it is an epoch: users notice it too.
	Nobody Stage = "nobody"
)

// stand is who serves at one moment.
type stand struct {
	stage  Stage
	server site.FQDN
	state  zone.State
}

// tracker makes epochs of what the connectors answer. It reads no clock.
type tracker struct {
	seen     map[string]sighting
	now      stand
	lastGood time.Time // of who served last
	// lostBy is who served last in HA mode, and lostAt when it answered last.
	lostBy site.FQDN
	lostAt time.Time
}

func newTracker() *tracker { return &tracker{seen: map[string]sighting{}, now: stand{stage: Unknown}} }

// see takes one sighting and reports whether another one serves now.
func (t *tracker) see(now time.Time, s sighting) bool {
	t.seen[s.url] = s
	next := t.judge()
	changed := next.stage != t.now.stage || next.server != t.now.server
	if changed && t.now.stage == ByConnector {
		t.lostBy, t.lostAt = t.now.server, t.lastGood
	}
	if changed && (next.stage == ByCloud || next.stage == Cut) {
		t.lostBy = ""
	}
	t.now = next
	if next.stage == ByConnector && s.connector == next.server {
		t.lastGood = now
	}
	return changed
}

// judge says who serves by what was seen of each connector last.
func (t *tracker) judge() stand {
	best := stand{stage: Unknown}
	for _, s := range slices.SortedFunc(maps.Values(t.seen), func(a, b sighting) int { return cmp.Compare(a.url, b.url) }) {
		if one := standOf(s); rank(one.stage) > rank(best.stage) {
			best = one
		}
	}
	if best.stage == Unknown && t.now.stage != Unknown {
		best.stage = Nobody
	}
	return best
}

func standOf(s sighting) stand {
	switch {
	case s.answered && s.state.HA() && s.serving:
		return stand{ByConnector, s.connector, s.state}
	case s.answered && s.state == zone.Normal:
		return stand{ByCloud, "", s.state}
	case s.answered && s.state == zone.PendingHA, s.refused == wire.CodeCloudUnreachable:
		return stand{Cut, "", s.state}
	case slices.Contains(refusalsInHA, s.refused):
		return stand{stage: Nobody}
	}
	return stand{stage: Unknown}
}

// refusalsInHA are those of a connector that is not the one that serves.
var refusalsInHA = []string{wire.CodeNotElected, wire.CodeHandover, wire.CodeNoQuorum}

// rank says which of several connectors' stages is the zone's.
func rank(s Stage) int { return slices.Index([]Stage{Unknown, Nobody, Cut, ByCloud, ByConnector}, s) }

// gap returns for how long nobody served before now, where an elected connector
// was lost and another one has followed.
func (t *tracker) gap(now time.Time) (from site.FQDN, gap time.Duration, ok bool) {
	if t.now.stage != ByConnector || t.lostBy == "" || t.lostBy == t.now.server {
		return "", 0, false
	}
	return t.lostBy, now.Sub(t.lostAt), true
}
