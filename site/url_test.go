package site

import (
	"net/url"
	"testing"
)

// Whichever way a URL is taken apart, it is the same.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"http://127.0.0.1:7485/m/ws1.example.test", "https://ws1.example.test", "http://h:", "http://:80", "http:///x", "HTTP://h", "http://h?q", "http://h/#f",
		"http://u@h", "http://[::1]:80/", "http://h/%2e", "http://h:80:90", "http://h//x", "https://h/../x", "://", "http", "http://h:x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		host, path, plain := plainURL(text)
		if !plain {
			return
		}
		u, err := url.Parse(text)
		if err != nil {
			t.Fatalf("%q is taken for a URL: %v", text, err)
		}
		if u.Hostname() != host || u.Path != path || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https" {
			t.Errorf("%q is %q and %q, want %q and %q of %+v", text, host, path, u.Hostname(), u.Path, u)
		}
	})
}

// A callback as desktops have it goes the plain way.
func TestPlainURLs(t *testing.T) {
	for text, want := range map[string]bool{
		"http://127.0.0.1:7485/m/ws1.example.test": true, "https://WS1.example.test": true,
		"": false, "http://": false, "ftp://h": false, "http://[::1]": false, "http://h/?": false, "http://h/%20": false, "http://h:1a": false,
	} {
		if host, path, got := plainURL(text); got != want {
			t.Errorf("%q: got %t (%q, %q), want %t", text, got, host, path, want)
		}
	}
}
