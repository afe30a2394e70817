package site

import "slices"

// MaxSessionLimit bounds what a session limit may say.
const MaxSessionLimit = 10_000_000

func (v *validator) checkGroupPolicy(path place, g DeliveryGroup) {
	if g.ReuseInOutage && g.Kind != Pooled {
		v.fault(path.in(".reuse_in_outage"), "only pooled groups have it, not %s ones", g.Kind)
	}
	if g.ReplaceUnreachable && g.Kind != Pooled {
		v.fault(path.in(".replace_unreachable"), "only pooled groups have it, not %s ones", g.Kind)
	}
	if g.Dynamic && g.Kind != MultiSession {
		v.fault(path.in(".dynamic"), "only multi-session groups have it, not %s ones: all users share one host", g.Kind)
	}
	if g.Balance != "" && !slices.Contains(Balances(), g.Balance) {
		v.fault(path.in(".balance"), "%q is not %s, %s, %s or %s", g.Balance, LeastLoad, RoundRobin, BreadthFirst, DepthFirst)
	}
	v.checkLimit(path.in(".max_sessions"), g.MaxSessions)
	v.checkFailover(path.in(".failover"), g.Failover, &g)
	v.checkLaunch(path, g.Launch)
}

func (v *validator) checkLimit(path place, limit int) {
	if limit < 0 || limit > MaxSessionLimit {
		v.fault(path, "%d is not within 1 to %d, nor 0 for no limit", limit, MaxSessionLimit)
	}
}

// checkFailover judges a mode by the matrix; g is nil for tickets.
func (v *validator) checkFailover(path place, mode Failover, g *DeliveryGroup) {
	if mode != "" && !slices.Contains(Failovers(), mode) {
		v.fault(path, "%q is not %s, %s or %s", mode, Stateful, Stateless, Disabled)
		return
	}
	if g == nil {
		return
	}
	for _, rule := range v.rules {
		if why, refused := rule.Refused[g.FailoverMode()]; refused && rule.has(v.site, *g) {
			v.fault(path, "%s does not go with %s: %s", g.FailoverMode(), rule.What, why)
		}
	}
}

// checkApplicationGroup: an application that is on one host at a time cannot be on
// groups of which each has a host of its own.
func (v *validator) checkApplicationGroup(path place, a Application, name string) {
	if !v.checkGroup(path, name) || !a.Dynamic {
		return
	}
	switch g := v.site.Groups[v.groups[name]]; {
	case g.Kind != MultiSession:
		v.fault(path, "group %q is %s; a dynamic application is on multi-session hosts", name, g.Kind)
	case g.Dynamic:
		v.fault(path, "group %q is dynamic itself: leave dynamic of the application out", name)
	}
}
