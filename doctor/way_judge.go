package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"understudy/env"
	"understudy/wire"
)

// How Windows says that there is no way.
const (
	windowsNetUnreachable  = syscall.Errno(10051)
	windowsHostUnreachable = syscall.Errno(10065)
)

// notConnected names why there was no connection.
func notConnected(err error) string {
	switch {
	case env.NobodyListens(err):
		return "port_refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, windowsHostUnreachable), errors.Is(err, windowsNetUnreachable):
		return "host_unreachable"
	case timedOut(err), errors.Is(err, syscall.ETIMEDOUT):
		return "port_dropped"
	}
	return "host_unreachable"
}

// brokenBy names why a connection carried no answer.
func brokenBy(err error) string {
	if name := distrust(err); name != "" {
		return name
	}
	if _, plain := errors.AsType[tls.RecordHeaderError](err); plain || strings.Contains(err.Error(), "HTTP response to HTTPS client") {
		return "tls_none"
	}
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		if strings.Contains(remote.Err.Error(), "protocol version") { // alerts have no type of their own
			return "tls_version"
		}
		return "tls_refused"
	}
	if timedOut(err) {
		return "silent"
	}
	return "broken"
}

// distrust names what is wrong with the other side's certificate.
func distrust(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "tls_name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "tls_authority"
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return "tls_expired"
	case ok:
		return "tls_authority"
	}
	return ""
}

// refused judges an answer that is no success; fits says that it is one all the same.
func (a *answer) refused() (f Finding, is bool) {
	if a.problem == nil {
		return Finding{}, false
	}
	name := "not_ours"
	switch {
	case a.problem.Code == wire.CodeNotInZone:
		name = "other_zone"
	case a.status == http.StatusUnauthorized:
		name = "token_refused"
	case a.status == http.StatusForbidden:
		name = "forbidden"
	case a.status >= http.StatusInternalServerError:
		name = "unhealthy"
	}
	detail := strings.TrimSpace(a.problem.Detail)
	if detail == "" {
		detail = http.StatusText(a.status)
	}
	return found(name, a.about, a.where()+": "+http.StatusText(a.status)+": "+wire.Clip(detail), a.places()), true
}

// maxClock is how far apart two clocks may be; a Date header has whole seconds.
const maxClock = 5 * time.Second

// clock compares the clocks of two hosts.
func (a *answer) clock() []Finding {
	if a.date.IsZero() {
		return nil
	}
	by := a.ours.Sub(a.date.Add(500 * time.Millisecond)) // the header says the beginning of a second
	at := "this host and " + hostOf(a.url)
	if by.Abs() <= maxClock+a.took/2 {
		return []Finding{fine(checkClock, at, "they agree within %s", maxClock)}
	}
	word := "ahead of"
	if by < 0 {
		word = "behind"
	}
	return []Finding{found("clock_differs", at, "this host is "+by.Abs().Round(time.Second).String()+" "+word+" "+hostOf(a.url), nil)}
}

// slow judges how long an answer took.
func (a *answer) slow(name, key string, limit time.Duration) []Finding {
	at := a.about
	if limit == 0 || a.took <= limit {
		return nil
	}
	p := a.places()
	p["key"] = "`" + key + "`"
	return []Finding{found(name, at, a.where()+": an answer took "+a.took.Round(time.Millisecond).String(), p)}
}
