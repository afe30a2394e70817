package sim

import (
	"fmt"
	"slices"

	"understudy/site"
)

// The hosts that are not of a zone.
const (
	cloudName = "cloud.sim"
	adminName = "admin.sim"
)

const siteName = "sim"

// The ports of processes, each at its host's own address.
const (
	clientPort  = "7480"
	peerPort    = "7489"
	adminPort   = "7490"
	desktopPort = "7485"
	cloudPort   = "7443"
)

func zoneName(z int) string            { return fmt.Sprintf("z%d", z) }
func connectorName(z, i int) site.FQDN { return site.FQDN(fmt.Sprintf("cc%02d.z%d.sim", i, z)) }
func desktopName(z, i int) site.FQDN   { return site.FQDN(fmt.Sprintf("d%02d.z%d.sim", i, z)) }
func storeName(zone string) string     { return "sf." + zone + ".sim" }
func userName(i int) string            { return fmt.Sprintf("u%02d", i) }

// Addresses are on loopback, so that nothing needs a certificate.
func connectorIP(z, i int) string { return fmt.Sprintf("127.1.%d.%d", z, i) }
func desktopIP(z, i int) string   { return fmt.Sprintf("127.2.%d.%d", z, i) }
func storeIP(z int) string        { return fmt.Sprintf("127.3.%d.1", z) }

const (
	cloudIP = "127.4.0.1"
	adminIP = "127.4.0.2"
)

// makeSite is the site of a shape: in each zone assigned, pooled and shared
// desktops, which all users may have.
func makeSite(sh Shape) *site.Site {
	s := &site.Site{Name: siteName, MaxSessions: sh.Limit, Applications: []site.Application{{Name: "Writer", Groups: []string{"shared"}, Command: "writer"}}}
	var zones []string
	for z := 1; z <= sh.Zones; z++ {
		zones = append(zones, zoneName(z))
		s.Zones = append(s.Zones, site.Zone{Name: zoneName(z), Settings: sh.Settings})
		for i := 1; i <= sh.Connectors; i++ {
			s.Connectors = append(s.Connectors, makeConnector(sh, z, i))
		}
		for i := 1; i <= sh.Desktops; i++ {
			s.Machines = append(s.Machines, makeMachine(z, i))
		}
	}
	s.Groups = []site.DeliveryGroup{
		{Name: "office", Kind: site.Assigned, Zones: zones, Desktop: "Office"},
		{Name: "pool", Kind: site.Pooled, Zones: zones, Desktop: "Pool"},
		{Name: "shared", Kind: site.MultiSession, Zones: zones, Desktop: "Shared"},
	}
	s.STAFailover = sh.Failover[tickets]
	for i := range s.Groups {
		s.Groups[i].Failover = sh.Failover[s.Groups[i].Name]
	}
	for i := 1; i <= sh.Users; i++ {
		s.Users = append(s.Users, site.User{Name: userName(i), Groups: []string{"staff"}})
	}
	s.Entitlements = []site.Entitlement{
		{UserGroup: "staff", Desktop: "office"},
		{UserGroup: "staff", Desktop: "pool"},
		{UserGroup: "staff", Desktop: "shared"},
		{UserGroup: "staff", Application: "Writer"},
	}
	return s
}

// makeConnector makes the last ones the standbys.
func makeConnector(sh Shape, z, i int) site.Connector {
	at := "http://" + connectorIP(z, i) + ":"
	return site.Connector{
		FQDN: connectorName(z, i), Zone: zoneName(z), ClientURL: at + clientPort, PeerURL: at + peerPort,
		Standby: i > sh.Connectors-sh.Standbys,
	}
}

// makeMachine gives of each four desktops one to assigned users and one to many.
func makeMachine(z, i int) site.Machine {
	m := site.Machine{Name: desktopName(z, i), Zone: zoneName(z), Group: "pool"}
	switch i % 4 {
	case 1:
		m.Group = "office"
	case 2:
		m.Group, m.Capacity = "shared", 10
	}
	return m
}

// single reports whether a desktop takes one session only.
func single(s *site.Site, name site.FQDN) bool {
	i := slices.IndexFunc(s.Machines, func(m site.Machine) bool { return m.Name == name })
	return i >= 0 && s.Machines[i].Group != "shared"
}

// stateful reports whether the desktop's group is: others mirror what is so of it. It
// asks the first site, for no fault changes a mode: a connector whose site still has a
// desktop that the cloud broker's lacks by now goes by the desktop's group.
func (r *run) stateful(name site.FQDN) bool {
	i := slices.IndexFunc(r.first.Machines, func(m site.Machine) bool { return m.Name == name })
	g := slices.IndexFunc(r.first.Groups, func(g site.DeliveryGroup) bool { return i >= 0 && g.Name == r.first.Machines[i].Group })
	return g >= 0 && r.first.Groups[g].FailoverMode() == site.Stateful
}
