package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// impostorEvery is how often somebody who is not its broker wants something of each
// desktop.
const impostorEvery = 20 * time.Second

// impostors send desktops what a broker would that is not theirs any more: with
// another lease, and with a term lower than they have seen (LHC-25).
func (w *watch) impostors(v *view) {
	if v.now.Before(w.impostor) {
		return
	}
	w.impostor = v.now.Add(impostorEvery)
	for _, m := range w.run.first.Machines {
		h, runs := v.desktops[string(m.Name)]
		if !runs || h.Lease == "" {
			continue
		}
		w.run.task(func() {
			w.impose(m, wire.Prepare{Lease: "impostor", Term: h.Term + 1})
			if h.Term > 0 {
				w.impose(m, wire.Prepare{Lease: h.Lease, Term: h.Term - 1})
				w.invite(m, h.Term)
			}
		})
	}
}

func (w *watch) impose(m site.Machine, p wire.Prepare) {
	r := w.run
	p.Session, p.User, p.Resource, p.Reuse, p.Life = "impostor-"+string(m.Name), userName(1), "desktop:"+m.Group, true, site.Duration(time.Second)
	p.Single = m.Group != "shared"
	if env.Sleep(r.ctx, r.odd("impostor "+string(m.Name), p.Term, 20*time.Millisecond)) != nil {
		return
	}
	url := "http://" + r.hosts[string(m.Name)].ip.String() + ":" + desktopPort + "/m/" + string(m.Name)
	if err := r.request(storeName(m.Zone), url+"/v1/sessions", p); err == nil {
		w.broken(ruleStale, fmt.Sprintf("%s takes a prepare with the lease %.8q and term %d", m.Name, p.Lease, p.Term))
	}
}

// frontPatience is when a StoreFront, which sends a heartbeat a second, has heard
// of whoever has begun to serve.
const frontPatience = 3 * time.Second

// whyNotFront says why a zone's StoreFront uses no connector: it asks those only that
// answered its latest heartbeat (LHC-06).
func (r *run) whyNotFront(z string) string {
	for _, k := range r.world.StoreOf(z).Heartbeats() {
		if k.Good && !k.Bypassed {
			return ""
		}
	}
	return "none has answered"
}

// putAside is how long a host gets no launches whose prepare failed, and lookAgain when
// a user tries once more meanwhile.
const (
	putAside  = time.Minute
	lookAgain = 5 * time.Second
)

// lastLaunch asks for a desktop in each zone that is well again, as a user does. The only
// host may be aside because of the faults.
func (r *run) lastLaunch() {
	for _, z := range r.world.Zones() {
		_ = r.await("a heartbeat", frontPatience, func() string { return r.whyNotFront(z) }) // else the launch tells
		began := time.Now()
		err := r.launchOnce(z)
		for wire.IsCode(err, wire.CodeNoMachine) && time.Since(began) < putAside && !r.over() {
			r.drive(lookAgain)
			err = r.launchOnce(z)
		}
		if r.plan.Shape.Limit > 0 && wire.IsCode(err, wire.CodeSessionLimit) {
			continue // others have what there may be
		}
		if err != nil {
			r.watch.broken(ruleServed, fmt.Sprintf("%s gets no desktop in %s, which is well: %v", userName(1), z, err))
		}
	}
}

func (r *run) launchOnce(z string) error {
	got := make(chan error, 1)
	r.task(func() {
		ctx, cancel := context.WithTimeout(r.ctx, userPatience)
		defer cancel()
		_, err := r.world.StoreOf(z).Launch(ctx, wire.LaunchRequest{User: userName(1), Resource: "desktop:shared"})
		got <- err
	})
	var err error
	wait := r.await("an answer", userPatience+time.Second, func() string {
		select {
		case err = <-got:
			return ""
		default:
			return "none yet"
		}
	})
	return errors.Join(wait, err)
}
