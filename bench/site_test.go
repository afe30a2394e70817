//go:build linux

package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"understudy/site"
	"understudy/wire"
)

// bigSite is a company: 200 groups, a user for two machines and six entitlements for
// each. All machines are in the zone of the connectors that are given.
func bigSite(machines int, connectors ...site.Connector) *site.Site {
	s := &site.Site{Name: "bench", Zones: []site.Zone{{Name: "berlin"}}, Connectors: connectors}
	const groups, applications = 200, 2000
	for i := range groups {
		name := fmt.Sprintf("group%03d", i)
		s.Groups = append(s.Groups, site.DeliveryGroup{Name: name, Kind: site.MultiSession, Zones: []string{"berlin"}, Desktop: "Desktop " + name})
	}
	for i := range applications {
		s.Applications = append(s.Applications, site.Application{
			Name: fmt.Sprintf("app%04d", i), Groups: []string{fmt.Sprintf("group%03d", i%groups)}, Command: `C:\Apps\app.exe`,
		})
	}
	for i := range machines {
		s.Machines = append(s.Machines, site.Machine{Name: machineName(i), Group: fmt.Sprintf("group%03d", i%groups), Zone: "berlin", Capacity: 20})
	}
	for i := range machines / 2 {
		user := userName(i)
		s.Users = append(s.Users, site.User{Name: user, Groups: []string{"staff"}})
		s.Entitlements = append(s.Entitlements, site.Entitlement{User: user, Desktop: fmt.Sprintf("group%03d", i%groups)})
		for n := range 5 {
			s.Entitlements = append(s.Entitlements, site.Entitlement{User: user, Application: fmt.Sprintf("app%04d", (i*7+n*311)%applications)})
		}
	}
	return s
}

func machineName(i int) site.FQDN { return site.FQDN(fmt.Sprintf("vda%06d.bench.test", i)) }

func userName(i int) string { return fmt.Sprintf("user%06d", i) }

// stream writes a site as a cloud broker sends it.
func stream(s *site.Site, number uint64) []byte {
	var b bytes.Buffer
	must(wire.WriteConfig(&b, s, site.Version{History: "20260101T000000Z-aaaa", Number: number}))
	return b.Bytes()
}

// registrations are the bodies that all machines send.
func registrations(machines int) [][]byte {
	bodies := make([][]byte, machines)
	for i := range bodies {
		name := machineName(i)
		bodies[i] = need(json.Marshal(wire.Registration{
			Machine: name, Zone: "berlin", AgentVersion: "2.4.1-1234 (linux amd64)", Protocol: wire.VDAProtocol,
			Callback: "http://127.0.0.1:7485/m/" + string(name), Capacity: 20, Load: i % 10000, Term: 1,
			Sessions: []wire.Session{},
		}))
	}
	return bodies
}

// writeJSON writes a value to a file of the folder.
func writeJSON(dir, name string, v any) string {
	path := filepath.Join(dir, name)
	must(os.WriteFile(path, need(json.Marshal(v)), 0o600))
	return path
}
