package broker_test

import (
	"slices"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
)

// LHC-32: "A broker drops a registration after two missed periods": each when its
// own are over, whoever has sent heartbeats meanwhile.
func TestLeasesEndInTheOrderOfTheirEnds(t *testing.T) {
	b := inOutage(company())
	for _, name := range []string{"p1", "p2", "ts1", "ts2"} {
		b.register(t, name)
		b.now = b.now.Add(time.Second)
	}
	for _, name := range []string{"ts1", "p1"} {
		b.now = b.now.Add(time.Minute)
		if _, _, err := b.Heartbeat(b.now, "lease-"+name, broker.Heartbeat{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after time.Duration
		want  []site.FQDN
	}{
		{10*time.Minute + time.Second, []site.FQDN{"p2"}},
		{11*time.Minute + 4*time.Second - 1, []site.FQDN{"ts2"}},
		{15 * time.Minute, []site.FQDN{"ts1", "p1"}},
	} {
		var got []site.FQDN
		for _, r := range b.Expire(start.Add(c.after)) {
			got = append(got, r.Machine)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("after %s: got %v, want %v", c.after, got, c.want)
		}
	}
}
