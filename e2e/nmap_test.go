//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The clients of docs/clients.md that nmap has, with what they are started with.
var nmapClients = []struct{ name, script, args string }{
	{"nmap citrix-enum-apps-xml", "+citrix-enum-apps-xml", ""},
	{"nmap citrix-enum-servers-xml", "+citrix-enum-servers-xml", ""},
	{"nmap citrix-brute-xml", "+citrix-brute-xml", "ntdomain=EXAMPLE,userdb=users,passdb=passwords"},
	{"other functions of nmap's citrixxml", "xml-service.nse", "user=alice,password=alice-secret"},
}

// The states in which each is tried, as the page has them.
var clientStates = []string{"Normal", "HA mode, elected", "HA mode, not elected"}

// LHC-43, LHC-42, LHC-22: "clients that nobody here wrote": each of nmap's scripts for
// an XML Service, and its library's other functions, in each state, with a real slapd
// behind the brokers. docs/clients.md says what they report.
func TestNmapAgainstEveryState(t *testing.T) {
	t.Parallel()
	needTool(t, "nmap", "nmap")
	c := newCast(t)
	c.more = startDirectory(t).section + "xml: {expose: [access-lists, servers]}\n"
	c.write("cloud.yaml", c.cloudFile("cloud")+c.more)
	c.write("users", "alice\nmallory\n")
	c.write("passwords", "guess\nalice-secret\n")
	script, err := os.ReadFile("testdata/xml-service.nse")
	if err != nil {
		t.Fatal(err)
	}
	c.write("xml-service.nse", string(script))
	c.startCloud()
	c.publish()
	c.open()
	report := map[string][]string{}
	tried := func(p *player) {
		for _, client := range nmapClients {
			report[client.name] = append(report[client.name], c.nmap(p, client.script, client.args))
		}
	}
	tried(c.players[1])
	c.outage()
	tried(c.players[0])
	eventually(t, act, "the second one knows that it is not elected", func() error {
		s, err := c.players[1].Status()
		if err == nil && (!s.State.HA() || s.Election.Serving) {
			err = fmt.Errorf("%+v", s)
		}
		return err
	})
	tried(c.players[1])
	wantClients(t, report)
	refusedInLog(t, c.players[0].process.Log())
}

// refusedInLog wants who was not let in, and nobody's password.
func refusedInLog(t *testing.T, log string) {
	t.Helper()
	if !strings.Contains(log, "a user was not let in") || !strings.Contains(log, `EXAMPLE\\mallory`) {
		t.Error("the log does not tell of mallory, who was not let in")
	}
	for _, secret := range []string{"alice-secret", "reader-secret", "guess"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has the password %s", secret)
		}
	}
}

// nmap runs a script against a connector and returns what it reports, on one line.
func (c *cast) nmap(p *player, script, args string) string {
	c.t.Helper()
	line := []string{"-Pn", "-n", "-sT", "-p", fmt.Sprint(clientPort), "--script", script}
	if args != "" {
		line = append(line, "--script-args", args)
	}
	r := execute(c.t, command{Name: "nmap", Path: "nmap", Args: append(line, p.ip), Dir: c.dir})
	if r.Code != 0 || !strings.Contains(r.Out, "open") {
		c.t.Fatalf("nmap: exit code %d: %s%s", r.Code, r.Out, r.Stderr)
	}
	var said []string
	for text := range strings.Lines(r.Out) {
		text, mine := strings.CutPrefix(strings.TrimRight(text, "\n"), "|")
		text = strings.Trim(strings.TrimPrefix(text, "_"), " ")
		if mine && text != "" && !strings.HasSuffix(text, "-xml:") && text != "xml-service:" {
			said = append(said, strings.ReplaceAll(text, "`", "'"))
		}
	}
	if len(said) == 0 {
		return "nothing"
	}
	return strings.ReplaceAll(strings.Join(said, "; "), "|", "/")
}

// wantClients compares rows of the page with what clients reported, by state.
func wantClients(t *testing.T, report map[string][]string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(page), "\n")
	for name, said := range report {
		if len(said) != len(clientStates) {
			t.Errorf("%s was tried in %d states, want %d", name, len(said), len(clientStates))
			continue
		}
		for i, state := range clientStates {
			if row := fmt.Sprintf("| %s | %s | %s |", name, state, said[i]); !slices.Contains(rows, row) {
				t.Errorf("docs/clients.md has no row\n%s", row)
			}
		}
	}
}
