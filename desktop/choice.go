package desktop

import (
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"understudy/env"
	"understudy/site"
)

// order returns the connectors in the order in which to try them: the present one
// first, then group by group, at random within each; what only a lease named comes
// last.
func order(r io.Reader, present string, groups [][]string, learned []string) []string {
	list := []string{present}
	for _, group := range append(slices.Clone(groups), learned) {
		group = slices.Clone(group)
		env.Shuffle(r, group)
		list = append(list, group...)
	}
	return distinct(list)
}

func distinct(list []string) []string {
	seen := map[string]bool{"": true}
	return slices.DeleteFunc(list, func(s string) bool {
		again := seen[base(s)]
		seen[base(s)] = true
		return again
	})
}

func base(address string) string { return strings.TrimSuffix(address, "/") }

// hint is where to go when a connector says that another one is elected: the
// address it gives, if that is as safe as its own, else the one we know by name.
func hint(from, elected string, name site.FQDN, known []string) string {
	if scheme(elected) != "" && scheme(elected) == scheme(from) {
		return elected
	}
	for _, address := range known {
		if u, err := url.Parse(address); err == nil && name != "" && site.Canonical(u.Hostname()) == name {
			return address
		}
	}
	return ""
}

func scheme(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	return u.Scheme
}

// The bounds of the pause after every connector has failed.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	longestAfter = 5 * time.Minute // of a Retry-After
	pauseJitter  = 0.25
)

// backoff counts failures in a row.
type backoff struct{ failures int }

// next returns the pause after one more failure, never longer than a heartbeat
// interval, if one is known.
func (b *backoff) next(r io.Reader, interval time.Duration) time.Duration {
	limit := longestPause
	if interval > 0 {
		limit = min(limit, interval)
	}
	pause := min(limit, firstPause<<min(b.failures, 10))
	b.failures++
	return env.Jitter(r, pause, pauseJitter)
}

func (b *backoff) reset() { b.failures = 0 }
