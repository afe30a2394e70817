package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"understudy/site"
)

// loopback reports whether a host can be reached from this host only.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// security is how a process is protected: TLS from files, or, on loopback
// addresses only, nothing.
type security struct {
	tls      TLS
	insecure bool
	mutual   bool // the files must include a CA
}

const insecureHint = "insecure: true is accepted on loopback addresses only"

// checkSecurity wants TLS or insecure, and complete TLS.
func (c *checker) checkSecurity(s security) {
	switch {
	case s.insecure && s.tls != TLS{}:
		c.fault("insecure", "is true, but tls names files too")
	case s.insecure:
	case s.tls == TLS{}:
		c.fault("tls", "is missing; %s", insecureHint)
	default:
		c.need("tls.cert_file", s.tls.CertFile)
		c.need("tls.key_file", s.tls.KeyFile)
		if s.mutual {
			c.need("tls.ca_file", s.tls.CAFile)
		}
	}
}

// listen judges an address to listen on.
func (c *checker) listen(path, address string, s security) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !validPort(port) {
		c.fault(path, "%q is not an address such as 127.0.0.1:7480", address)
		return
	}
	if s.insecure && !loopback(host) {
		c.fault(path, "%q is not a loopback address; %s", address, insecureHint)
	}
}

func validPort(port string) bool {
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}

// service judges the URL of another process.
func (c *checker) service(path, text string, s security) {
	if fault := site.URLFault(text); fault != "" {
		c.fault(path, "%s", fault)
		return
	}
	u, _ := url.Parse(text) // URLFault has parsed it
	switch {
	case u.Scheme == "http" && !s.insecure:
		c.fault(path, "%q is not an https URL", text)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		c.fault(path, "%q is not on a loopback address; %s", text, insecureHint)
	}
}

// admin judges the address of the admin API, which is never protected by TLS.
func (c *checker) admin(path, address string) {
	if socket, ok := strings.CutPrefix(address, unixPrefix); ok {
		c.need(path, socket)
		return
	}
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || !validPort(port):
		c.fault(path, "%q is not an address such as 127.0.0.1:7490 or unix:admin.sock", address)
	case !loopback(host):
		c.fault(path, "%q is not a loopback address, and the admin API is not on any other", address)
	}
}

// unixPrefix marks the path of a Unix socket.
const unixPrefix = "unix:"
