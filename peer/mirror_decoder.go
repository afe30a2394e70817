package peer

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"time"

	"understudy/broker"
	"understudy/site"
)

// decoder takes from the front of the rest; once something did not fit it is bad, and
// there is no rest.
type decoder struct {
	rest string
	bad  bool
}

func (d *decoder) fail() { d.bad, d.rest = true, "" }

func (d *decoder) number() uint64 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		b := d.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return n
		}
	}
	d.fail()
	return 0
}

func (d *decoder) signed() int64 {
	n := d.number()
	return int64(n>>1) ^ -int64(n&1)
}

// text is one of its own, to be kept.
func (d *decoder) text() string { return strings.Clone(d.shared()) }

// shared is a text that keeps the whole part in memory while it is used.
func (d *decoder) shared() string { return d.bytes(d.number()) }

func (d *decoder) bytes(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.fail()
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
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
	*i = broker.Item{Kind: broker.ItemKind(d.number())}
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
		i.Ticket = &broker.Ticket{Session: d.text(), User: d.text(), Machine: d.name(), Zone: d.text(), Address: d.text(), Port: int(d.signed()), Data: d.text()}
	case broker.ItemSessionEnded:
		i.Session = &broker.Session{ID: d.text()}
	case broker.ItemPeak:
		i.Peak = &broker.Peak{Day: d.text(), Group: d.text(), Sessions: int(d.number())}
	case broker.ItemSeat:
		i.Seat = &broker.Seat{Kind: d.text(), Name: d.text(), Zone: d.text(), Moved: d.flag()}
	case broker.ItemHostEnded:
	case broker.ItemHost:
	default:
		d.fail()
	}
}

// host shares its texts: an engine keeps none of them as it is.
func (d *decoder) host(i *broker.Item) {
	i.Machine = site.FQDN(d.shared())
	i.Number = int32(min(d.number(), math.MaxInt32))
	i.Left = d.span()
	d.lease(i)
	d.around(&i.Callback)
	i.Capacity, i.Load, i.AtLoad = int(d.signed()), int(d.signed()), int(d.signed())
	i.NextReport, i.Turn, i.Pass = d.number(), d.number(), d.number()
	if reported := d.shared(); reported != "" && json.Unmarshal([]byte(reported), &i.Reported) != nil {
		d.fail()
	}
}

func (d *decoder) lease(i *broker.Item) {
	if i.Lease = d.shared(); i.Lease == "" {
		copy(i.Key[:], d.bytes(uint64(len(i.Key))))
	}
}

func (d *decoder) around(a *broker.Around) {
	a.Named, a.Before = d.flag(), d.shared()
	if a.Named {
		a.After = d.shared()
	}
}

func (d *decoder) session() *broker.Session {
	return &broker.Session{
		ID: d.text(), User: d.text(), Resource: d.text(), State: broker.SessionState(d.text()), Started: d.time(),
	}
}
