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
