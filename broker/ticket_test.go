package broker_test

import (
	"testing"
	"time"

	"understudy/broker"
)

// LHC-30: the secondary broker "is an STA provider": a ticket is good once, for
// its lifetime, 100 s by default.
func TestTicket(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		spent bool
		code  string
	}{
		{"within its lifetime", 100*time.Second - 1, false, ""},
		{"over", 100 * time.Second, false, broker.CodeTicketUnknown},
		{"a second time", time.Second, true, broker.CodeTicketUsed},
		{"a second time after its lifetime", 1099 * time.Second, true, broker.CodeTicketUsed},
		{"long forgotten", 1100 * time.Second, true, broker.CodeTicketUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := inOutage(company())
			if life := b.Issue(start, "t", broker.Ticket{Session: "s", Zone: "east"}); life != 100*time.Second {
				t.Errorf("life %s, want 100s", life)
			}
			if _, err := b.Peek(start, "t"); err != nil {
				t.Fatalf("peek: %v", err)
			}
			if c.spent {
				if got, err := b.Redeem(start, "t"); err != nil || got.Session != "s" {
					t.Fatalf("first redemption: %+v, %v", got, err)
				}
			}
			_, err := b.Redeem(start.Add(c.after), "t")
			if c.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantCode(t, err, c.code)
		})
	}
	_, err := inOutage(company()).Redeem(start, "never")
	wantCode(t, err, broker.CodeTicketUnknown)
}

func TestOldTicketsAreForgotten(t *testing.T) {
	b := inOutage(company())
	b.Issue(start, "t", broker.Ticket{})
	b.Expire(start.Add(time.Hour))
	if got := b.Stats().Tickets; got != 0 {
		t.Errorf("%d tickets, want 0", got)
	}
}
