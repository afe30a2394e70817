package desktop

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"understudy/datadir"
	"understudy/site"
	"understudy/wire"
)

// StateFormat is the version of the file of a desktop's state.
const StateFormat = 1

const stateFile = "desktop.json"

// Store keeps the state of one machine in a file that is replaced as a whole: after
// a crash at any moment it holds the old state or the new one.
type Store struct {
	// Dir is the machine's own folder; it must exist.
	Dir string
	// NoSync leaves out the fsyncs: for load tests, never for a real desktop.
	NoSync bool
}

// DamagedError says that a state file cannot be trusted.
type DamagedError struct {
	File   string
	Reason string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("state file %s is damaged: %s; end the machine's sessions and remove the file to start anew", e.File, e.Reason)
}

// stateDocument has the same form in every version; what State holds may differ.
type stateDocument struct {
	Format int             `json:"format"`
	SHA256 string          `json:"sha256"`
	State  json.RawMessage `json:"state"`
}

// Load reads the machine's state. Without a file it is a new machine's.
func (s Store) Load(machine site.FQDN) (State, error) {
	file := filepath.Join(s.Dir, stateFile)
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return State{Machine: machine}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("read the desktop's state: %w", err)
	}
	state, err := decodeState(b)
	if newer, ok := errors.AsType[*datadir.NewerError](err); ok {
		newer.File = file
		return State{}, newer
	}
	if err != nil {
		return State{}, &DamagedError{File: file, Reason: err.Error()}
	}
	if state.Machine != machine {
		return State{}, fmt.Errorf("state file %s belongs to machine %s, not to %s", file, state.Machine, machine)
	}
	return state, nil
}

func decodeState(b []byte) (State, error) {
	var doc stateDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		return State{}, err
	}
	if doc.Format < 1 {
		return State{}, fmt.Errorf("format %d is none", doc.Format)
	}
	if digest(doc.State) != doc.SHA256 {
		return State{}, errors.New("its checksum is wrong")
	}
	if doc.Format > StateFormat {
		return State{}, &datadir.NewerError{Version: doc.Format, Known: StateFormat, Remedy: "end the machine's sessions and remove the file"}
	}
	var state State
	if err := json.Unmarshal(doc.State, &state); err != nil {
		return State{}, err
	}
	if err := state.fault(); err != nil {
		return State{}, err
	}
	return state, nil
}

// fault says why no host can have been in the state: no broker would take it.
func (s State) fault() error {
	seen := map[string]bool{}
	for _, h := range s.Sessions {
		if seen[h.ID] {
			return fmt.Errorf("session %q is there twice", h.ID)
		}
		seen[h.ID] = true
	}
	sessions := s.sessions()
	return wire.Heartbeat{AssignedUser: s.AssignedUser, Sessions: &sessions}.Validate()
}

// Save makes the state durable before it returns.
func (s Store) Save(state State) error {
	b, err := encodeState(state)
	if err == nil {
		err = s.replace(b)
	}
	if err != nil {
		return fmt.Errorf("save the desktop's state: %w", err)
	}
	return nil
}

func encodeState(state State) ([]byte, error) {
	inner, err := json.Marshal(state)
	if err != nil {
		return nil, err
	}
	return json.Marshal(stateDocument{Format: StateFormat, SHA256: digest(inner), State: inner})
}

func digest(b []byte) string {
	sum := sha256.Sum256(bytes.TrimSpace(b))
	return hex.EncodeToString(sum[:])
}

func (s Store) replace(b []byte) error {
	file := filepath.Join(s.Dir, stateFile)
	temp := file + ".new"
	if err := s.write(temp, b); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(temp)))
	}
	if err := os.Rename(temp, file); err != nil {
		return err
	}
	if s.NoSync {
		return nil
	}
	return datadir.Sync(s.Dir)
}

func (s Store) write(file string, b []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil && !s.NoSync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
