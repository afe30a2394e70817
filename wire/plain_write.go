package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"strconv"
)

// plainAnswer is an answer that goes out by the thousand. It writes itself as
// encoding/json would, while its texts are in plain words.
type plainAnswer interface{ writePlain(w *quickWriter) }

// writeJSON writes v and the end of a line.
func writeJSON(w io.Writer, v any) error {
	if a, ok := v.(plainAnswer); ok {
		room := enter()
		defer room.leave()
		if room.line(a) {
			_, err := w.Write(room.b)
			return err
		}
	}
	return json.NewEncoder(w).Encode(v)
}

// line reports false for an answer that must be written the ordinary way:
// encoding/json escapes three characters that are plain elsewhere.
func (r *room) line(a plainAnswer) bool {
	a.writePlain(&r.quickWriter)
	r.add("\n")
	return r.plain && !bytes.ContainsAny(r.b, "<>&")
}

func (w *quickWriter) count(n uint64) { w.b = strconv.AppendUint(w.b, n, 10) }

// list writes texts, if there are any.
func (w *quickWriter) list(name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	w.add(name)
	w.add(`[`)
	for i, text := range texts {
		if i > 0 {
			w.add(`,`)
		}
		w.text(text)
	}
	w.add(`]`)
}

func (l Lease) writePlain(w *quickWriter) {
	w.add(`{"lease":`)
	w.text(l.Lease)
	w.add(`,"broker":`)
	w.text(string(l.Broker))
	w.add(`,"term":`)
	w.count(l.Term)
	w.add(`,"interval":`)
	w.text(l.Interval.String())
	w.add(`,"lifetime":`)
	w.text(l.Lifetime.String())
	w.list(`,"connectors":`, l.Connectors)
	w.field(`,"assigned_user":`, l.AssignedUser)
	w.add(`}`)
}

func (a LaunchAnswer) writePlain(w *quickWriter) {
	w.add(`{"session":`)
	w.text(a.Session)
	w.add(`,"machine":`)
	w.text(string(a.Machine))
	w.add(`,"address":`)
	w.text(a.Address)
	w.add(`,"port":`)
	w.b = strconv.AppendInt(w.b, int64(a.Port), 10)
	w.add(`,"protocol":`)
	w.text(a.Protocol)
	w.add(`,"reconnected":`)
	w.b = strconv.AppendBool(w.b, a.Reconnected)
	w.add(`,"ticket":`)
	w.text(a.Ticket)
	w.add(`,"authority":`)
	w.text(a.Authority)
	w.add(`,"lifetime":`)
	w.text(a.Lifetime.String())
	w.add(`}`)
}
