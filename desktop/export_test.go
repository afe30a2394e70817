package desktop

import (
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/site"
)

// Memory keeps a machine's state in memory, through the form that it has on disk.
type Memory struct{ Saved State }

// Save encodes and decodes the state.
func (m *Memory) Save(s State) error {
	b, err := encodeState(s)
	if err == nil {
		m.Saved, err = decodeState(b)
	}
	return err
}

// Host is the callback API of one machine that starts from a state, without the
// loops of an agent.
func Host(name site.FQDN, capacity int, s State, disk *Memory, p Provider, log logrus.FieldLogger) (http.Handler, func() State) {
	m := newMachine(&machine{
		name: name, arbiter: Arbiter{Capacity: capacity}, store: disk, provider: p, gate: env.Real().Gate, wall: time.Now, log: log,
	}, s.Restored(time.Now()))
	return router([]*machine{m}, false, ""), m.now
}

// DecodeState reads the content of a state file.
func DecodeState(b []byte) (State, error) { return decodeState(b) }

// EncodeState writes it.
func EncodeState(s State) ([]byte, error) { return encodeState(s) }

// Digest is the checksum that a state file has.
func Digest(b []byte) string { return digest(b) }
