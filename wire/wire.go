// Package wire holds the JSON types of every API and of the configuration
// stream, their limits and validation, and the one way in which errors become
// answers. It opens no connection; handlers and clients use it.
package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
)

// Bounds of bodies, in bytes.
const (
	MaxBody         = 1 << 20
	MaxRegistration = 64 << 10
	MaxStream       = 1 << 30
	MaxObject       = 1 << 20
)

// Headers of our own.
const (
	// HeaderTerm carries the zone's term on relayed requests and call answers.
	HeaderTerm = "Understudy-Term"
	// HeaderZone and HeaderConnector name who relays.
	HeaderZone      = "Understudy-Zone"
	HeaderConnector = "Understudy-Connector"
	// HeaderAuthority is the relaying connector's STA authority id, which the
	// launch answer names so that a gateway asks that connector.
	HeaderAuthority = "Understudy-Authority"
	// HeaderVia names the peer that passes a request on for the connector in
	// HeaderConnector (NEW-03). What carries it is never passed on again; an answer
	// that carries it is the cloud broker's and not that peer's own.
	HeaderVia = "Understudy-Via"
	// HeaderSource is the address from which a relayed XML request came, and
	// HeaderTrusted says that its caller has shown who it is: whoever relays sets both.
	HeaderSource  = "Understudy-Source"
	HeaderTrusted = "Understudy-Trusted"
	// HeaderMachines are the machines that the certificate of the desktop names which
	// asks, with commas between them: whoever relays has verified it. Without TLS there
	// are none.
	HeaderMachines    = "Understudy-Machines"
	HeaderIdempotency = "Idempotency-Key"
)

// Unknown says what happens to fields that the type does not have.
type Unknown bool

// Ways to treat unknown fields: admin and StoreFront bodies refuse them, peer and
// VDA bodies, which a newer minor version may have sent, ignore them.
const (
	Refuse Unknown = false
	Ignore Unknown = true
)

// Validator is a body that can say what is wrong with itself.
type Validator interface{ Validate() error }

// Read decodes one JSON body of at most limit bytes into v and validates it.
// What it returns is a *Problem: 413 when too large, 400 when malformed.
func Read(w http.ResponseWriter, r *http.Request, limit int64, unknown Unknown, v any) error {
	room := enter()
	defer room.leave()
	text, err := room.body(w, r, limit)
	if err != nil {
		return bodyProblem(err)
	}
	return decode(text, unknown, v)
}

// body reads a body whose length is known in one go.
func (r *room) body(w http.ResponseWriter, of *http.Request, limit int64) ([]byte, error) {
	n := of.ContentLength
	if n <= 0 || n > limit {
		return io.ReadAll(http.MaxBytesReader(w, of.Body, limit))
	}
	r.b = slices.Grow(r.b, int(n))[:n]
	_, err := io.ReadFull(of.Body, r.b)
	return r.b, err
}

func decode(text []byte, unknown Unknown, v any) error {
	if p, ok := v.(plain); !ok || !p.readPlain(text) {
		if err := decodeAny(text, unknown, v); err != nil {
			return err
		}
	}
	if c, ok := v.(Validator); ok {
		if err := c.Validate(); err != nil {
			return NewProblem(http.StatusBadRequest, CodeBadRequest, err.Error())
		}
	}
	return nil
}

// decodeAny reads whatever JSON there is. A decoder costs more than Unmarshal, but
// alone knows unknown fields and says well what is wrong.
func decodeAny(text []byte, unknown Unknown, v any) error {
	if unknown == Ignore && json.Unmarshal(text, v) == nil {
		return nil
	}
	return decodeStrictly(text, unknown, v)
}

func decodeStrictly(text []byte, unknown Unknown, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if unknown == Refuse {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return bodyProblem(err)
	}
	if err := d.Decode(new(json.RawMessage)); !errors.Is(err, io.EOF) {
		if err == nil {
			return NewProblem(http.StatusBadRequest, CodeBadRequest, "the body holds more than one JSON value")
		}
		return bodyProblem(err)
	}
	return nil
}

func bodyProblem(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Problemf(http.StatusRequestEntityTooLarge, CodeTooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	}
	return Problemf(http.StatusBadRequest, CodeBadRequest, "the body is not what this path takes: %v", err)
}
