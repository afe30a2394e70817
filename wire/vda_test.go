package wire_test

import (
	"strings"
	"testing"

	"understudy/wire"
)

// NEW-04, design 8: what a desktop says of its sessions is bounded, for each of them may
// become a record that is kept, mirrored and handed back.
func TestSessionsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 1025)
	fits := wire.Session{ID: long[1:], User: long[1:], Resource: long[1:], State: wire.Active}
	if err := (wire.SessionReport{Event: wire.SessionEnded, Session: fits}).Validate(); err != nil {
		t.Errorf("a long session is refused: %v", err)
	}
	for name, change := range map[string]func(*wire.Session){
		"id":       func(s *wire.Session) { s.ID = long },
		"user":     func(s *wire.Session) { s.User = long },
		"resource": func(s *wire.Session) { s.Resource = long },
	} {
		s := fits
		change(&s)
		list := []wire.Session{s}
		reg := wire.Registration{Machine: "d1", Zone: "z", Callback: "https://d1", Capacity: 1, Sessions: list}
		for what, v := range map[string]wire.Validator{
			"report": wire.SessionReport{Event: wire.SessionEnded, Session: s}, "registration": reg, "heartbeat": wire.Heartbeat{Sessions: &list},
		} {
			if v.Validate() == nil {
				t.Errorf("a %s with a %s of %d bytes is taken", what, name, len(long))
			}
		}
	}
}
