package hooks

import (
	"context"
	"errors"
	"os/exec"
	"strings"

	"understudy/program"
)

// maxOutput is how much is kept of what a command prints.
const maxOutput = 2 << 10

// Execute runs a program in a process group of its own, which is killed as a whole when
// ctx ends, and returns the end of what it printed.
func Execute(ctx context.Context, argv, environ []string) (string, error) {
	var out tail
	cmd := program.New(ctx, argv, environ)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // it has ended well, and something that it started goes on
	}
	return out.text(), err
}

// tail keeps the end of what is written.
type tail struct {
	kept []byte
	cut  bool
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - maxOutput; over > 0 {
		t.kept, t.cut = append(t.kept[:0], t.kept[over:]...), true
	}
	return len(p), nil
}

func (t *tail) text() string {
	text := strings.ToValidUTF8(strings.TrimSpace(string(t.kept)), "\uFFFD")
	if t.cut {
		text = "…" + text
	}
	return text
}
