package sitesource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"understudy/program"
	"understudy/wire"
)

// maxComplaint is how much of what the command complains of is kept.
const maxComplaint = 1 << 10

// run returns what a command writes, if it ends well and in time.
func run(ctx context.Context, argv []string, limit time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := program.New(ctx, argv, nil)
	complaint := &program.Kept{Most: maxComplaint}
	cmd.Stderr = complaint
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
		return nil, fmt.Errorf("it did not end within %s%s", limit, words(complaint))
	case err != nil:
		return nil, err
	case ended != nil:
		return nil, fmt.Errorf("it failed: %w%s", ended, words(complaint))
	}
	return text, nil
}

// words are what the command complained of, for an error.
func words(complaint *program.Kept) string {
	said := complaint.Words()
	if said == "" {
		return ""
	}
	return ": " + wire.Clip(said)
}
