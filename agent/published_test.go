package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/site"
	configsync "understudy/sync"
	"understudy/wire"
)

// sourceOf is a site source that knows its site's digest.
type sourceOf struct {
	site *site.Site
	err  error
}

func (s *sourceOf) Read(_ context.Context, known ...string) (*site.Site, string, error) {
	digest := wire.Digest(s.site)
	if slices.Contains(known, digest) {
		return nil, digest, s.err
	}
	return s.site, digest, s.err
}

// publishedAt is a site source at one moment of a zone.
func publishedAt(source SiteSource, leader site.FQDN, newest site.Version, now time.Time) *published {
	return &published{
		source: source, self: "cc2", started: func(context.Context) error { return nil }, leader: func() site.FQDN { return leader },
		newest: func() site.Version { return newest }, history: func() string { return "new" }, now: func() time.Time { return now },
	}
}

// LHC-01, for a site without a cloud broker: who is elected takes what changed, as a
// version above all that the zone has.
func TestElectedTakesTheSourcesChange(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := site.Generate(20, 10, 1)
	for name, c := range map[string]struct{ newest, want site.Version }{
		"the first":              {site.Version{}, site.Version{History: "new", Number: 1_800_000_000}},
		"after a cloud broker's": {site.Version{History: "old", Number: 7}, site.Version{History: "old", Number: 1_800_000_000}},
		"with a clock gone back": {site.Version{History: "old", Number: 1_900_000_000}, site.Version{History: "old", Number: 1_900_000_001}},
	} {
		t.Run(name, func(t *testing.T) {
			p := publishedAt(&sourceOf{site: s}, "cc2", c.newest, now)
			stream, unchanged, err := p.Configuration(t.Context(), wire.ConfigAsk{Digest: "another"})
			if err != nil || unchanged != "" {
				t.Fatalf("unchanged %q, %v", unchanged, err)
			}
			defer stream.Close()
			r, err := wire.NewConfigReader(stream)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Header().Version; got != c.want || r.Header().Site != s.Name {
				t.Errorf("version %s of %s, want %s", got, r.Header().Site, c.want)
			}
			if _, unchanged, err := p.Configuration(t.Context(), wire.ConfigAsk{Digest: wire.Digest(s)}); err != nil || unchanged != wire.Digest(s) {
				t.Errorf("unchanged %q, %v", unchanged, err)
			}
		})
	}
}

// The others leave a change to the elected one; a source that goes on saying something
// else than that one's is a failure that an operator hears of.
func TestOthersFollowTheElected(t *testing.T) {
	source := &sourceOf{site: site.Generate(20, 10, 1)}
	p := publishedAt(source, "cc1", site.Version{}, time.Now())
	ask := wire.ConfigAsk{Digest: "what cc1 has"}
	for i, want := range []bool{true, false, false} {
		_, _, err := p.Configuration(t.Context(), ask)
		if errors.Is(err, configsync.ErrFollows) != want || !strings.Contains(err.Error(), "cc1") {
			t.Errorf("sync %d: %v, follows: want %t", i+1, err, want)
		}
	}
	source.site = site.Generate(30, 10, 1)
	if _, _, err := p.Configuration(t.Context(), ask); !errors.Is(err, configsync.ErrFollows) {
		t.Errorf("a new change: %v", err)
	}
	ask.Digest = wire.Digest(source.site)
	if _, unchanged, err := p.Configuration(t.Context(), ask); err != nil || unchanged != ask.Digest {
		t.Errorf("unchanged %q, %v", unchanged, err)
	}
	source.err = errors.New("no such file")
	if _, _, err := p.Configuration(t.Context(), ask); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("error %v", err)
	}
}
