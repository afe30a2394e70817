//go:build linux

package bench_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"time"
)

// plain is a registration as who knows of no site would keep it: all that a copy has of
// one.
type plain struct {
	machine, lease, callback string
	left                     time.Duration
	capacity, load, atLoad   int
	nextReport, turn, pass   uint64
}

// plain are the registrations of the source.
func (s *source) plain() []plain {
	tail, _ := s.engine.Tail(time.Now(), 0, math.MaxInt, nil)
	var list []plain
	for _, i := range tail.Items {
		list = append(list, plain{
			machine: string(i.Machine), lease: i.LeaseText(), callback: i.Callback.Of(i.Machine), left: i.Left, capacity: i.Capacity, load: i.Load, atLoad: i.AtLoad,
			nextReport: i.NextReport, turn: i.Turn, pass: i.Pass,
		})
	}
	return list
}

// plainStream sends the registrations over one connection: numbers as varints, texts
// with their lengths, nothing else.
func (l *lab) plainStream(list []plain) time.Duration {
	listener := need(net.Listen("tcp", l.loopback()+":7489"))
	defer listener.Close()
	began := time.Now()
	sent := make(chan error, 1)
	go func() { sent <- sendPlain(listener, list) }()
	conn := need(net.Dial("tcp", listener.Addr().String()))
	defer conn.Close()
	kept := need(readPlain(bufio.NewReaderSize(conn, 64<<10)))
	must(<-sent)
	took := time.Since(began)
	if len(kept) != len(list) {
		panic(stop{fmt.Errorf("%d of %d registrations came", len(kept), len(list))})
	}
	return took
}

func sendPlain(listener net.Listener, list []plain) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	w := bufio.NewWriterSize(conn, 64<<10)
	var b []byte
	for i := range list {
		p := &list[i]
		b = b[:0]
		for _, text := range [...]string{p.machine, p.lease, p.callback} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
		for _, n := range [...]int{int(p.left), p.capacity, p.load, p.atLoad} {
			b = binary.AppendVarint(b, int64(n))
		}
		for _, n := range [...]uint64{p.nextReport, p.turn, p.pass} {
			b = binary.AppendUvarint(b, n)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Flush()
}

func readPlain(from *bufio.Reader) (map[string]*plain, error) {
	r, kept := plainReader{from: from}, map[string]*plain{}
	for {
		p := &plain{machine: r.text(), lease: r.text(), callback: r.text()}
		p.left, p.capacity, p.load, p.atLoad = time.Duration(r.signed()), int(r.signed()), int(r.signed()), int(r.signed())
		p.nextReport, p.turn, p.pass = r.number(), r.number(), r.number()
		switch {
		case errors.Is(r.err, io.EOF):
			return kept, nil
		case r.err != nil:
			return nil, r.err
		}
		kept[p.machine] = p
	}
}

// plainReader keeps the first error.
type plainReader struct {
	from *bufio.Reader
	b    []byte
	err  error
}

func (r *plainReader) number() uint64 {
	n, err := binary.ReadUvarint(r.from)
	r.note(err)
	return n
}

func (r *plainReader) signed() int64 {
	n, err := binary.ReadVarint(r.from)
	r.note(err)
	return n
}

func (r *plainReader) text() string {
	n := int(r.number())
	r.b = slices.Grow(r.b[:0], n)[:n]
	_, err := io.ReadFull(r.from, r.b)
	r.note(err)
	return string(r.b)
}

func (r *plainReader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}
