package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

const (
	mirrorPath = "/peer/v1/mirror"
	// maxMirrored bounds a part of an answer: items and records have bounded texts.
	maxMirrored = 32 << 20
	// mirrorParts bounds the parts of an answer, which are acknowledged together.
	mirrorParts = 16
)

// Mirror asks a peer that serves for what comes after a position. The answer takes
// a moment where there is nothing. It comes in parts, each of which is taken while the
// next one is under way; who takes it keeps none of its items.
func (m *Mesh) Mirror(ctx context.Context, from site.FQDN, r wire.MirrorRequest, take func(Mirrored) error) error {
	resp, err := m.request(ctx, from, http.MethodPost, mirrorPath, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	parts := partReader{from: bufio.NewReaderSize(resp.Body, 64<<10)}
	for n := 0; ; n++ {
		got, err := parts.next()
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what %s mirrors: %w", from, err)
		}
		if err := take(got); err != nil {
			return err
		}
	}
}

// partReader reads the parts of an answer.
type partReader struct {
	from  *bufio.Reader
	text  []byte
	items []broker.Item
}

// next returns io.EOF after the last part. The items of a part are good until the next.
func (r *partReader) next() (Mirrored, error) {
	n, err := binary.ReadUvarint(r.from)
	if err != nil {
		return Mirrored{}, err
	}
	if n > maxMirrored {
		return Mirrored{}, fmt.Errorf("a part is of more than %d bytes", maxMirrored)
	}
	r.text = slices.Grow(r.text[:0], int(n))[:n]
	_, err = io.ReadFull(r.from, r.text)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Mirrored{}, fmt.Errorf("a part breaks off: %w", err)
	}
	m, err := decodeMirrored(r.text, r.items)
	r.items = m.Items
	return m, err
}

// ServeMirror answers a peer's request for the mirror. The publication is asked for
// once the request is read; nil: this connector does not serve.
func ServeMirror(serving func() *Publication) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := answerMirror(w, r, serving); err != nil {
			wire.WriteError(w, err)
		}
	}
}

// answerMirror returns an error where nothing was sent. What ends an answer early is
// told to who asks again.
func answerMirror(w http.ResponseWriter, r *http.Request, serving func() *Publication) error {
	var in wire.MirrorRequest
	if err := wire.Read(w, r, wire.MaxBody, wire.Ignore, &in); err != nil {
		return err
	}
	p := serving()
	if p == nil {
		return notServing()
	}
	name := site.Canonical(r.Header.Get(wire.HeaderConnector))
	m, err := p.Answer(r.Context(), name, in)
	if err != nil {
		return err
	}
	part, err := m.encode(nil)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	for n := 1; err == nil && sendPart(w, part) && n < mirrorParts && p.goesOn(m); n++ {
		_ = http.NewResponseController(w).Flush()
		if !p.follows(r.Context(), name, in, m) {
			break
		}
		if m, err = p.Rest(r.Context(), name, in, m); err == nil {
			part, err = m.encode(part)
		}
	}
	return nil
}

func sendPart(w io.Writer, part []byte) bool {
	if _, err := w.Write(binary.AppendUvarint(nil, uint64(len(part)))); err != nil {
		return false
	}
	_, err := w.Write(part)
	return err == nil
}

func notServing() error {
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeNotElected, "this connector does not serve")
}
