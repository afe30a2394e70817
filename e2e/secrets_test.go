//go:build linux

package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"understudy/site"
	"understudy/trust"
	"understudy/wire"
	"understudy/xmlservice"
	"understudy/zone"
)

// planted are secrets by what they are; a finding names that and not the secret.
type planted map[string]string

// What an administrator and a user put in. Each is found again in whatever form it is
// written: in clear text, in base64, or as ctx1.
const (
	plantedFrontKey = "planted-front-key-7f3a9c"
	plantedToken    = "planted-cloud-token-51be20"
	plantedAdmin    = "planted-admin-token-93dd17"
	plantedPassword = "planted-password-of-alice-6c"
	plantedWrong    = "planted-wrong-password-d02e"
	plantedBind     = "planted-bind-password-88af"
	plantedTSIG     = "planted-tsig-secret-of-the-zone"
	plantedGuess    = "planted-guess-of-a-key-4410"
	plantedGuac     = "5eedc0de5eedc0de5eedc0de5eedc0de"
)

// secretStand is a zone with TLS with a secret in every place that takes one, and
// verbose logs.
func secretStand(t *testing.T) (*secured, planted) {
	t.Helper()
	s := newSecuredStand(t, 2)
	s.write("tokens", "zone-berlin connector "+plantedToken+"\nadministrator admin "+plantedAdmin+"\n")
	s.write("connector.token", plantedToken+"\n")
	s.write("admin.token", plantedAdmin+"\n")
	s.write("front.keys", "front "+trust.HashOf(plantedFrontKey).String()+"\n")
	s.write("reader", plantedBind+"\n")
	s.write("guacamole", plantedGuac+"\n")
	secret := base64.StdEncoding.EncodeToString([]byte(plantedTSIG))
	s.write("zone.key", fmt.Sprintf("key \"zone-berlin\" { algorithm hmac-sha256; secret %q; };\n", secret))
	hash := execute(t, command{Name: "hash", Path: "sh", Args: []string{"-c", `printf '%s\n' "$1" | "$0" credentials hash alice staff`, binary(t), plantedPassword}})
	must(t, hash.failure())
	s.write("users", hash.Out)
	broker := "log: {level: debug}\nlaunch: {guacamole_key_file: guacamole}\n" +
		"credentials:\n  local_file: users\n  ldap:\n    - {servers: [\"ldap://127.0.0.1:1\"], ca_file: \"" + s.zoneCA.File + "\", bind_dn: \"cn=reader\", bind_password_file: reader, base: \"dc=example\"}\n"
	s.cloud.more = broker
	for _, c := range s.zone {
		c.more = broker + "storefront_keys_file: front.keys\n" +
			"dns: {server: \"127.0.0.1:1\", zone: example.test, name: berlin.example.test, addresses: [" + c.ip + "], key_file: zone.key}"
	}
	for _, d := range s.desktops {
		d.more = "log: {level: debug}"
	}
	found := planted{
		"front key": plantedFrontKey, "cloud token": plantedToken, "admin's token": plantedAdmin, "password": plantedPassword, "wrong password": plantedWrong,
		"bind password": plantedBind, "TSIG secret": secret, "TSIG secret, plain": plantedTSIG, "guess": plantedGuess, "Guacamole key": plantedGuac,
		"password in ctx1": xmlservice.Ctx1(plantedPassword), "hash of a password": strings.Fields(hash.Out)[1],
	}
	for name, id := range s.ids {
		text, err := os.ReadFile(id.KeyFile)
		must(t, err)
		found["TLS key of "+name] = strings.Split(string(text), "\n")[1]
	}
	return s, found
}

// "No secret in any log, event, error, status or crash dump (a test greps for planted
// ones)": a story with good, refused and malformed requests, in Normal and in an outage,
// all that commands show, and the dump of every process.
func TestPlantedSecrets(t *testing.T) {
	t.Parallel()
	s, secrets := secretStand(t)
	s.up()
	var said []string // what was shown to anybody but who may know
	s.saySecrets(t, "in Normal", secrets, &said)
	s.showAll(t, &said)
	s.cloud.signal(syscall.SIGQUIT)
	s.cloud.Wait(step)
	for _, c := range s.zone {
		c.admin().Reaches(turn, zone.InitialHA)
		c.admin().Elects(turn, site.FQDN(s.zone[0].name))
	}
	s.saySecrets(t, "in the outage", secrets, &said)
	s.showAll(t, &said)
	processes := append([]*unit{s.cloud}, append(s.zone, s.desktops...)...)
	for _, p := range processes[1:] {
		token, err := os.ReadFile(p.data() + "/admin.token")
		if err == nil {
			secrets["admin.token of "+p.name] = strings.TrimSpace(string(token))
		}
		p.signal(syscall.SIGQUIT)
		p.Wait(step)
	}
	for _, p := range processes {
		if !strings.Contains(p.Log(), "goroutine ") {
			t.Errorf("%s left no dump", p.name)
		}
		said = append(said, p.Log())
	}
	if len(secrets) < 20 {
		t.Errorf("only %d secrets were planted", len(secrets))
	}
	all := strings.Join(said, "\n")
	for what, secret := range secrets {
		for form, text := range map[string]string{"as it is": secret, "in base64": base64.StdEncoding.EncodeToString([]byte(secret))} {
			if at := strings.Index(all, text); at >= 0 {
				t.Errorf("%s is shown, %s: …%s", what, form, strings.ReplaceAll(all[max(0, at-200):min(len(all), at+len(text)+100)], text, "*****"))
			}
		}
	}
}

// saySecrets shows the secrets where they belong and where they do not, and keeps what is
// answered to the latter.
func (s *secured) saySecrets(t *testing.T, when string, secrets planted, said *[]string) {
	t.Helper()
	url, id := s.zone[0].url(7480), s.ids[frontName]
	key := []string{"Authorization", "Bearer " + plantedFrontKey}
	good := func(path, body string, header ...string) string {
		a, err := ask(t, s.client(&id), "POST", url+path, body, header...)
		if err != nil || a.Status/100 != 2 {
			t.Errorf("%s, %s: got %d %s (%v)", when, path, a.Status, a.Body, err)
		}
		return a.Body
	}
	s.launches("alice", "desktop:office")
	var launched wire.LaunchAnswer
	if err := json.Unmarshal([]byte(good("/storefront/v1/sessions", `{"user":"alice","resource":"desktop:office"}`, key...)), &launched); err != nil {
		t.Fatal(err)
	}
	secrets["launch ticket "+when] = launched.Ticket
	good("/storefront/v1/tickets/redeem", fmt.Sprintf(`{"ticket":%q}`, launched.Ticket), key...)
	good("/storefront/v1/sessions", `{"user":"alice","resource":"desktop:office"}`, append(key, "Accept", "application/x-guacamole-token")...)
	sta := good("/scripts/ctxsta.dll", `<CtxSTAProtocol version="4.0"><RequestTicket><AllowedTicketType>STA-v4</AllowedTicketType><AllowedAuthorityIDType>STA-v1</AllowedAuthorityIDType><TicketData><Value name="CGPAddress">x:2598</Value></TicketData></RequestTicket></CtxSTAProtocol>`, "Content-Type", "text/xml")
	if m := regexp.MustCompile(`<Ticket>([^<]+)</Ticket>`).FindStringSubmatch(sta); m != nil {
		secrets["STA ticket "+when] = m[1]
	} else {
		t.Errorf("%s: the STA said %s", when, sta)
	}
	enumerate := func(password string) string {
		return `<NFuseProtocol version="5.4"><RequestAppData><Scope traverse="subtree"/><DesiredDetails>defaults</DesiredDetails><Credentials><UserName>alice</UserName>` + password + `</Credentials></RequestAppData></NFuseProtocol>`
	}
	for _, encoded := range []string{
		`<Password encoding="cleartext">` + plantedPassword + `</Password>`,
		`<Password encoding="ctx1">` + xmlservice.Ctx1(plantedPassword) + `</Password>`,
	} {
		if body := good("/scripts/wpnbr.dll", enumerate(encoded), "Content-Type", "text/xml"); !strings.Contains(body, "<InName>") {
			t.Errorf("%s: alice got %s", when, body)
		}
	}
	s.sayBadly(t, launched.Ticket, enumerate, said)
}

// sayBadly is all that is refused, with secrets in it.
func (s *secured) sayBadly(t *testing.T, ticket string, enumerate func(string) string, said *[]string) {
	t.Helper()
	url, id := s.zone[0].url(7480), s.ids[frontName]
	for _, q := range []struct {
		shown      *identity
		path, body string
		header     []string
	}{
		{&id, "/scripts/wpnbr.dll", enumerate(`<Password encoding="cleartext">` + plantedWrong + `</Password>`), nil},
		{&id, "/scripts/wpnbr.dll", enumerate(`<Password encoding="` + plantedPassword + `">` + plantedPassword + `</Password>`), nil},
		{&id, "/scripts/wpnbr.dll", enumerate(`<Password encoding="cleartext">` + plantedPassword + `</Passwort>`), nil},
		{&id, "/scripts/ctxsta.dll", `<CtxSTAProtocol version="4.0"><RequestData><Ticket version="STA-v4">` + ticket, nil},
		{nil, "/storefront/v1/resources", `{"user":"alice"}`, []string{"Authorization", "Bearer " + plantedGuess}},
		{nil, "/storefront/v1/resources", `{"user":"alice"}`, []string{"Authorization", plantedFrontKey}},
		{&id, "/storefront/v1/tickets/redeem", fmt.Sprintf(`{"ticket":%q}`, ticket), nil},
		{&id, "/storefront/v1/tickets/redeem", fmt.Sprintf(`{"ticket":[%q]}`, ticket), nil},
		{&id, "/storefront/v1/tickets/redeem", fmt.Sprintf(`{"ticket":"x","password":%q`, plantedPassword), nil},
		{&id, "/storefront/v1/sessions", fmt.Sprintf(`{"user":"alice","resource":"desktop:office","password":%q}`, plantedPassword), nil},
	} {
		a, err := ask(t, s.client(q.shown), "POST", url+q.path, q.body, q.header...)
		if err != nil {
			t.Errorf("%s: %v", q.path, err)
		}
		*said = append(*said, q.path+": "+a.Body)
	}
	if s.cloud.Running() {
		for _, token := range []string{plantedGuess, plantedToken + "x"} {
			a, err := ask(t, s.client(nil), "GET", s.cloud.url(7443)+"/cloud/v1/sites/example/configuration", "", "Authorization", "Bearer "+token)
			if err == nil && a.Status != http.StatusUnauthorized {
				t.Errorf("a wrong token got %d", a.Status)
			}
			*said = append(*said, a.Body)
		}
	}
}

// showAll keeps what every command shows of every connector.
func (s *secured) showAll(t *testing.T, said *[]string) {
	t.Helper()
	for _, c := range s.zone {
		for _, args := range [][]string{
			{"status"}, {"peers"}, {"events", "-n", "1000"}, {"registrations"}, {"sessions"}, {"snapshots"}, {"group", "list"}, {"handback", "list"}, {"journal"}, {"whoami"},
		} {
			for _, form := range []string{"json", "table"} {
				r := understudy(t, append(args, "-o", form, "--connector", "unix:"+c.socket())...)
				if r.Code != 0 && args[0] != "journal" && args[0] != "group" && args[0] != "handback" {
					t.Errorf("%v: exit %d: %s", args, r.Code, r.Stderr)
				}
				*said = append(*said, r.Out, r.Stderr)
			}
		}
	}
}
