package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"understudy/wire"
)

// Upstream is a site's own controllers, in the place of the cloud broker: they take
// requests in XML and nothing else.
type Upstream interface {
	Health(ctx context.Context) (wire.CloudHealth, error)
	Forward(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error)
	Close()
}

// beside is what the relay takes for the cloud broker where there is none. What is in
// XML goes to the controllers; our desktops, which cannot register there, wait in a room
// of this connector; and our own StoreFront API is refused, because what the controllers
// broker is theirs.
type beside struct {
	Upstream
	room http.Handler
}

// Forward answers as the cloud broker would.
func (b *beside) Forward(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error) {
	switch {
	case strings.HasPrefix(strings.ToLower(target), "/scripts/"):
		return b.Upstream.Forward(ctx, method, target, header, body)
	case strings.HasPrefix(target, "/vda/"):
		return within(ctx, b.room, method, target, header, body)
	}
	return within(ctx, http.HandlerFunc(onlyXML), method, target, header, body)
}

func onlyXML(w http.ResponseWriter, _ *http.Request) {
	wire.WriteError(w, wire.NewProblem(http.StatusConflict, wire.CodeXMLOnly,
		"in Normal the site's own controllers broker, which speak XML Service: ask this connector's /scripts/wpnbr.dll"))
}

// Calls would open the call stream; controllers have none.
func (b *beside) Calls(context.Context) (io.ReadWriteCloser, error) {
	return nil, errors.New("controllers that speak XML Service call nobody")
}

// within asks a handler of this process.
func within(ctx context.Context, h http.Handler, method, target string, header http.Header, body []byte) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = header.Clone()
	said := &said{header: http.Header{}}
	h.ServeHTTP(said, r)
	return said.response(), nil
}

// said keeps what a handler answers.
type said struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is the answer's.
func (s *said) Header() http.Header { return s.header }

// WriteHeader keeps the first status.
func (s *said) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
}

// Write keeps a part of the body.
func (s *said) Write(p []byte) (int, error) {
	s.WriteHeader(http.StatusOK)
	return s.body.Write(p)
}

func (s *said) response() *http.Response {
	s.WriteHeader(http.StatusOK)
	return &http.Response{
		StatusCode: s.status, Status: http.StatusText(s.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: s.header, Body: io.NopCloser(&s.body), ContentLength: int64(s.body.Len()),
	}
}

// retired are the records that nobody is going to take from a zone without a cloud
// broker: of each journal all but the newest, half of what may be kept. Operators
// export them.
func retired(store journalStore) []wire.ContainedRecord {
	keep := uint64(store.JournalLimit() / 2)
	held, _ := store.Held()
	var list []wire.ContainedRecord
	for journal, last := range held {
		if last > keep {
			list = append(list, wire.ContainedRecord{Journal: journal, Sequence: last - keep})
		}
	}
	return list
}

// keepOnly is for a zone whose controllers take no records: they stay here, but for
// those that are retired.
func (h *handback) keepOnly() {
	h.keeps = true
	h.allowed = func() bool { return false }
	contained := h.contained
	h.safe = func() []wire.ContainedRecord { return retired(h.store) }
	h.contained = func() (string, []wire.ContainedRecord) {
		history, _ := contained()
		return history, h.safe()
	}
}
