package callin

import "time"

// slack bounds how far a pace that was late makes up for it.
const slack = 50 * time.Millisecond

// Pace spreads invitations evenly. The zero Pace is ready.
type Pace struct{ next time.Time }

// Wait is how long the next one has to wait; the one after it comes a gap later.
func (p *Pace) Wait(now time.Time, gap time.Duration) time.Duration {
	if now.Sub(p.next) > slack {
		p.next = now
	}
	wait := max(0, p.next.Sub(now))
	p.next = p.next.Add(gap)
	return wait
}
