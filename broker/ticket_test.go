package broker_test

import (
	"errors"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
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

// A ticket is good once for those that know of each other: what the copy was told counts
// there. In a zone that is broken in two each part can redeem its copy once, as
// docs/threat-model.md says; where tickets are not mirrored the other part has none.
func TestTicketsOfABrokenZone(t *testing.T) {
	for _, mode := range site.Failovers() {
		k := takenOver(t, mode)
		redeem := func(e *broker.Engine) string {
			_, err := e.Redeem(k.at.now, "t1")
			if refusal, ok := errors.AsType[*broker.Refusal](err); ok {
				return refusal.Code
			}
			return ""
		}
		first, second := "", broker.CodeTicketUsed // of the copy
		if mode != site.Stateful {
			first, second = broker.CodeTicketUnknown, broker.CodeTicketUnknown
		}
		for _, c := range []struct {
			what string
			of   *broker.Engine
			want string
		}{{"its issuer", k.at.Engine, ""}, {"its issuer again", k.at.Engine, broker.CodeTicketUsed}, {"the other part", k.next, first}, {"the other part again", k.next, second}} {
			if got := redeem(c.of); got != c.want {
				t.Errorf("%s: %s: got %q, want %q", mode, c.what, got, c.want)
			}
		}
		if mode != site.Stateful {
			continue
		}
		told := broker.New(broker.Options{Broker: "cc3", Zone: "east", HA: true}, site.NewIndex(farm(site.LeastLoad, 100, 100)))
		tail, _ := k.at.Tail(k.at.now, 0, 100, nil)
		told.Import(k.at.now, tail.Items)
		if got := redeem(told); got != broker.CodeTicketUsed {
			t.Errorf("who was told of its use: got %q, want %q", got, broker.CodeTicketUsed)
		}
	}
}
