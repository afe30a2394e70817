package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"

	"understudy/site"
	"understudy/wire"
)

// outcast is an object of the configuration that is not used. It stays in the file:
// the digest is that of all objects, peers get all, and a delta is applied to all.
type outcast struct {
	object wire.ConfigObject
	reason string
}

// status describes an outcast to people.
func (o outcast) status() wire.QuarantinedObject {
	return wire.QuarantinedObject{Kind: o.object.Kind(), Name: o.object.Name(), Reason: o.reason}
}

func statuses(out []outcast) []wire.QuarantinedObject {
	list := make([]wire.QuarantinedObject, len(out))
	for i, o := range out {
		list[i] = o.status()
	}
	return list
}

// part divides what is used of a site from what is not. What is wrong with a site
// as a whole is an error.
func part(full *site.Site) (*site.Site, []outcast, error) {
	if len(full.Validate()) == 0 {
		return full, nil, nil
	}
	good, quarantined := full.Quarantine()
	if err := validate(good); err != nil {
		return nil, nil, err
	}
	out := make([]outcast, len(quarantined))
	for i, q := range quarantined {
		out[i] = outcast{wire.ObjectAt(full, q.List, q.At), q.Reason}
	}
	return good, out, nil
}

// all is the whole site as the cloud broker publishes it.
func all(good *site.Site, out []outcast) *site.Site {
	if len(out) == 0 {
		return good
	}
	full := clipped(good)
	for _, o := range out {
		o.object.AddTo(full)
	}
	return full
}

// clipped is a copy to which objects can be added.
func clipped(s *site.Site) *site.Site {
	c := *s
	c.Zones = slices.Clip(c.Zones)
	c.Connectors = slices.Clip(c.Connectors)
	c.Groups = slices.Clip(c.Groups)
	c.Machines = slices.Clip(c.Machines)
	c.Applications = slices.Clip(c.Applications)
	c.Users = slices.Clip(c.Users)
	c.Entitlements = slices.Clip(c.Entitlements)
	return &c
}

func insertOutcasts(ctx context.Context, tx *sql.Tx, out []outcast) error {
	for _, o := range out {
		b, err := json.Marshal(o.object)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO quarantined (object, reason) VALUES (?, ?)", string(b), o.reason); err != nil {
			return fmt.Errorf("insert what is quarantined: %w", err)
		}
	}
	return nil
}

// readOutcasts reads what a file holds and does not use.
func readOutcasts(ctx context.Context, db *sql.DB) ([]outcast, error) {
	if schema, err := schemaOf(ctx, db); err != nil || schema < 4 {
		return nil, err
	}
	return collect(ctx, db, "SELECT object, reason FROM quarantined ORDER BY id", func(r *sql.Rows, o *outcast) error {
		var b []byte
		if err := r.Scan(&b, &o.reason); err != nil {
			return err
		}
		if err := json.Unmarshal(b, &o.object); err != nil {
			return err
		}
		if o.object.Kind() == "" {
			return fmt.Errorf("the quarantined object %s is of no kind", wire.Clip(string(b)))
		}
		return nil
	})
}
