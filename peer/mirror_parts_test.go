package peer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// newBigStage is a publication over an engine with so many registrations.
func newBigStage(t *testing.T, machines int) *stage {
	t.Helper()
	s := newStage()
	all := &site.Site{Name: "acme", Zones: []site.Zone{{Name: "east"}}, Groups: []site.DeliveryGroup{{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}}}}
	for i := range machines {
		all.Machines = append(all.Machines, site.Machine{Name: site.FQDN(fmt.Sprintf("h%d", i)), Group: "farm", Zone: "east", Capacity: 10, Weight: 100})
	}
	s.engine = broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, site.NewIndex(all))
	s.engine.Mirror()
	s.o.Engine = s.engine
	for _, m := range all.Machines {
		s.register(t, m.Name)
	}
	return s
}

// asked returns the parts of an answer over HTTP.
func (s *stage) asked(t *testing.T, r wire.MirrorRequest) []Mirrored {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, mirrorPath, bytes.NewReader(body))
	request.Header.Set(wire.HeaderConnector, "cc2")
	w := httptest.NewRecorder()
	ServeMirror(func() *Publication { return s.Publication })(w, request)
	var parts []Mirrored
	for reader := (&partReader{from: bufio.NewReader(w.Body)}); ; {
		part, err := reader.next()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		part.Items = slices.Clone(part.Items)
		parts = append(parts, part)
	}
}

// NEW-01: "state first, then the tail, in order, with acknowledgement": the state comes
// in parts, as much as is acknowledged together in one answer; nothing of it counts for
// acknowledged before the next question.
func TestStateComesInParts(t *testing.T) {
	const machines = (mirrorParts + 1) * mirrorItems
	s := newBigStage(t, machines)
	r := wire.MirrorRequest{Protocols: []int{1}, Outage: "o1"}
	first := s.asked(t, r)
	if last := first[len(first)-1]; len(first) != mirrorParts || last.To != mirrorParts*mirrorItems || !last.More {
		t.Fatalf("got %d parts up to %d, more: %t", len(first), last.To, last.More)
	}
	for i, part := range first {
		if part.Anew != (i == 0) || len(part.Items) != mirrorItems || part.Items[0].Machine != site.FQDN(fmt.Sprintf("h%d", i*mirrorItems)) {
			t.Errorf("part %d, anew %t, has %d items from %s on", i, part.Anew, len(part.Items), part.Items[0].Machine)
		}
	}
	if lags := s.Lags(time.Now()); lags[0].Position != 0 {
		t.Errorf("position %d is acknowledged before it was applied", lags[0].Position)
	}
	r.Stream, r.Position = "s1", first[len(first)-1].To
	if rest := s.asked(t, r); len(rest) != 1 || rest[0].Anew || rest[0].More || len(rest[0].Items) != mirrorItems {
		t.Errorf("got %d parts", len(rest))
	}
}

// NEW-04: durable records are acknowledged before more come: after a part with records
// an answer ends.
func TestRecordsEndAnAnswer(t *testing.T) {
	s := newBigStage(t, 2*mirrorItems)
	s.shelf.add()
	parts := s.asked(t, wire.MirrorRequest{Protocols: []int{1}, Outage: "o1"})
	if len(parts) != 1 || len(parts[0].Records) != 1 || !parts[0].More {
		t.Errorf("got %d parts", len(parts))
	}
}

// NEW-01: "resumed after a break": a part that broke off is an error and not the end of
// the answer; how long it says that it is, is bounded.
func TestPartsBreakOff(t *testing.T) {
	part, err := Mirrored{Stream: "s1"}.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	var whole bytes.Buffer
	sendPart(&whole, part)
	for name, text := range map[string][]byte{
		"in the length": {0x80},
		"in the part":   whole.Bytes()[:whole.Len()-1],
		"after length":  whole.Bytes()[:1],
		"too long":      {0xff, 0xff, 0xff, 0xff, 0x7f},
	} {
		got, err := (&partReader{from: bufio.NewReader(bytes.NewReader(text))}).next()
		if err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}
