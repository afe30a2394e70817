package sim

import (
	"cmp"
	"fmt"
	"time"

	"understudy/site"
	"understudy/wire"
)

// majors is which version of the peer channel each connector speaks, where it is not the
// present one (ADC-04). The lock of the run guards it.
type majors struct {
	// next is what it speaks from its next start on, now since its latest one.
	next, now map[site.FQDN]string
	since     map[site.FQDN]time.Time
}

func newMajors() majors {
	return majors{map[site.FQDN]string{}, map[site.FQDN]string{}, map[site.FQDN]time.Time{}}
}

// upgrade restarts a connector in another version.
func (r *run) upgrade(f Fault) error {
	r.mu.Lock()
	r.majors.next[site.FQDN(f.Who)] = fmt.Sprintf("%d.0", f.N)
	r.mu.Unlock()
	return r.restart(f)
}

// speaks is asked for the version of each connector that starts.
func (r *run) speaks(name site.FQDN) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.majors.now[name], r.majors.since[name] = r.majors.next[name], time.Now()
	return r.majors.next[name]
}

// mixed reports whether any connector has been another version than the present one.
func (r *run) mixed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.majors.next) > 0
}

// version is what a connector speaks since it started last.
func (r *run) version(name site.FQDN) (string, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return cmp.Or(r.majors.now[name], wire.PeerProtocol), r.majors.since[name]
}

// alike reports whether two connectors speak the same major version.
func (r *run) alike(a, b site.FQDN) bool {
	one, _ := r.version(a)
	other, _ := r.version(b)
	return one == other
}
