package sitesource

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"understudy/wire"
)

const (
	// waitAfterKill is for a child of the command that keeps its output open.
	waitAfterKill = time.Second
	// maxComplaint is how much of what the command complains of is kept.
	maxComplaint = 1 << 10
)

// run returns what a command writes, if it ends well and in time.
func run(ctx context.Context, argv []string, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = waitAfterKill
	complaint := &beginning{}
	cmd.Stderr = complaint
	together(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	text, err := atMost(out)
	if err != nil {
		cancel() // it would wait for somebody to read the rest
	}
	ended := cmd.Wait()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it did not end within %s%s", limit, complaint)
	case err != nil:
		return nil, err
	case ended != nil:
		return nil, fmt.Errorf("it failed: %w%s", ended, complaint)
	}
	return text, nil
}

// beginning keeps the first bytes of what is written to it.
type beginning struct{ text []byte }

// Write takes all and keeps what there is room for.
func (b *beginning) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), maxComplaint-len(b.text))]...)
	return len(p), nil
}

func (b *beginning) String() string {
	said := strings.Join(strings.Fields(string(b.text)), " ")
	if said == "" {
		return ""
	}
	return ": " + wire.Clip(said)
}
