//go:build linux

package e2e_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
)

// operate runs an operator's command at a connector.
func (c *cast) operate(p *player, args ...string) result {
	c.t.Helper()
	args = append(args, "--connector", p.address, "--token-file", filepath.Join(p.data, "admin.token"))
	return execute(c.t, command{Name: strings.Join(args, " "), Args: args, Dir: c.dir})
}

// inquire is operate for a command that answers with one JSON object.
func inquire[T any](c *cast, p *player, args ...string) T {
	c.t.Helper()
	var answer T
	r := c.operate(p, args...)
	if r.Code != 0 {
		c.t.Fatalf("%v at %s: exit code %d: %s", args, p.name, r.Code, r.Stderr)
	}
	if err := json.Unmarshal([]byte(r.Out), &answer); err != nil {
		c.t.Fatalf("%v at %s: %v: %s", args, p.name, err, r.Out)
	}
	return answer
}
