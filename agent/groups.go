package agent

import (
	"cmp"
	"maps"
	"slices"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// weightNames is how many machines of one weight are named.
const weightNames = 10

// Groups are the delivery groups of the site as this connector has it (ADC-05).
func (a *Agent) Groups() wire.GroupList {
	out := wire.GroupList{Items: []wire.GroupStatus{}}
	snapshot, ok := a.snapshots.Current()
	if !ok {
		out.Note = "this connector has no usable snapshot of the site"
		return out
	}
	defer snapshot.Release()
	all := snapshot.Index.Site()
	out.MaxSessions, out.STAFailover, out.ReuseInOutage = all.MaxSessions, all.STAFailoverMode(), all.ReuseInOutage
	use := map[string]*wire.GroupUse{}
	if s := a.stance.Load().serving; s != nil {
		use = usesOf(s.engine.Groups())
	} else {
		out.Note = "Sessions and machines are not counted here: " + a.notHere() + "."
	}
	for _, g := range all.Groups {
		status := groupStatus(g, snapshot.Index.MachinesOf(g.Name, a.o.Zone))
		status.Use = use[g.Name]
		out.Items = append(out.Items, status)
	}
	return out
}

func usesOf(groups []broker.GroupInfo) map[string]*wire.GroupUse {
	use := map[string]*wire.GroupUse{}
	for _, g := range groups {
		n := g.Members
		use[g.Group] = &wire.GroupUse{
			Sessions: g.Sessions, PeakToday: g.Peak,
			Free: n.Free, Full: n.Full, Maintenance: n.Maintenance, Aside: n.Aside, Away: n.Away,
		}
	}
	return use
}

func groupStatus(g site.DeliveryGroup, machines []site.Machine) wire.GroupStatus {
	return wire.GroupStatus{
		Name: g.Name, Kind: g.Kind, Zones: g.Zones, Desktop: g.Desktop, Failover: g.FailoverMode(), Balance: g.Balancing(),
		MaxSessions: g.MaxSessions, Dynamic: g.Dynamic, ReuseInOutage: g.ReuseInOutage, ReplaceUnreachable: g.ReplaceUnreachable,
		Launch:   site.Launch{Formats: g.Launch.Allowed(), RDP: g.Launch.RDP, Guacamole: g.Launch.Guacamole},
		Machines: len(machines), Weights: weightsOf(machines),
	}
}

func weightsOf(machines []site.Machine) []wire.WeightCount {
	by := map[int]*wire.WeightCount{}
	for _, m := range machines {
		if by[m.Weight] == nil {
			by[m.Weight] = &wire.WeightCount{Weight: m.Weight}
		}
		w := by[m.Weight]
		if w.Machines++; len(w.Names) < weightNames {
			w.Names = append(w.Names, m.Name)
		}
	}
	counts := []wire.WeightCount{}
	for _, w := range slices.SortedFunc(maps.Values(by), func(a, b *wire.WeightCount) int { return cmp.Compare(a.Weight, b.Weight) }) {
		counts = append(counts, *w)
	}
	return counts
}
