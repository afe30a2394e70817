package agent

import (
	"fmt"
	"slices"
	"time"

	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

// viewEvery bounds how often the loop renews what operators see; a change of
// state, record, election or snapshot renews it at once.
const viewEvery = 250 * time.Millisecond

// operatorView is what the admin API answers from, made by the loop and never
// changed.
type operatorView struct {
	at     time.Time
	status wire.Status
	peers  []wire.PeerStatus
}

func (a *Agent) refreshStatus(now time.Time, in inputs) {
	if old := a.view.Load(); old != nil && now.Sub(old.at) < viewEvery && a.upToDate(old.status) {
		return
	}
	v := &operatorView{at: now, status: a.makeStatus(now, in)}
	v.peers = a.makePeers(now, in, v.status)
	v.status.MissingOf = a.missingGroups()
	v.status.Missing = a.missing(v.status, v.peers)
	a.view.Store(v)
}

// upToDate reports whether what operators look for after an order is still so.
func (a *Agent) upToDate(s wire.Status) bool {
	var shown site.Version
	if s.Snapshot != nil {
		shown = s.Snapshot.Version
	}
	version, _ := a.ownVersion()
	return s.State == a.core.state() && s.Number == a.core.record.Number && s.Election.Elected == a.core.election.Elected && shown == version
}

// Status is this connector's own view. Who was paused serves nobody before the loop has
// looked around, so the view is not to say so.
func (a *Agent) Status() wire.Status {
	s := a.view.Load().status
	s.Certificates, s.Unreadable = a.certificates(), a.unreadable()
	s.Election.Serving = s.Election.Serving && a.stance.Load().judge(time.Now()).engine != nil
	s.Listeners = a.listenerStatus()
	return s
}

// Peers are all connectors of the zone as this one sees them.
func (a *Agent) Peers() []wire.PeerStatus { return a.view.Load().peers }

func (a *Agent) makeStatus(now time.Time, in inputs) wire.Status {
	c := a.core
	s := wire.Status{
		Site: a.o.Site, Zone: a.o.Zone, Connector: a.o.FQDN, Version: a.o.Version, At: in.wall, Started: a.startedAt,
		State: c.state(), Since: in.wall.Add(-now.Sub(c.machine.Entered())), Reason: a.entered, Waiting: c.waiting, Starting: c.starting,
		Outage: c.record.Outage, Force: c.record.Force, Number: c.record.Number, Term: c.record.Term,
		Election: a.electionStatus(in), Health: a.healthStatus(now, in), Snapshot: a.currentSnapshot(in.wall),
		Sync: a.syncStatus(), Journal: a.handback.Status(), Mirror: a.mirrorStatus(now), CallIn: a.inviter.now(in.settings.CallsIn()), Held: a.holds.Load().List(), Gate: a.gate, Settings: in.settings, SettingsDiffer: a.differing(in.settings),
	}
	s.PeakToday = a.peaks.site(a.today())
	s.Hooks = a.follower.status()
	periods := c.timings(now, in.settings)
	s.Level, s.Detection, s.Recovery = c.level(now, in.settings), site.Duration(periods.Detection), site.Duration(periods.Recovery)
	if !c.record.Open() {
		s.Outage = ""
	}
	if s.Starting {
		s.Waiting = "the zone's other connectors have not all answered yet"
	}
	if a.serving != nil {
		stats := a.serving.engine.Stats()
		s.Registrations, s.Sessions = stats.Registrations, stats.Sessions
		s.Pools = a.serving.poolStatus(now)
	}
	return s
}

func (a *Agent) electionStatus(in inputs) wire.ElectionStatus {
	c := a.core
	s := wire.ElectionStatus{
		Elected: a.core.election.Elected, Since: a.elected.since, Reason: a.core.election.Reason,
		Serving: a.core.office && a.serving != nil && a.core.closing == nil, CanServe: in.canServe, WhyNot: in.whyNot,
		Successor: c.election.Successor, Policy: in.settings.Policy,
		Tolerates: c.view(in).Tolerates(), Draining: c.draining, Standby: slices.Contains(in.standbys, c.self), Promotion: c.record.Promotion,
	}
	if in.settings.Policy == site.Majority {
		s.Vote, s.Votes, s.Needed = c.election.Vote, c.election.Votes, c.election.Needed
	}
	for name, wait := range c.stillWaiting(in) {
		if slices.Contains(in.list, name) {
			s.Waiting = with(s.Waiting, name, site.Duration(wait.Round(time.Second)))
		}
	}
	return s
}

func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[k] = v
	return m
}

func (a *Agent) healthStatus(now time.Time, in inputs) wire.HealthStatus {
	h := wire.HealthStatus{
		Healthy: in.health.healthy, Checked: in.health.checked, Reason: a.healthSeen.Reason, CallStream: a.healthSeen.CallStream, NoCallStream: a.beside != nil, Via: in.health.via,
	}
	if in.health.trouble != "" {
		h.Reason = in.health.trouble
	}
	if h.Checked {
		h.At = in.wall.Add(-now.Sub(a.healthSeen.At))
	}
	return h
}

// ageOf is the age of what was made at a time, by a wall clock that may have been
// set back since.
func ageOf(made, wall time.Time) site.Duration {
	return site.Duration(max(0, wall.Sub(made)).Round(time.Second))
}

func (a *Agent) currentSnapshot(wall time.Time) *wire.SnapshotStatus {
	for _, s := range a.Snapshots() {
		if s.State == "current" {
			s.Age = ageOf(s.Imported, wall)
			return &s
		}
	}
	return nil
}

// differing names the settings of the file that the site overrides.
func (a *Agent) differing(in site.Settings) []string {
	own, out := a.o.Settings, []string{}
	for _, key := range []string{
		compared("outage.health_interval", own.HealthInterval, in.HealthInterval),
		compared("outage.detection", own.Detection, in.Detection),
		compared("outage.detection_max", own.DetectionMax, in.DetectionMax),
		compared("outage.detection_reset", own.DetectionReset, in.DetectionReset),
		compared("outage.initial_ha", own.InitialHA, in.InitialHA),
		compared("outage.recovery", own.Recovery, in.Recovery),
		compared("outage.recovery_max", own.RecoveryMax, in.RecoveryMax),
		compared("outage.participation", own.Participation, in.Participation),
		compared("outage.participation_window", own.ParticipationWindow, in.ParticipationWindow),
		compared("outage.vda_interval", own.VDAInterval, in.VDAInterval),
		compared("outage.reservation_life", own.ReservationLife, in.ReservationLife),
		compared("outage.ticket_life", own.TicketLife, in.TicketLife),
		comparedFlag("outage.call_in", own.CallIn, in.CallsIn()),
		compared("outage.call_in_rate", own.CallInRate, in.CallInRate),
		compared("election.policy", own.Policy, in.Policy),
		compared("election.deadline", own.Deadline, in.Deadline),
		compared("election.join_wait", own.JoinWait, in.JoinWait),
		comparedFlag("election.preempt", own.Preempt, in.Preempts()),
		compared("election.preempt_after", own.PreemptAfter, in.PreemptAfter),
	} {
		if key != "" {
			out = append(out, key)
		}
	}
	return out
}

// compared returns the key where the file says something else than is in force.
func compared[T comparable](key string, said, inForce T) string {
	var unsaid T
	if said == unsaid || said == inForce {
		return ""
	}
	return key
}

// comparedFlag is compared for a flag that the file may leave out.
func comparedFlag(key string, said *bool, inForce bool) string {
	if said == nil || *said == inForce {
		return ""
	}
	return key
}

func (a *Agent) makePeers(now time.Time, in inputs, s wire.Status) []wire.PeerStatus {
	own := wire.PeerStatus{
		FQDN: a.o.FQDN, Self: true, Heard: true, Link: "self", Since: a.startedAt, State: s.State, Elected: s.Election.Elected,
		Serving: s.Election.Serving, CanServe: in.canServe, WhyNot: in.whyNot, Healthy: s.Health.Healthy, Health: s.Health.Reason, Via: s.Health.Via,
		Version: a.o.Version, Protocol: a.protocol(), ClientURL: a.clientURL(a.o.FQDN),
		Standby: s.Election.Standby, Draining: s.Election.Draining, Vote: s.Election.Vote,
	}
	if s.Snapshot != nil {
		own.Config, own.ConfigAge = s.Snapshot.Version, s.Snapshot.Age
	}
	out := []wire.PeerStatus{own}
	for _, p := range a.sights {
		status := peerStatus(now, in.wall, p)
		if p.Heard {
			status.Differs = a.differs(p.Facts)
		}
		status.Standby = slices.Contains(in.standbys, p.FQDN)
		if in.settings.Policy != site.Majority {
			status.Vote = ""
		}
		out = append(out, status)
	}
	return out
}

func peerStatus(now, wall time.Time, s peer.Sight) wire.PeerStatus {
	p := wire.PeerStatus{FQDN: s.FQDN, Heard: s.Heard, Link: s.Link, Reason: s.Reason, Since: wall.Add(-now.Sub(s.Since))}
	if !s.Heard {
		return p
	}
	f := s.Facts
	p.State, p.Elected, p.Serving, p.CanServe, p.WhyNot = f.State, f.Elected, f.Serving, f.CanServe, f.WhyNot
	p.Healthy, p.Health, p.Config, p.ConfigAge = f.Healthy, f.HealthReason, f.Config, f.ConfigAge
	p.Protocol = f.Protocol
	p.Via, p.Version, p.ClientURL, p.Draining, p.Vote = f.Via, f.Version, f.ClientURL, f.Draining, f.Vote
	return p
}

// Registrations are those of the secondary broker; in Normal the cloud broker has
// them.
func (a *Agent) Registrations() wire.List[wire.RegistrationStatus] {
	out := wire.List[wire.RegistrationStatus]{Items: []wire.RegistrationStatus{}}
	s := a.stance.Load().serving
	if s == nil {
		out.Note = a.notHere()
		return out
	}
	for _, r := range s.engine.Registrations(time.Now()) {
		out.Items = append(out.Items, wire.RegistrationStatus{
			Machine: r.Machine, Group: r.Group, Lease: short(r.Lease), Term: r.Term, Load: r.Load, Sessions: r.Sessions,
			Used: r.Used, Maintenance: r.Maintenance, Idle: site.Duration(r.Idle.Round(time.Second)),
			Aside: r.Aside, AsideFor: site.Duration(r.AsideFor.Round(time.Second)),
		})
	}
	return out
}

// Sessions are those of the secondary broker.
func (a *Agent) Sessions() wire.List[wire.SessionStatus] {
	out := wire.List[wire.SessionStatus]{Items: []wire.SessionStatus{}}
	s := a.stance.Load().serving
	if s == nil {
		out.Note = a.notHere()
		return out
	}
	for _, i := range s.engine.Sessions() {
		out.Items = append(out.Items, wire.SessionStatus{Machine: i.Machine, Group: i.Group, Session: wire.Session{
			ID: i.ID, User: i.User, Resource: i.Resource, State: wire.SessionState(i.State), Started: i.Started,
		}})
	}
	return out
}

func (a *Agent) notHere() string {
	s := a.stance.Load()
	if !s.state.HA() {
		return "the zone is not in HA mode: the cloud broker has them"
	}
	return fmt.Sprintf("%s serves; ask it", s.elected)
}

func short(lease string) string {
	if len(lease) > 6 {
		return lease[:6] + "…"
	}
	return lease
}
