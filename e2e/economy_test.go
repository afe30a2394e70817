//go:build linux

package e2e_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestUnchangedSync: LHC-01, a sync asks whether the configuration changed; where
// it did not, no body is transferred.
func TestUnchangedSync(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.startCloud()
	c.publish()
	meter := newMeter(t, c.cloudURL)
	c.cloudURL = meter.url
	c.open()
	imported := meter.total()
	if imported.full == 0 || imported.full > len(c.players) || imported.bytes == 0 {
		t.Fatalf("got %+v after the first syncs, want one import by each connector at most: they also ask peers", imported)
	}
	eventually(t, act, "ten more syncs", func() error {
		if now := meter.total(); now.unchanged < imported.unchanged+10 {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	if now := meter.total(); now.bytes != imported.bytes || now.full != imported.full {
		t.Errorf("got %+v, want no byte more than %+v", now, imported)
	}
	// The meter does see a change.
	c.write("site.yaml", strings.Replace(c.siteFile(), "Office desktop", "Desk", 1))
	c.publish()
	eventually(t, act, "the changed site is imported", func() error {
		if now := meter.total(); now.full <= imported.full || now.bytes <= imported.bytes {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
}

// traffic is what configuration requests transferred: how many bodies of how many
// bytes, and how many answers without any.
type traffic struct{ full, unchanged, bytes int }

// meter is a proxy before the cloud broker that counts.
type meter struct {
	url string
	mu  sync.Mutex // guards sum
	sum traffic
}

func newMeter(t *testing.T, cloud string) *meter {
	t.Helper()
	to, err := url.Parse(cloud)
	if err != nil {
		t.Fatal(err)
	}
	// Call streams are HTTP/2, here without TLS.
	behind, before := &http.Protocols{}, &http.Protocols{}
	behind.SetUnencryptedHTTP2(true)
	before.SetUnencryptedHTTP2(true)
	before.SetHTTP1(true)
	m := &meter{}
	server := httptest.NewUnstartedServer(m.handler(&httputil.ReverseProxy{
		Transport:     &http.Transport{Protocols: behind},
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ErrorLog:      log.New(io.Discard, "", 0), // processes are killed
	}))
	server.Config.Protocols = before
	server.Start()
	t.Cleanup(func() { server.CloseClientConnections(); _ = server.Config.Close() })
	m.url = server.URL
	return m
}

func (m *meter) handler(proxy http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/configuration") {
			proxy.ServeHTTP(w, r)
			return
		}
		counted := &counter{ResponseWriter: w}
		proxy.ServeHTTP(counted, r)
		m.add(counted)
	})
}

func (m *meter) add(c *counter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum.bytes += c.bytes
	switch c.status {
	case http.StatusOK:
		m.sum.full++
	case http.StatusNotModified:
		m.sum.unchanged++
	}
}

func (m *meter) total() traffic {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sum
}

// counter counts the bytes of one answer's body.
type counter struct {
	http.ResponseWriter
	status, bytes int
}

func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.bytes += n
	return n, err
}

// Unwrap lets a ResponseController flush.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// memoryLimit is what a connector of the demo's size stays under, in bytes.
const memoryLimit = 60_000_000

// TestMemory: a connector of the demo's size stays under 60 MB, also after it has
// served a whole outage.
func TestMemory(t *testing.T) {
	t.Parallel()
	c := ready(t)
	c.outage()
	for _, user := range []string{"alice", "bob", "carol"} {
		for range 50 {
			resource := "desktop:pool"
			if user == "alice" {
				resource = "desktop:office"
			}
			if _, err := c.launch(user, resource); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.startCloud()
	c.recovered()
	for _, p := range c.players {
		now, peak := memory(t, p.process, "VmRSS"), memory(t, p.process, "VmHWM")
		t.Logf("%s: %.1f MiB, at most %.1f MiB", p.name, float64(now)/(1<<20), float64(peak)/(1<<20))
		if peak >= memoryLimit || now == 0 {
			t.Errorf("%s: got %d bytes at the most, want less than %d", p.name, peak, memoryLimit)
		}
	}
}

// memory reads one of the kernel's figures of a process, in bytes.
func memory(t testing.TB, p *process, key string) int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if value, is := strings.CutPrefix(lines.Text(), key+":"); is {
			kilobytes, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(value, " kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatalf("no %s in the status of process %d", key, p.cmd.Process.Pid)
	return 0
}
