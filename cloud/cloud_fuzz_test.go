package cloud_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// LHC-12: "healthy" is a complete answer of the right kind. Of a cloud broker that
// answers anything else a client makes an error of bounded size, and nothing that it
// said is taken for a health, a site or a stream.
func FuzzAnswer(f *testing.F) {
	reply := func(kind int, status, headers, body string) {
		f.Add(uint8(kind), []byte("HTTP/1.1 "+status+"\r\n"+headers+"\r\n\r\n"+body))
	}
	const jsonType = "Connection: close\r\nContent-Type: application/json"
	reply(0, "200 OK", jsonType, `{"site":"example","version":{"history":"h","number":7}}`)
	reply(0, "200 OK", jsonType, `{"site":"other"}`)
	reply(0, "200 OK", jsonType, `{"site":"example"}{}`)
	reply(0, "200 OK", "Content-Type: text/html\r\nContent-Length: 6", "<html>")
	reply(1, "200 OK", jsonType, `{"version":{"history":"h","number":1},"digest":"d","site":{"name":"example","zones":null}}`)
	reply(2, "422 No", "Content-Type: application/problem+json", `{"code":"invalid_site","faults":[{"path":"`+strings.Repeat("x", 9000)+`"}]}`)
	reply(3, "200 OK", "Content-Type: "+cloud.ConfigurationType, "abc")
	reply(3, "304 Same", "Content-Length: 5", "")
	reply(3, "101 Switching", "Upgrade: x", "x")
	reply(3, "000 "+strings.Repeat("x", 9000), "Content-Type: "+strings.Repeat("y", 9000), "")
	reply(0, "503 Later", "Retry-After: 99999999999999", strings.Repeat("[", 11000))
	reply(0, "301 Moved", "Location: http://127.0.0.1:1/", "")
	f.Add(uint8(0), []byte("HTTP/2 200\r\n\r\n"))
	f.Fuzz(func(t *testing.T, kind uint8, answer []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := askAll(ctx, t, kind, answer); err != nil {
			if len(err.Error()) > 4*wire.MaxDetail {
				t.Errorf("an error of %d bytes: %.300s", len(err.Error()), err)
			}
			if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("no end within the time: %v", err)
			}
		}
	})
}

func askAll(ctx context.Context, t *testing.T, kind uint8, answer []byte) error {
	t.Helper()
	c := hearing(t, answer)
	defer c.Close()
	switch kind % 4 {
	case 0:
		h, err := c.Health(ctx)
		if err == nil && h.Site != "example" {
			t.Errorf("healthy with %+v", h)
		}
		return err
	case 1:
		_, err := c.Site(ctx)
		return err
	case 2:
		_, err := c.PutSite(ctx, &site.Site{Name: "example"}, site.Version{History: "h", Number: 1})
		return err
	}
	stream, unchanged, err := c.Configuration(ctx, wire.ConfigAsk{Digest: "etag"})
	if (stream != nil) && (unchanged != "" || err != nil) {
		t.Errorf("a stream, and unchanged %q, %v", unchanged, err)
	}
	if stream == nil {
		return err
	}
	_, err = io.Copy(io.Discard, stream)
	return errors.Join(err, stream.Close())
}

// hearing is a client that gets the same bytes whatever it asks.
func hearing(t *testing.T, answer []byte) *cloud.Client {
	t.Helper()
	e := env.Real()
	e.Dial = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			_, _ = far.Read(make([]byte, 1)) // what comes unasked is not read
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, _ = far.Write(answer)
		}()
		return near, nil
	}
	c, err := cloud.New(cloud.Options{Env: e, URL: "http://127.0.0.1:1", Site: "example", Connector: "cc1.example", Zone: "east"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
