package site

import (
	"fmt"
	"net/url"
	"strings"
)

// URLFault says what is wrong with the base URL of a service; it is empty for a
// good one.
func URLFault(text string) string {
	if text == "" {
		return "is missing"
	}
	if _, _, plain := plainURL(text); plain {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("%q is not an http or https URL", text)
	case u.Hostname() == "":
		return fmt.Sprintf("%q names no host", text)
	case u.User != nil || strings.ContainsAny(text, "?#"):
		return fmt.Sprintf("%q holds more than scheme, host, port and path", text)
	}
	return ""
}

// HostAndPath takes a URL apart, without its port; false: it is none.
func HostAndPath(text string) (host, path string, ok bool) {
	if host, path, ok = plainURL(text); ok {
		return host, path, true
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", "", false
	}
	return u.Hostname(), u.Path, true
}

// plainURL takes a URL of letters, digits and a few signs apart, of which url.Parse
// would say the same for more.
func plainURL(text string) (host, path string, ok bool) {
	_, rest, _ := strings.Cut(text, "://")
	if scheme := len(text) - len(rest); text[:scheme] != "http://" && text[:scheme] != "https://" {
		return "", "", false
	}
	if end := strings.IndexByte(rest, '/'); end >= 0 {
		rest, path = rest[:end], rest[end:]
	}
	host, port, _ := strings.Cut(rest, ":")
	if host == "" || !isPlainName(host) || strings.Trim(port, "0123456789") != "" || !isPlainPath(path) {
		return "", "", false
	}
	return host, path, true
}

func isPlainPath(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if !isPlainName(part) {
			return false
		}
	}
	return true
}

func isPlainName(name string) bool {
	for _, c := range []byte(name) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}
