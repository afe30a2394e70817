package peer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"understudy/broker"
	"understudy/site"
)

// Mirrored is a part of an answer of the serving connector: of its state or of the
// tail, and durable records.
type Mirrored struct {
	// Stream names the secondary broker that the position is of.
	Stream string
	Outage string
	Term   uint64
	// Anew: what comes is the state from its beginning.
	Anew bool
	// To is the position that who applies the items has reached; More says that the
	// server has more already.
	To      uint64
	More    bool
	Items   []broker.Item
	Records []broker.Record
}

// maxItems bounds the items of a part: in memory they are far more than on the wire.
const maxItems = 10 * mirrorItems

var errMirrored = errors.New("what a peer mirrors cannot be read")

// encode writes what decodeMirrored reads: numbers as varints, texts with their lengths,
// and records, of which there are few, as JSON. It is where a former part was.
func (m Mirrored) encode(former []byte) ([]byte, error) {
	records, err := json.Marshal(m.Records)
	if err != nil {
		return nil, err
	}
	e := encoder{b: former[:0]}
	e.text(m.Stream)
	e.text(m.Outage)
	e.number(m.Term)
	e.flag(m.Anew)
	e.number(m.To)
	e.flag(m.More)
	e.text(string(records))
	e.number(uint64(len(m.Items)))
	for n := range m.Items {
		e.item(&m.Items[n])
	}
	return e.b, e.err
}

// decodeMirrored reads a part; its items are where those of a former one were.
func decodeMirrored(b []byte, former []broker.Item) (Mirrored, error) {
	d := decoder{rest: string(b)}
	m := Mirrored{Stream: d.text(), Outage: d.text(), Term: d.number(), Anew: d.flag(), To: d.number(), More: d.flag()}
	records := d.shared()
	n := d.number()
	if n > min(maxItems, uint64(len(d.rest))) {
		return Mirrored{}, errMirrored
	}
	m.Items = slices.Grow(former[:0], int(n))[:n]
	for i := range m.Items {
		d.item(&m.Items[i])
	}
	if d.bad || d.rest != "" {
		return Mirrored{}, errMirrored
	}
	if err := json.Unmarshal([]byte(records), &m.Records); err != nil {
		return Mirrored{}, errors.Join(errMirrored, err)
	}
	return m, nil
}

type encoder struct {
	b   []byte
	err error
}

func (e *encoder) number(n uint64)      { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) signed(n int64)       { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) name(n site.FQDN)     { e.text(string(n)) }
func (e *encoder) text(s string)        { e.number(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) span(d time.Duration) { e.signed(int64(d)) }

func (e *encoder) flag(is bool) {
	if is {
		e.number(1)
	} else {
		e.number(0)
	}
}

func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.signed(0)
		return
	}
	e.signed(t.UnixNano())
}

func (e *encoder) item(i *broker.Item) {
	e.number(uint64(i.Kind))
	e.name(i.Machine)
	switch i.Kind {
	case broker.ItemHost:
		e.host(i)
	case broker.ItemSession:
		e.span(i.Left)
		e.session(*i.Session)
	case broker.ItemTicket:
		e.ticket(i)
	case broker.ItemSessionEnded:
		e.text(i.Session.ID)
	case broker.ItemPeak:
		e.text(i.Peak.Day)
		e.text(i.Peak.Group)
		e.number(uint64(i.Peak.Sessions))
	case broker.ItemSeat:
		for _, text := range []string{i.Seat.Kind, i.Seat.Name, i.Seat.Zone} {
			e.text(text)
		}
		e.flag(i.Seat.Moved)
	case broker.ItemHostEnded:
	}
}

func (e *encoder) host(i *broker.Item) {
	e.number(uint64(i.Number))
	e.span(i.Left)
	e.lease(i)
	e.around(i.Callback)
	for _, n := range [...]int{i.Capacity, i.Load, i.AtLoad} {
		e.signed(int64(n))
	}
	for _, n := range [...]uint64{i.NextReport, i.Turn, i.Pass} {
		e.number(n)
	}
	if len(i.Reported) == 0 {
		e.text("")
		return
	}
	reported, err := json.Marshal(i.Reported)
	e.err = errors.Join(e.err, err)
	e.text(string(reported))
}

// lease is a text, or none and the key.
func (e *encoder) lease(i *broker.Item) {
	e.text(i.Lease)
	if i.Lease == "" {
		e.b = append(e.b, i.Key[:]...)
	}
}

func (e *encoder) around(a broker.Around) {
	e.flag(a.Named)
	e.text(a.Before)
	if a.Named {
		e.text(a.After)
	}
}

func (e *encoder) session(s broker.Session) {
	for _, text := range []string{s.ID, s.User, s.Resource, string(s.State)} {
		e.text(text)
	}
	e.time(s.Started)
}

func (e *encoder) ticket(i *broker.Item) {
	e.span(i.Left)
	e.text(i.ID)
	e.flag(i.Spent)
	t := i.Ticket
	for _, text := range []string{t.Session, t.User, string(t.Machine), t.Zone, t.Address} {
		e.text(text)
	}
	e.signed(int64(t.Port))
	e.text(t.Data)
}
