package broker_test

import (
	"testing"

	"understudy/broker"
	"understudy/site"
)

// Design 7: what must be durable is on disk before its answer. Two launches share a
// reservation; where the record of the first cannot be kept, the second gets it.
func TestSharedLaunchIsRecordedByWhoIsLeft(t *testing.T) {
	e := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, site.NewIndex(company()))
	if _, _, err := e.Register(start, "L", broker.Registration{Machine: "ts1", Zone: "east", Callback: "http://ts1", Capacity: 5}); err != nil {
		t.Fatal(err)
	}
	a, err1 := e.Reserve(start, staff("bob", "desktop:office", "s1"))
	b, err2 := e.Reserve(start, staff("bob", "desktop:office", "s2"))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	first := e.Commit(start, a) // its Record fails
	e.Release(start, a)
	second := e.Commit(start, b)
	if len(first) == 0 || len(second) == 0 {
		t.Errorf("first %v, second %v: the second is answered 201 with nothing on disk", first, second)
	}
}

// Design 7: a broker that died between the machine's word and its own record leaves
// a reservation that nobody was told of. Who is given it later is recorded.
func TestReservationOfAnotherBrokerIsRecorded(t *testing.T) {
	b := inOutage(company())
	left := b.registration("p1")
	left.Sessions = []broker.Session{{ID: "s1", User: "bob", Resource: "desktop:pool", State: broker.Reserved}}
	b.announce(t, left)
	held, records := b.launch(t, staff("bob", "desktop:pool", "s2"))
	if held.Session != "s1" || held.Reconnect {
		t.Fatalf("got %+v, want the reservation s1", held)
	}
	if len(records) != 1 || records[0].Kind != broker.Launched || records[0].Session != "s1" {
		t.Errorf("got records %+v, want the launch of s1: it is answered 201 with nothing on disk", records)
	}
	if _, records = b.launch(t, staff("bob", "desktop:pool", "s3")); len(records) != 0 {
		t.Errorf("got records %+v of a launch that has its record", records)
	}
}
