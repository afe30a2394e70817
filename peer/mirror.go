package peer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"understudy/site"
	"understudy/wire"
)

const (
	mirrorPath = "/peer/v1/mirror"
	// maxMirrored bounds an answer: items and records have bounded texts.
	maxMirrored = 32 << 20
)

// Mirror asks a peer that serves for what comes after a position. The answer takes
// a moment where there is nothing.
func (m *Mesh) Mirror(ctx context.Context, from site.FQDN, r wire.MirrorRequest) (Mirrored, error) {
	resp, err := m.request(ctx, from, http.MethodPost, mirrorPath, r)
	if err != nil {
		return Mirrored{}, err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if n := resp.ContentLength; n > 0 && n <= maxMirrored {
		b.Grow(int(n) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(resp.Body, maxMirrored+1)); err != nil {
		return Mirrored{}, fmt.Errorf("read what %s mirrors: %w", from, err)
	}
	if b.Len() > maxMirrored {
		return Mirrored{}, fmt.Errorf("read what %s mirrors: it is more than %d bytes", from, maxMirrored)
	}
	return decodeMirrored(b.Bytes())
}

// ServeMirror answers a peer's request for the mirror. The publication is asked for
// once the request is read; nil: this connector does not serve.
func ServeMirror(serving func() *Publication) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		m, err := answerMirror(w, r, serving)
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		b, err := m.encode()
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	}
}

func answerMirror(w http.ResponseWriter, r *http.Request, serving func() *Publication) (Mirrored, error) {
	var in wire.MirrorRequest
	if err := wire.Read(w, r, wire.MaxBody, wire.Ignore, &in); err != nil {
		return Mirrored{}, err
	}
	p := serving()
	if p == nil {
		return Mirrored{}, notServing()
	}
	return p.Answer(r.Context(), site.Canonical(r.Header.Get(wire.HeaderConnector)), in)
}

func notServing() error {
	return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeNotElected, "this connector does not serve")
}
