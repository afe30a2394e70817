package config_test

import (
	"errors"
	"strings"
	"testing"

	"understudy/config"
)

// "Configuration [carries] versions …, a newer one is refused with a clear message":
// the message is about the version alone, not about keys that this one does not know.
func TestFileVersions(t *testing.T) {
	const site = "name: s\nzones: [{name: z}]\nconnectors: [{fqdn: c.test, zone: z, client_url: 'https://c.test', peer_url: 'https://c.test:7489'}]\n"
	for _, c := range []struct {
		text, want string
	}{
		{site, ""},
		{"version: 1\n" + site, ""},
		{site + "version: 1\n", ""},
		{site + "later: 7\nversion: 2\nzones: 5\n", "site.yaml:5: is of version 2, and this understudy reads up to 1; nothing was changed. Start the newer version of understudy, or put the file back that was used with this one"},
		{"version: 0\n" + site, "site.yaml:1: version: 0 is no version; this understudy reads 1"},
		{"version: one\n" + site, "site.yaml:1: version: \"one\" is not a whole number"},
		{"version: 1\nversion: 1\n" + site, "site.yaml:2: version: is there already, on line 1"},
	} {
		_, err := config.ParseSite("site.yaml", []byte(c.text))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if _, ok := errors.AsType[*config.FileError](err); got != c.want && !strings.HasPrefix(got, c.want+"\n") || err != nil && !ok {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
	}
}

// The files of processes are read by the same rule.
func TestProcessFilesHaveVersions(t *testing.T) {
	for name, load := range map[string]func(string) error{
		"connector": func(f string) error { _, err := config.LoadConnector(f); return err },
		"cloud":     func(f string) error { _, err := config.LoadCloud(f); return err },
		"desktop":   func(f string) error { _, err := config.LoadDesktop(f); return err },
	} {
		err := load(pageFile(t, "version: 2\ncolour: red\n"))
		if err == nil || !strings.HasSuffix(err.Error(), "or put the file back that was used with this one") || strings.Contains(err.Error(), "colour") {
			t.Errorf("%s: error %v, want a refusal of the version alone", name, err)
		}
	}
}
