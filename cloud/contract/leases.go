package contract

import (
	"context"
	"fmt"
	"net/http"

	"understudy/site"
	"understudy/wire"
)

func (t *trial) register(ctx context.Context, machine site.FQDN) (wire.Lease, error) {
	var lease wire.Lease
	r := t.registration(machine)
	if machine == busyHost || machine == freeHost {
		r.Capacity = 50
	}
	_, err := ask{as: t.connector, method: http.MethodPost, target: registrationsPath, body: r}.wants(ctx, http.StatusCreated, &lease)
	if err == nil && (lease.Lease == "" || lease.Interval <= 0 || lease.Lifetime <= lease.Interval) {
		err = fmt.Errorf("lease %+v: want an id, an interval and a longer lifetime", lease)
	}
	return lease, err
}

func (t *trial) leave(ctx context.Context, lease wire.Lease) error {
	_, err := ask{as: t.connector, method: http.MethodDelete, target: registrationsPath + "/" + lease.Lease}.wants(ctx, http.StatusNoContent, nil)
	return err
}

func leaseLives(ctx context.Context, t *trial) error {
	lease, err := t.register(ctx, pooledHost)
	if err != nil {
		return err
	}
	target := registrationsPath + "/" + lease.Lease
	var again wire.Lease
	if _, err := (ask{as: t.connector, method: http.MethodGet, target: target}).wants(ctx, http.StatusOK, &again); err != nil {
		return err
	}
	if _, err := (ask{as: t.connector, method: http.MethodPut, target: target, body: wire.Heartbeat{}}).wants(ctx, http.StatusOK, &again); err != nil {
		return err
	}
	if err := t.leave(ctx, lease); err != nil {
		return err
	}
	return ask{as: t.connector, method: http.MethodPut, target: target, body: wire.Heartbeat{}}.refused(ctx, http.StatusNotFound, wire.CodeLeaseUnknown)
}

// leaseIsBound: a host that was relayed with the names of its certificate uses the lease
// of the machine that one of them is, and no other.
func leaseIsBound(ctx context.Context, t *trial) error {
	lease, err := t.register(ctx, pooledHost)
	if err != nil {
		return err
	}
	target := registrationsPath + "/" + lease.Lease
	wrong := http.Header{wire.HeaderMachines: {freeHost + "," + busyHost}}
	ended := wire.SessionReport{Seq: 1, Event: "ended", Session: wire.Session{ID: "s", User: "alice", Resource: "desktop:Pool", State: "active"}}
	for _, q := range []ask{
		{method: http.MethodPost, target: registrationsPath, body: t.registration(pooledHost)},
		{method: http.MethodGet, target: target},
		{method: http.MethodPut, target: target, body: wire.Heartbeat{}},
		{method: http.MethodPost, target: target + "/sessions", body: ended},
		{method: http.MethodDelete, target: target},
	} {
		q.as, q.header = t.connector, wrong
		if err := q.refused(ctx, http.StatusForbidden, wire.CodeForbidden); err != nil {
			return err
		}
	}
	own := http.Header{wire.HeaderMachines: {"another.contract.example," + pooledHost}}
	if _, err := (ask{as: t.connector, method: http.MethodPut, target: target, header: own, body: wire.Heartbeat{}}).wants(ctx, http.StatusOK, nil); err != nil {
		return err
	}
	return t.leave(ctx, lease)
}

func termOfRequest(ctx context.Context, t *trial) error {
	var lease wire.Lease
	header := http.Header{wire.HeaderTerm: {"41"}}
	_, err := ask{as: t.connector, method: http.MethodPost, target: registrationsPath, header: header, body: t.registration(pooledHost)}.
		wants(ctx, http.StatusCreated, &lease)
	if err == nil && lease.Term < 41 {
		err = fmt.Errorf("the lease's term is %d, want at least 41", lease.Term)
	}
	return err
}

func termOfStream(ctx context.Context, t *trial) error {
	z, err := keep(ctx, t.connector, 57, prepared)
	if err != nil {
		return err
	}
	defer z.close()
	var lease wire.Lease
	return until(ctx, func() error {
		if lease, err = t.register(ctx, pooledHost); err == nil && lease.Term < 57 {
			err = fmt.Errorf("the lease's term is %d, want at least 57", lease.Term)
		}
		return err
	})
}
