package peer

import (
	"context"
	"fmt"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// BenchmarkFirstCopy is the state of 100,000 registrations from an engine into a copy,
// encoded and decoded on the way.
func BenchmarkFirstCopy(b *testing.B) {
	const machines = 100_000
	all := &site.Site{Name: "acme", Zones: []site.Zone{{Name: "east"}}, Groups: []site.DeliveryGroup{
		{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Farm"},
	}}
	for i := range machines {
		all.Machines = append(all.Machines, site.Machine{Name: site.FQDN(fmt.Sprintf("h%06d.example.test", i)), Group: "farm", Zone: "east", Capacity: 10, Weight: 100})
	}
	index := site.NewIndex(all)
	o := broker.Options{Broker: "cc1", Zone: "east", HA: true}
	engine := broker.New(o, index)
	engine.Mirror()
	for i, m := range all.Machines {
		_, _, err := engine.Register(time.Now(), fmt.Sprintf("lease-%020d", i), broker.Registration{Machine: m.Name, Zone: "east", Callback: "https://" + string(m.Name) + ":7485", Capacity: 10})
		if err != nil {
			b.Fatal(err)
		}
	}
	p := NewPublication(PublicationOptions{
		Stream: "s", Outage: "o", Term: func() uint64 { return 1 }, Engine: engine, Records: &shelf{last: map[string]uint64{}, news: make(chan struct{})},
		Present: func(site.FQDN) bool { return true }, Gate: func(context.Context) error { return nil },
	})
	b.ReportAllocs()
	for b.Loop() {
		copied := broker.New(o, index)
		copied.Mirror()
		r := wire.MirrorRequest{Protocols: []int{1}, Outage: "o", Term: 1}
		for more := true; more; {
			m, err := p.Answer(b.Context(), "cc2", r)
			if err != nil {
				b.Fatal(err)
			}
			raw, err := m.encode(nil)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(raw) * machines / mirrorItems))
			if m, err = decodeMirrored(raw, m.Items); err != nil {
				b.Fatal(err)
			}
			copied.Import(time.Now(), m.Items)
			r.Stream, r.Position, more = m.Stream, m.To, m.More
		}
		if got := copied.Stats().Registrations; got != machines {
			b.Fatalf("%d registrations", got)
		}
	}
}
