package sizing

import (
	"time"

	"understudy/site"
)

// load is what the elected connector has to do in HA mode, where it is alone: more
// connectors do not share that, more zones do.
func (c *calculation) load() {
	beats := float64(c.machines) / heartbeat.Seconds()
	logon := 1/c.f.Enumerations + 1/c.f.Launches + 1/c.f.CallInTLS + reports/c.f.Registrations
	c.a.Busy = (c.logons*logon + beats/c.f.CallInTLS) / c.grown
	c.a.Fits = c.a.Busy <= busiest
	c.a.ZonesNeeded = max(c.d.Zones, up(c.a.Busy/busiest*float64(c.d.Zones)))
	c.step("a zone has %d machines and %d users; all log on within %s: %.1f a second", c.machines, c.users, c.d.LogonWindow.D(), c.logons)
	c.step("a logon is an enumeration (%.0f/s measured), a launch (%.0f/s) with a handshake of mutual TLS (%.0f/s with desktops and clients on the same cores), and %d small requests (%.0f/s)",
		c.f.Enumerations, c.f.Launches, c.f.CallInTLS, reports, c.f.Registrations)
	c.step("with %.1f heartbeats of desktops a second (each %s, each with a handshake) that is %.1f %% of %d cores; at most %.0f %% is allowed. Rates are taken to grow with the cores from the %d that were measured",
		beats, heartbeat, 100*c.a.Busy, c.d.Cores, 100*busiest, c.f.Cores)
	if !c.a.Fits {
		c.step("the elected connector of a zone is alone in HA mode, so more connectors do not help: %d zones or more cores do", c.a.ZonesNeeded)
	}
}

// connectors is N+1: who carries the zone in Normal, and one more; under majority
// more than half must be left.
func (c *calculation) connectors() {
	relayed := c.logons*(2+reports) + float64(c.machines)/heartbeat.Seconds()
	most := c.f.Relayed * c.grown * busiest
	c.a.Needed = max(1, up(relayed/most))
	c.a.Connectors = c.a.Needed + 1
	c.step("in Normal a zone relays %.0f requests a second; a connector does %.0f (%.0f/s measured on one connection through a peer, %.0f %% of that): %d needed, and one that may fail",
		relayed, most, c.f.Relayed, 100*busiest, c.a.Needed)
	if c.d.Policy == site.Majority {
		c.a.Connectors = max(3, c.a.Connectors)
		c.step("under majority more than half must be left when one fails: at least 3")
	}
	c.a.MayFail = c.a.Connectors - c.a.Needed
	if c.d.Policy == site.Majority {
		c.a.MayFail = min(c.a.MayFail, (c.a.Connectors-1)/2)
	}
	c.a.AllConnectors = c.a.Connectors * c.d.Zones
}

// memory is that of each connector: each may be elected.
func (c *calculation) memory() {
	scale := max(1, float64(c.d.Machines)/float64(c.f.Machines), float64(c.d.Users)/float64(c.f.Users))
	live := c.f.ConnectorMB*scale + c.f.EngineMB*float64(c.machines)/100_000 + c.f.SessionMB*float64(c.users)/100_000
	open := c.f.ConnectionKB * float64(c.machines) / 1000
	c.a.ProcessMB = up((heap*live+BallastMB+c.f.ImportMB*scale+open)/64) * 64
	c.a.HostMB = up(float64(c.a.ProcessMB+systemMB)/1024) * 1024
	c.a.OpenFiles = 2 * (c.machines + spareFiles)
	c.step("memory: a connector with %d machines and %d users takes %.0f MB (taken in full below that size, in proportion above), registrations %.1f MB and sessions %.0f MB for each 100,000: %.0f MB, twice that and %d MB between two collections",
		c.f.Machines, c.f.Users, c.f.ConnectorMB, c.f.EngineMB, c.f.SessionMB, live, BallastMB)
	c.step("an import takes %.0f MB more; %.0f KB for the connection of each desktop of the zone, if all come at once, is %.0f MB; %d MB are left for the system",
		c.f.ImportMB*scale, c.f.ConnectionKB, open, systemMB)
	if scale > 1 {
		c.step("the site is larger than the one that was measured: try it with understudy load")
	}
}

func (c *calculation) times() {
	rate := min(c.f.CallInTLS*c.grown, c.f.CallIn)
	c.a.Registered = site.Duration(time.Duration(float64(c.machines) / rate * float64(time.Second)).Round(100 * time.Millisecond))
	c.step("when an outage begins desktops register at %.0f a second (measured with mutual TLS; call_in_rate stops it at %.0f): %s. If the elected connector dies the next one accepts after %.0f ms with the registrations that it mirrored",
		rate, c.f.CallIn, c.a.Registered.D(), c.f.TakeoverMS)
}

// front is what stands before the connectors and is not ours: stateless, so N+1.
func (c *calculation) front() {
	if c.d.GatewaySessions == 0 {
		return
	}
	c.a.Gateways, c.a.Balancers = share(c.d.Users, c.d.GatewaySessions)+1, 2
	c.step("gateways and balancers keep no state, clients connect again to another: %d users / %d sessions a gateway, and one more; one balancer and one more",
		c.d.Users, c.d.GatewaySessions)
}
