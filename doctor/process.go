package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"understudy/console/client"
	"understudy/wire"
)

// running is what the connector's own admin API says.
type running struct {
	err    error
	status wire.Status
	peers  []wire.PeerStatus
}

// ask asks the running connector; its error says that there is none, or why it is silent.
func (p *patient) ask(ctx context.Context) running {
	c, err := p.console()
	if err != nil {
		return running{err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	var r running
	if r.status, r.err = c.Status(ctx); r.err != nil {
		return r
	}
	list, err := c.Peers(ctx)
	r.peers, r.err = list.Items, err
	return r
}

// console is the client of this host's own connector.
func (p *patient) console() (*client.Client, error) {
	address := p.connector.Listen.Admin
	if !strings.HasPrefix(address, "unix:") {
		address = "http://" + address
	}
	token, err := os.ReadFile(p.inData("admin.token"))
	if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrPermission) {
		return nil, err
	}
	return client.New(client.Options{Env: p.Env, Address: address, Token: strings.TrimSpace(string(token))})
}

// condition judges what the running connector says of itself and its zone.
func (p *patient) condition(context.Context) []Finding {
	return judgeRunning(p.running, p.held, p.connector.Sync.Interval.D().Seconds(), p.inData("admin.token"), portOf("http://"+p.connector.Listen.Peer))
}

func judgeRunning(r running, h holder, interval float64, token, port string) []Finding {
	about := "connector"
	if r.err != nil {
		return []Finding{judgeSilence(r.err, h, token)}
	}
	s := r.status
	v := verdict{about: about + " " + string(s.Connector)}
	v.snapshot(s, interval)
	v.zone(s)
	v.peers(r.peers, port)
	for _, m := range s.Missing {
		v.add("missing", m, nil)
	}
	if len(v.found) == 0 {
		v.found = append(v.found, fine(checkProcess, v.about, "%s; nothing would be missing in an outage that began now", s.State))
	}
	return v.found
}

func judgeSilence(err error, h holder, token string) Finding {
	_, nobody := errors.AsType[*client.Unreachable](err)
	switch {
	case wire.IsCode(err, wire.CodeUnauthorized):
		return found("admin_refused", "connector", err.Error(), places{"path": token})
	case h.alive:
		return found("not_answering", "connector", fmt.Sprintf("pid %d has the data folder: %v", h.pid, err), nil)
	case nobody:
		return skipped(checkProcess, "connector", "it does not run: this is a preflight")
	}
	return found("not_answering", "connector", err.Error(), nil)
}

// verdict gathers what is wrong with a connector that runs.
type verdict struct {
	about string
	found []Finding
}

func (v *verdict) add(name, detail string, p places) {
	v.found = append(v.found, found(name, v.about, detail, p))
}

func (v *verdict) snapshot(s wire.Status, interval float64) {
	last := s.Sync.At
	if last.IsZero() {
		last = s.Started
	}
	switch age := s.At.Sub(last); {
	case s.Snapshot == nil:
		v.add("no_snapshot", strings.TrimSuffix("the last sync: "+cmp.Or(s.Sync.Outcome, "none yet")+": "+s.Sync.Detail, ": "), nil)
	case s.State.HA():
	case s.Sync.Outcome == "failed", age.Seconds() > 3*interval:
		v.add("sync_old", strings.TrimSuffix(fmt.Sprintf("the last sync: %s, %d s ago: %s", s.Sync.Outcome, int(age.Seconds()), s.Sync.Detail), ": "), nil)
	}
	for _, held := range s.Held {
		v.add("version_held", fmt.Sprintf("%s: %s", held.Version, held.Reason), nil)
	}
}

func (v *verdict) zone(s wire.Status) {
	if s.Force != nil {
		v.add("forced", "by "+s.Force.By+": "+s.Force.Reason, nil)
	}
	if !s.Gate.Open {
		v.add("gate_closed", s.Gate.Reason, nil)
	}
	if s.Health.Checked && !s.Health.Healthy && !s.State.HA() {
		v.add("cloud_unhealthy", s.Health.Reason, nil)
	}
	if s.Journal.Trouble != "" {
		v.add("journal_waits", fmt.Sprintf("%d of %d: %s", s.Journal.Records-s.Journal.HandedBack, s.Journal.Records, s.Journal.Trouble), nil)
	}
	for _, h := range s.Hooks {
		if !h.OK {
			v.add("hook_failed", h.Hook+": "+h.Detail, nil)
		}
	}
}

// peers judges what the connector hears of the others, itself included.
func (v *verdict) peers(peers []wire.PeerStatus, port string) {
	able, elected := 0, []string{}
	for _, p := range peers {
		if p.CanServe {
			able++
		}
		if !p.Heard && !p.Self {
			v.add("peer_silent", string(p.FQDN)+": "+strings.TrimSuffix(p.Link+", "+p.Reason, ", "), places{"host": string(p.FQDN), "port": port})
			continue
		}
		if name := string(p.Elected); name != "" && !slices.Contains(elected, name) {
			elected = append(elected, name)
		}
	}
	if len(elected) > 1 {
		v.add("two_elected", "they say "+strings.Join(elected, " and "), nil)
	}
	if able < 2 && len(peers) > 1 {
		v.add("alone", fmt.Sprintf("%d of %d could serve", able, len(peers)), nil)
	}
}
