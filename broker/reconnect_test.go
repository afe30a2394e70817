package broker_test

import (
	"runtime"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
)

// LHC-37: a user who reconnects again and again costs nothing that stays.
func TestReconnectionsLeaveNothing(t *testing.T) {
	e := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true, Interval: time.Hour}, site.NewIndex(company()))
	_, _, err := e.Register(start, "L", broker.Registration{
		Machine: "ts1", Zone: "east", Callback: "http://ts1", Capacity: 5,
		Sessions: []broker.Session{{ID: "s1", User: "bob", Resource: "desktop:office", State: broker.Active}},
	})
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	for range 100_000 {
		held, err := e.Reserve(start, staff("bob", "desktop:office", "new"))
		if err != nil || !held.Reconnect {
			t.Fatalf("got %+v, %v; want bob's session", held, err)
		}
		e.Commit(start, held)
	}
	if grown := heap() - before; grown > 500_000 {
		t.Errorf("100,000 reconnections keep %d bytes", grown)
	}
	runtime.KeepAlive(e)
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
