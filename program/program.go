// Package program makes the programs that operators name ready to run: without a shell,
// each in a process group that ends as a whole, and with bounds for what they write. Who
// runs one says how long it may take.
package program

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// outputGrace is how long the output is waited for after a program has ended: what it
// left running may hold it open.
const outputGrace = time.Second

// New returns a program with its arguments, to be run. It finds environ on top of this
// process's environment, and is killed with all that it has started when ctx ends.
func New(ctx context.Context, argv, environ []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), environ...)
	cmd.WaitDelay = outputGrace
	ownGroup(cmd)
	return cmd
}

// Kept is the beginning of what a program writes.
type Kept struct {
	// Most is how many bytes there is room for.
	Most int
	// Over says that more was written.
	Over bool

	text bytes.Buffer
}

// Write takes everything and keeps what there is room for.
func (k *Kept) Write(b []byte) (int, error) {
	room := k.Most - k.text.Len()
	k.Over = k.Over || len(b) > room
	k.text.Write(b[:min(len(b), room)])
	return len(b), nil
}

// String is what was kept.
func (k *Kept) String() string { return k.text.String() }

// Words are what was kept on one line, for an error.
func (k *Kept) Words() string { return strings.Join(strings.Fields(k.text.String()), " ") }
