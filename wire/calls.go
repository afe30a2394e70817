package wire

import (
	"encoding/json"
	"io"
	"net/http"

	"understudy/site"
)

// Call is a request that the cloud broker sends down a connector's call stream:
// one line of NDJSON. A line with an empty ID is a keep-alive and has no answer.
type Call struct {
	ID      string    `json:"id,omitempty"`
	Machine site.FQDN `json:"machine,omitempty"`
	// Callback is the base URL that the machine registered.
	Callback string          `json:"callback,omitempty"`
	Method   string          `json:"method,omitempty"`
	Path     string          `json:"path,omitempty"`
	Body     json.RawMessage `json:"body,omitempty"`
}

// CallAnswer is the machine's answer, or the connector's own problem document. A
// line with an empty ID is a keep-alive and carries the term.
type CallAnswer struct {
	ID     string          `json:"id,omitempty"`
	Status int             `json:"status,omitempty"`
	Body   json.RawMessage `json:"body,omitempty"`
	Term   uint64          `json:"term"`
}

// CloudHealth answers GET /cloud/v1/health once the store has been read.
type CloudHealth struct {
	Site    string       `json:"site"`
	Version site.Version `json:"version"`
}

// Passed is what a connector passes on to the cloud broker for a peer (NEW-03).
type Passed struct {
	Peer   site.FQDN
	Method string
	Target string // path and query
	Header http.Header
	Body   io.Reader
	// Stream says that the answer may take long: the configuration.
	Stream bool
	// Calls says that it is the peer's call stream, both directions of which stay open.
	Calls bool
}
