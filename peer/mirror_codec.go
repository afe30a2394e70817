package peer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
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

// goesOn reports whether there is more that may follow in the same answer. Records are
// asked for anew, once those before are on the peer's disk.
func (m Mirrored) goesOn() bool { return m.More && len(m.Records) == 0 }

// maxItems bounds the items of a part: in memory they are far more than on the wire.
const maxItems = 10 * mirrorItems

var errMirrored = errors.New("what a peer mirrors cannot be read")

// encode writes what Decode reads: numbers as varints, texts with their lengths, and
// records, of which there are few, as JSON.
func (m Mirrored) encode() ([]byte, error) {
	records, err := json.Marshal(m.Records)
	if err != nil {
		return nil, err
	}
	e := encoder{b: make([]byte, 0, 256+len(m.Items)*192+len(records))}
	e.text(m.Stream)
	e.text(m.Outage)
	e.number(m.Term)
	e.flag(m.Anew)
	e.number(m.To)
	e.flag(m.More)
	e.text(string(records))
	e.number(uint64(len(m.Items)))
	for _, i := range m.Items {
		e.item(i)
	}
	return e.b, e.err
}

// decodeMirrored reads an answer.
func decodeMirrored(b []byte) (Mirrored, error) {
	d := decoder{b: b, all: string(b)}
	m := Mirrored{Stream: d.text(), Outage: d.text(), Term: d.number(), Anew: d.flag(), To: d.number(), More: d.flag()}
	records := d.shared()
	n := d.number()
	d.bad = d.bad || n > maxItems
	if !d.bad {
		m.Items = make([]broker.Item, 0, min(n, uint64(len(d.b))))
	}
	for n > 0 && !d.bad {
		m.Items = append(m.Items, broker.Item{})
		d.item(&m.Items[len(m.Items)-1])
		n--
	}
	if d.bad || len(d.b) > 0 {
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

func (e *encoder) item(i broker.Item) {
	e.number(uint64(i.Kind))
	e.name(i.Machine)
	switch i.Kind {
	case broker.ItemHost:
		e.host(i)
	case broker.ItemSession:
		e.span(i.Left)
		e.session(i.Session)
	case broker.ItemTicket:
		e.ticket(i)
	case broker.ItemSessionEnded:
		e.text(i.Session.ID)
	case broker.ItemPeak:
		e.text(i.Peak.Day)
		e.text(i.Peak.Group)
		e.number(uint64(i.Peak.Sessions))
	case broker.ItemHostEnded:
	}
}

func (e *encoder) host(i broker.Item) {
	e.span(i.Left)
	e.text(i.Lease)
	e.text(i.Callback)
	for _, n := range []int{i.Capacity, i.Load, i.AtLoad} {
		e.signed(int64(n))
	}
	for _, n := range []uint64{i.NextReport, i.Turn, i.Pass} {
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

func (e *encoder) session(s broker.Session) {
	for _, text := range []string{s.ID, s.User, s.Resource, string(s.State)} {
		e.text(text)
	}
	e.time(s.Started)
}

func (e *encoder) ticket(i broker.Item) {
	e.span(i.Left)
	e.text(i.ID)
	e.flag(i.Spent)
	t := i.Ticket
	for _, text := range []string{t.Session, t.User, string(t.Machine), t.Zone, t.Address} {
		e.text(text)
	}
	e.signed(int64(t.Port))
}

// decoder takes from the front of b, which is the end of all; bad stays once something
// did not fit.
type decoder struct {
	b   []byte
	all string
	bad bool
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.b)
	return n * d.took(size)
}

func (d *decoder) signed() int64 {
	n, size := binary.Varint(d.b)
	return n * int64(d.took(size))
}

// took goes on by so many bytes; it returns 0 when there is nothing to be taken.
func (d *decoder) took(size int) uint64 {
	if size <= 0 || d.bad {
		d.bad = true
		return 0
	}
	d.b = d.b[size:]
	return 1
}

// text is one of its own, to be kept.
func (d *decoder) text() string { return strings.Clone(d.shared()) }

// shared is a text that keeps the whole answer in memory while it is used.
func (d *decoder) shared() string {
	n := d.number()
	if d.bad || n > uint64(len(d.b)) {
		d.bad = true
		return ""
	}
	s := d.all[len(d.all)-len(d.b):][:n]
	d.b = d.b[n:]
	return s
}

func (d *decoder) flag() bool          { return d.number() == 1 }
func (d *decoder) name() site.FQDN     { return site.FQDN(d.text()) }
func (d *decoder) span() time.Duration { return time.Duration(d.signed()) }

func (d *decoder) time() time.Time {
	n := d.signed()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func (d *decoder) item(i *broker.Item) {
	i.Kind = broker.ItemKind(d.number())
	if i.Kind == broker.ItemHost {
		d.host(i)
		return
	}
	i.Machine = d.name()
	switch i.Kind {
	case broker.ItemSession:
		i.Left = d.span()
		i.Session = d.session()
	case broker.ItemTicket:
		i.Left, i.ID, i.Spent = d.span(), d.text(), d.flag()
		i.Ticket = broker.Ticket{Session: d.text(), User: d.text(), Machine: d.name(), Zone: d.text(), Address: d.text(), Port: int(d.signed())}
	case broker.ItemSessionEnded:
		i.Session.ID = d.text()
	case broker.ItemPeak:
		i.Peak = broker.Peak{Day: d.text(), Group: d.text(), Sessions: int(d.number())}
	case broker.ItemHostEnded:
	case broker.ItemHost:
	default:
		d.bad = true
	}
}

// host shares its texts: an engine keeps none of them as it is.
func (d *decoder) host(i *broker.Item) {
	i.Machine = site.FQDN(d.shared())
	i.Left, i.Lease, i.Callback = d.span(), d.shared(), d.shared()
	i.Capacity, i.Load, i.AtLoad = int(d.signed()), int(d.signed()), int(d.signed())
	i.NextReport, i.Turn, i.Pass = d.number(), d.number(), d.number()
	if reported := d.shared(); reported != "" && json.Unmarshal([]byte(reported), &i.Reported) != nil {
		d.bad = true
	}
}

func (d *decoder) session() broker.Session {
	return broker.Session{
		ID: d.text(), User: d.text(), Resource: d.text(), State: broker.SessionState(d.text()), Started: d.time(),
	}
}
