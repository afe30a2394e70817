package wire_test

import (
	"testing"

	"understudy/site"
	"understudy/wire"
)

// LHC-01: a change of the site's own settings is a change, so that connectors get it.
func TestDigestCoversTheSitesOwnSettings(t *testing.T) {
	seen := map[string]string{}
	for name, s := range map[string]*site.Site{
		"none":         {Name: "example"},
		"reuse":        {Name: "example", ReuseInOutage: true},
		"limit":        {Name: "example", MaxSessions: 10},
		"other limit":  {Name: "example", MaxSessions: 11},
		"sta_failover": {Name: "example", STAFailover: site.Disabled},
	} {
		digest := wire.Digest(s)
		if other, taken := seen[digest]; taken {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[digest] = name
	}
}
