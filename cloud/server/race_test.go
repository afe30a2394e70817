package server_test

import (
	"net/http"
	"sync"
	"testing"

	"understudy/wire"
)

// LHC-03: any connector of the zone will do. One whose call stream is open and that
// does not answer costs a launch a second, and not the machine.
func TestSilentConnectorIsGoneAround(t *testing.T) {
	s := start(t, t.TempDir())
	put(t, s.client(t, adminSecret, ""), exampleSite())
	silent, err := s.client(t, connectorSecret, "cc2.example").Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	connector := s.client(t, connectorSecret, "cc1.example")
	stream, err := connector.Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var answering sync.WaitGroup
	defer answering.Wait()
	defer stream.Close()
	answering.Go(func() { agree(stream) })
	send(t, connector, "/vda/v1/registrations", wire.Registration{
		Machine: "d1.example", Zone: "east", Callback: "https://d1.example:7485", Capacity: 1,
	}, http.StatusCreated)
	for range 5 {
		send(t, connector, "/storefront/v1/sessions", wire.LaunchRequest{User: "alice", Resource: "desktop:Own"}, http.StatusCreated)
	}
}
