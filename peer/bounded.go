package peer

import (
	"context"
	"net"
	"time"
)

// dial opens a connection for a stream, on which no write can hang.
func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, l.patience())
	defer cancel()
	conn, err := l.mesh.o.Env.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if c, ok := conn.(interface{ SetWriteBuffer(int) error }); ok {
		_ = c.SetWriteBuffer(sendBuffer)
	}
	hangUp, _ := ctx.Value(hangUpKey{}).(context.CancelFunc)
	return &boundedConn{Conn: conn, link: l, hangUp: hangUp}, nil
}

// hangUpKey is for what ends the feed of the stream that a connection is for.
type hangUpKey struct{}

// boundedConn is one whose writes the link gives up when they take too long. Its end
// is the end of the feed: net/http waits for that, and it would be noticed only when
// there is something to say.
type boundedConn struct {
	net.Conn
	link   *link
	hangUp context.CancelFunc
}

// writing is a write under way.
type writing struct {
	conn  net.Conn
	since time.Time
}

// Close ends the feed too.
func (c *boundedConn) Close() error {
	if c.hangUp != nil {
		c.hangUp()
	}
	return c.Conn.Close()
}

// Write lets the link know since when it lasts.
func (c *boundedConn) Write(p []byte) (int, error) {
	w := &writing{c.Conn, time.Now()}
	c.link.writing.Store(w)
	defer c.link.writing.CompareAndSwap(w, nil)
	return c.Conn.Write(p)
}

// giveUp ends a write that has lasted for longer than the limit. It does not block.
func (l *link) giveUp(now time.Time, limit time.Duration) {
	if w := l.writing.Load(); w != nil && now.Sub(w.since) >= limit {
		_ = w.conn.SetWriteDeadline(time.Unix(1, 0))
	}
}
