package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"understudy/console"
	"understudy/env"
	"understudy/events"
	"understudy/localdb"
	"understudy/wire"
)

// tokenFile holds the token of the admin API over TCP.
const tokenFile = "admin.token"

// adminRoutes are those for operators.
func (a *Agent) adminRoutes() (http.Handler, error) {
	token, err := a.adminToken()
	if err != nil {
		return nil, err
	}
	c, err := console.New(console.Options{
		Status:        a.Status,
		Events:        a.events,
		Peers:         func() wire.List[wire.PeerStatus] { return wire.List[wire.PeerStatus]{Items: a.Peers()} },
		Snapshots:     func() wire.List[wire.SnapshotStatus] { return wire.List[wire.SnapshotStatus]{Items: a.Snapshots()} },
		Registrations: a.Registrations, Sessions: a.Sessions, Groups: a.Groups, Outage: a.Outage, Election: a.Election,
		SnapshotDiff: a.SnapshotDiff, SnapshotOrder: a.OrderSnapshots, Reload: a.OrderReload,
		Zone: a.o.Zone, Token: token, Accounts: a.o.Accounts, GroupOf: a.groupOf, Tell: a.tellDeed,

		SessionPeaks: func(ctx context.Context, days int) (wire.List[wire.SessionPeak], error) {
			return a.peaks.List(ctx, days)
		},
		Journal: func(ctx context.Context, after uint64, limit int) (wire.JournalPage, error) {
			return a.handback.Records(ctx, after, limit)
		},
	})
	if err != nil {
		return nil, err
	}
	r := newRouter()
	a.healthRoutes(r)
	c.Routes(r)
	return r, nil
}

func (a *Agent) events(ctx context.Context, q console.Query) ([]events.Entry, error) {
	return a.state.Events(ctx, localdb.EventQuery{After: q.After, Limit: q.Limit, Newest: q.Newest, Names: q.Names})
}

// adminToken reads the token, or makes one at the first start.
func (a *Agent) adminToken() (string, error) {
	path := filepath.Join(a.o.Data, tokenFile)
	b, err := os.ReadFile(path)
	if token := strings.TrimSpace(string(b)); err == nil && token != "" {
		return token, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	token := env.Token(a.o.Env.Rand("admin"))
	if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the admin token: %w", err)
	}
	return token, nil
}

// listen binds one address. The admin API may have a Unix socket, which only its
// owner may use; one that an earlier run left behind is replaced.
func (a *Agent) listen(ctx context.Context, name, address string) (net.Listener, error) {
	path, isUnix := strings.CutPrefix(address, "unix:")
	if !isUnix {
		return a.o.Env.Listen(ctx, "tcp", address)
	}
	if name != "admin" {
		return nil, fmt.Errorf("a Unix socket is for the admin API only")
	}
	if err := removeSocket(path); err != nil {
		return nil, err
	}
	l, err := a.o.Env.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// removeSocket removes what an earlier run left behind, and nothing else.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there already and is no socket", path)
	}
	return os.Remove(path)
}
