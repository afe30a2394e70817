package agent

import (
	"fmt"
	"maps"
	"slices"

	"understudy/site"
	"understudy/storefront"
	"understudy/wire"
)

// missing says in sentences what would not work in an outage that began now
// (LHC-50).
func (a *Agent) missing(s wire.Status, peers []wire.PeerStatus) []string {
	out := []string{}
	able := 0
	for _, p := range peers {
		if p.Differs != "" {
			out = append(out, fmt.Sprintf("a takeover between %s and this connector would start from what desktops report: %s", p.FQDN, p.Differs))
		}
		switch {
		case p.CanServe:
			able++
		case p.Self || p.Heard:
			out = append(out, fmt.Sprintf("%s could not take over: %s", p.FQDN, p.WhyNot))
		default:
			out = append(out, fmt.Sprintf("%s could not take over: it is not heard (%s)", p.FQDN, p.Link))
		}
	}
	if able == 1 && len(peers) > 1 {
		out = append(out, "only one connector could serve: its loss would end brokering in an outage")
	}
	if !s.Gate.Open {
		out = append(out, "the zone would not enter HA mode by itself: "+s.Gate.Reason)
	}
	if s.Snapshot != nil && s.Snapshot.Quarantined > 0 {
		out = append(out, fmt.Sprintf("%d objects of the site are not used because they are not valid; `understudy snapshots` names them", s.Snapshot.Quarantined))
	}
	for _, v := range s.Held {
		out = append(out, fmt.Sprintf("version %s of the site is held back: %s; `understudy snapshots accept` takes it", v.Version, v.Reason))
	}
	switch {
	case s.Sync.Waiting != "":
		out = append(out, "the whole site, of which there is no copy yet: "+s.Sync.Detail)
	case s.Sync.Outcome == "failed":
		out = append(out, "changes since the last good sync: "+s.Sync.Detail)
	}
	for _, h := range s.Hooks {
		if !h.OK {
			out = append(out, fmt.Sprintf("clients may be led to another connector than the elected one: %s failed: %s", h.Hook, h.Detail))
		}
	}
	if a.published != nil {
		out = append(out, missingUsers(a.o.XML)...)
	}
	return append(out, slices.Sorted(maps.Keys(s.MissingOf))...)
}

// missingGroups are sentences about the pooled groups whose desktops go to maintenance
// once used in an outage (LHC-34), each with the group.
func (a *Agent) missingGroups() map[string]string {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return nil
	}
	defer snapshot.Release()
	all := snapshot.Index.Site()
	out := map[string]string{}
	for _, g := range all.Groups {
		if g.Kind == site.Pooled && !(all.ReuseInOutage && g.ReuseInOutage) && len(snapshot.Index.MachinesOf(g.Name, a.o.Zone)) > 0 {
			out[fmt.Sprintf("desktops of %s would each serve one user only: after logoff they go to maintenance", g.Name)] = g.Name
		}
	}
	return out
}

// missingUsers tells of clients of controllers that an outage would lock out: in Normal the
// controllers know their users, so that nobody notices (LHC-43).
func missingUsers(x storefront.XML) []string {
	if x.Off || x.Users != nil {
		return nil
	}
	return []string{"nobody would be let in by XML Service: there are no credentials in the connector's file; give credentials.ldap or credentials.local_file"}
}
