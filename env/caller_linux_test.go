package env

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"testing"
)

// called is who asked, as a handler behind a Crowd sees it.
func called(t *testing.T, network, address string) (string, bool) {
	t.Helper()
	var name string
	var known bool
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		name, known = Caller(r.Context())
	})}
	crowd := Bound(l, server, Room{Share: 8})
	go func() { _ = server.Serve(crowd) }()
	t.Cleanup(func() { _ = server.Close() })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, l.Addr().String())
	}}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://connector/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return name, known
}

// Trust 3: "who, from where": on a Unix socket the kernel says who.
func TestCallerOnAUnixSocket(t *testing.T) {
	want := "uid 4242"
	if u, err := user.LookupId("0"); err == nil && os.Geteuid() == 0 {
		want = u.Username
	} else if u, err := user.Current(); err == nil {
		want = u.Username
	}
	if name, known := called(t, "unix", filepath.Join(t.TempDir(), "s")); !known || name != want {
		t.Errorf("%q, %v, want %q", name, known, want)
	}
	if name, known := called(t, "tcp", "127.0.0.1:0"); known {
		t.Errorf("over TCP it is %q", name)
	}
}

func TestAccountName(t *testing.T) {
	list := "root:x:0:0::/root:/bin/sh\nolaf:x:1000:1000::/:/bin/sh\nbroken\n:x:7:::\n"
	for uid, want := range map[uint32]string{0: "root", 1000: "olaf", 7: "uid 7", 4294967294: "uid 4294967294"} {
		if got := accountName(uid, list); got != want {
			t.Errorf("%d: %q, want %q", uid, got, want)
		}
	}
}
