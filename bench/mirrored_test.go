//go:build linux

package bench_test

import (
	"fmt"

	"understudy/site"
)

// measureMirrored compares a storm of registrations at a connector that two peers
// mirror with the same storm at one that has no peers; all share the machine.
func measureMirrored(l *lab) {
	big := func(c ...site.Connector) *site.Site { return bigSite(*options.machines, c...) }
	alone, zone := l.newStand(1, big), l.newStand(3, big)
	alone.force(alone.zone[0])
	zone.force(zone.zone[0])
	requests := posts("/vda/v1/registrations", registrations(*options.machines))
	p, _ := compare(clientAddress(zone.zone[0]), clientAddress(alone.zone[0]), requests, requests)
	l.table.add(row{Name: "mirrored state: registrations with two peers", Value: median(p.ours), Unit: "requests/s", Against: fmt.Sprintf("without peers: %.0f/s", median(p.peer)), Ratio: p.ratio()}, atLeast(0.8))
}
