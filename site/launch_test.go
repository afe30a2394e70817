package site_test

import (
	"slices"
	"strings"
	"testing"

	"understudy/site"
)

// What a group says of its launches is judged line by line: it must not be able to
// send users elsewhere, nor is a site's file a place for passwords.
func TestLaunchSettingsAreJudged(t *testing.T) {
	for _, c := range []struct {
		name   string
		launch site.Launch
		want   string // empty: none
	}{
		{"good", site.Launch{
			Formats: []site.LaunchFormat{site.LaunchRDP, site.LaunchJSON},
			RDP:     []string{"audiomode:i:2", "gatewayhostname:s:gw:443", "desktopwidth:i:-1", "drivestoredirect:s:"}, Guacamole: []string{"ignore-cert=true", "timezone="},
		}, ""},
		{"unknown format", site.Launch{Formats: []site.LaunchFormat{"ica"}}, `groups[1].launch.formats[0]: "ica" is not json, rdp or guacamole`},
		{"format twice", site.Launch{Formats: []site.LaunchFormat{"rdp", "json", "rdp"}}, `groups[1].launch.formats[2]: "rdp" is there twice`},
		{"no line", site.Launch{RDP: []string{"audiomode=2"}}, `groups[1].launch.rdp[0]: is not NAME:TYPE:VALUE with a name in lower case and a type of s, i or b`},
		{"two lines in one", site.Launch{RDP: []string{"audiomode:s:2\r\nfull address:s:evil"}}, `groups[1].launch.rdp[0]: is not NAME:TYPE:VALUE with a name in lower case and a type of s, i or b`},
		{"no number", site.Launch{RDP: []string{"audiomode:i:on"}}, `groups[1].launch.rdp[0]: "on" is not a whole number`},
		{"line twice", site.Launch{RDP: []string{"audiomode:i:1", "audiomode:i:2"}}, `groups[1].launch.rdp[1]: "audiomode" is there twice`},
		{"address", site.Launch{RDP: []string{"full address:s:evil"}}, `groups[1].launch.rdp[0]: "full address" is not for the site to say`},
		{"signature", site.Launch{RDP: []string{"signature:s:AAAA"}}, `groups[1].launch.rdp[0]: "signature" is not for the site to say`},
		{"long line", site.Launch{RDP: []string{"a:s:" + strings.Repeat("x", 1024)}}, `groups[1].launch.rdp[0]: is longer than 1024 bytes`},
		{"many lines", site.Launch{RDP: make([]string, 65)}, `groups[1].launch.rdp: has 65 lines, more than 64`},
		{"no parameter", site.Launch{Guacamole: []string{"ignore-cert"}}, `groups[1].launch.guacamole[0]: is not NAME=VALUE with a name in lower case`},
		{"password", site.Launch{Guacamole: []string{"security=any", "password=x"}}, `groups[1].launch.guacamole[1]: "password" is not for the site to say`},
	} {
		s := company()
		s.Groups[1].Launch = c.launch
		var got string
		for _, f := range s.Validate() {
			got += f.String()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// Which group an application's launch gets is known when it is too late to refuse it,
// so what is offered is what all of them allow, and there must be something.
func TestFormatsOfResources(t *testing.T) {
	s := company()
	formats := func(id string) []site.LaunchFormat {
		r, ok := site.NewIndex(s).Resource(id)
		if !ok {
			t.Fatalf("there is no %s", id)
		}
		return r.Formats
	}
	if got := formats("app:Mail"); !slices.Equal(got, site.LaunchFormats()) {
		t.Errorf("where nothing is said: %v, want all", got)
	}
	s.Groups[1].Launch.Formats = []site.LaunchFormat{site.LaunchGuacamole, site.LaunchRDP, site.LaunchJSON}
	s.Groups[2].Launch.Formats = []site.LaunchFormat{site.LaunchJSON, site.LaunchGuacamole}
	if got := formats("desktop:pool"); !slices.Equal(got, s.Groups[1].Launch.Formats) {
		t.Errorf("the desktop has %v, want its group's", got)
	}
	if got, want := formats("app:Mail"), []site.LaunchFormat{site.LaunchGuacamole, site.LaunchJSON}; !slices.Equal(got, want) {
		t.Errorf("the application has %v, want what both groups have, %v", got, want)
	}
	s.Groups[2].Launch.Formats = nil
	s.Groups[1].Launch.Formats = []site.LaunchFormat{site.LaunchRDP}
	s.Groups[2].Launch.Formats = []site.LaunchFormat{site.LaunchJSON}
	if faults := s.Validate(); len(faults) != 1 || faults[0].String() != "applications[0].groups: the groups have no launch format in common" {
		t.Errorf("nothing in common: faults %v", faults)
	}
}
