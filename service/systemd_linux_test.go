package service

import (
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// manager is a socket as systemd has it.
func manager(t *testing.T) *net.UnixConn {
	t.Helper()
	name := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return conn
}

func heard(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buffer := make([]byte, 4096)
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

// Each message is one datagram of sd_notify(3).
func TestDatagrams(t *testing.T) {
	conn := manager(t)
	m := New(func(err error) { t.Error(err) })
	if !m.Managed() {
		t.Fatal("not managed, with NOTIFY_SOCKET set")
	}
	for _, c := range []struct {
		say  func()
		want string
	}{
		{m.Ready, "READY=1"},
		{func() { m.Status("Normal – elected: cc01\nREADY=1") }, "STATUS=Normal – elected: cc01 READY=1"},
		{m.Alive, "WATCHDOG=1"},
		{m.Stopping, "STOPPING=1\nSTATUS=stopping"},
	} {
		c.say()
		if got := heard(t, conn); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	m.Reloading()
	got := heard(t, conn)
	found := regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=([1-9][0-9]*)$`).FindStringSubmatch(got)
	if found == nil {
		t.Fatalf("got %q, want RELOADING with the monotonic time in one datagram", got)
	}
	if _, err := strconv.ParseUint(found[1], 10, 64); err != nil {
		t.Error(err)
	}
}

// "nothing without NOTIFY_SOCKET": also where WATCHDOG_USEC was inherited.
func TestNobodyToTell(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "nonsense")
	m := New(func(err error) { t.Error(err) })
	if m.Managed() {
		t.Error("managed without NOTIFY_SOCKET")
	}
	m.Ready()
	m.Follow(t.Context(), &process{})
}

// A service manager that cannot be reached is complained about once, and what it
// wants wrongly too; neither ends the process.
func TestComplainsOnce(t *testing.T) {
	for name, set := range map[string]func(){
		"no such socket": func() { t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone")) },
		"bad watchdog":   func() { _ = manager(t); t.Setenv("WATCHDOG_USEC", "soon") },
	} {
		t.Setenv("WATCHDOG_USEC", "")
		set()
		var said []string
		m := New(func(err error) { said = append(said, err.Error()) })
		m.Ready()
		m.Ready()
		if len(said) != 1 || !strings.Contains(said[0], "service manager") {
			t.Errorf("%s: complained %q, want once", name, said)
		}
	}
}
