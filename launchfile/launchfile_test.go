package launchfile_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"understudy/launchfile"
	"understudy/site"
)

// office is a launch as a broker knows it.
func office() launchfile.Launch {
	return launchfile.Launch{
		Name: "Office desktop", User: `EXAMPLE\alice`, Host: "ws01.example.test", Port: 3389, Protocol: "rdp",
	}
}

// made is an answer, as text.
func made(t *testing.T, m launchfile.Maker, f site.LaunchFormat, l launchfile.Launch) string {
	t.Helper()
	body, err := m.Make(f, l)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// LHC-30: "The secondary broker … brokers launches": what an RDP client opens names
// address and user, one setting a line; a group's lines come on top or replace ours.
func TestRDPFile(t *testing.T) {
	l := office()
	l.Command = `C:\mail.exe`
	l.Group.RDP = []string{"authentication level:i:0", "audiomode:i:2", "loadbalanceinfo:s:tsv://a:b"}
	want := strings.Join([]string{
		"full address:s:ws01.example.test:3389",
		`username:s:EXAMPLE\alice`,
		"prompt for credentials:i:0",
		"negotiate security layer:i:1",
		"autoreconnection enabled:i:1",
		`alternate shell:s:C:\mail.exe`,
		"authentication level:i:0",
		"audiomode:i:2",
		"loadbalanceinfo:s:tsv://a:b",
		"",
	}, "\r\n")
	if got := made(t, launchfile.Maker{}, site.LaunchRDP, l); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	l.Host = "2001:db8::1"
	if got := made(t, launchfile.Maker{}, site.LaunchRDP, l); !strings.HasPrefix(got, "full address:s:[2001:db8::1]:3389\r\n") {
		t.Errorf("an IPv6 address becomes %q", got)
	}
}

// Whatever a desktop's agent or a site says stays on its line: else it could send the
// user elsewhere.
func TestRDPFileTakesNoLinesOfOthers(t *testing.T) {
	for name, change := range map[string]func(*launchfile.Launch){
		"host":    func(l *launchfile.Launch) { l.Host = "a\r\nfull address:s:evil" },
		"command": func(l *launchfile.Launch) { l.Command = "a\nfull address:s:evil" },
		"user":    func(l *launchfile.Launch) { l.User = "a\x00b" },
	} {
		l := office()
		change(&l)
		if body, err := (launchfile.Maker{}).Make(site.LaunchRDP, l); err == nil {
			t.Errorf("%s: made %q", name, body)
		}
	}
}

func TestRDPFileIsForRDP(t *testing.T) {
	l := office()
	l.Protocol = "vnc"
	if _, err := (launchfile.Maker{}).Make(site.LaunchRDP, l); !errors.Is(err, launchfile.ErrProtocol) {
		t.Errorf("error %v, want ErrProtocol", err)
	}
}

// The form is chosen by Accept as RFC 9110, 12.5.1, has it: by weight, the closest
// range counts; ties go to what the group prefers.
func TestChoose(t *testing.T) {
	all := site.LaunchFormats()
	for _, c := range []struct {
		accept  string
		offered []site.LaunchFormat
		want    site.LaunchFormat
	}{
		{"", all, site.LaunchJSON},
		{"*/*", all, site.LaunchJSON},
		{"*/*", []site.LaunchFormat{site.LaunchRDP, site.LaunchJSON}, site.LaunchRDP},
		{"application/x-rdp", all, site.LaunchRDP},
		{"Application/X-RDP ; q=0.5", all, site.LaunchRDP},
		{"application/json;q=0.1, application/x-rdp;q=0.2", all, site.LaunchRDP},
		{"application/x-guacamole-token, */*;q=0.5", all, site.LaunchGuacamole},
		{"application/*;q=0.5, application/json;q=0", all, site.LaunchRDP},
		{"text/html, application/xhtml+xml, */*;q=0.8", all, site.LaunchJSON},
		{"application/x-rdp;q=2, application/json", all, site.LaunchJSON},
		{"application/x-rdp;q=NaN, application/json", all, site.LaunchJSON},
		{"text/html", all, ""},
		{"application/json;q=0", all, ""},
		{"application/x-rdp", []site.LaunchFormat{site.LaunchJSON}, ""},
		{";;;,,q=1", all, ""},
		{"*/*", nil, ""},
	} {
		got, ok := launchfile.Choose([]string{c.accept}, c.offered)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("Accept %q of %v: got %q, %t; want %q", c.accept, c.offered, got, ok, c.want)
		}
	}
	if got, _ := launchfile.Choose([]string{"text/html", "application/x-rdp"}, all); got != site.LaunchRDP {
		t.Errorf("of two headers: got %q", got)
	}
}

// LHC-11: what a connector relays is "a body that is not the protocol" unless it is
// one of these.
func TestJudge(t *testing.T) {
	key, _ := launchfile.ParseKey("4C0B569E4C96DF157EEE1B65DD0E4D41")
	token := made(t, launchfile.Maker{Key: key}, site.LaunchGuacamole, office())
	for _, c := range []struct {
		typ, body   string
		known, good bool
	}{
		{launchfile.TypeRDP, "full address:s:a:1\r\n", true, true},
		{launchfile.TypeRDP + "; charset=utf-8", "full address:s:a:1\r\n", true, true},
		{launchfile.TypeRDP, "<html>", true, false},
		{launchfile.TypeRDP, "", true, false},
		{launchfile.TypeGuacamole, token, true, true},
		{launchfile.TypeGuacamole, token[:len(token)-4], true, false},
		{launchfile.TypeGuacamole, "<html>", true, false},
		{"text/html", "<html>", false, true},
		{"", "", false, true},
	} {
		known, fault := launchfile.Judge(c.typ, []byte(c.body))
		if known != c.known || (fault == nil) != c.good {
			t.Errorf("%s %.20q: got %t, %v", c.typ, c.body, known, fault)
		}
	}
}

func TestFileName(t *testing.T) {
	for resource, want := range map[string]string{
		"desktop:office": "office.rdp", "app:Mail & more": "Mail___more.rdp", `app:a"/../b`: "a_____b.rdp",
	} {
		if got := launchfile.FileName(site.LaunchRDP, resource); got != want {
			t.Errorf("%s: got %s, want %s", resource, got, want)
		}
	}
}

// The forms are documented as they are made.
func TestTableIsInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := launchfile.Table(); !strings.Contains(string(page), table) {
		t.Errorf("docs/api.md does not hold this table:\n%s", table)
	}
}
