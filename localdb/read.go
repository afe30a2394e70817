package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"understudy/site"
)

// rows is what is read of a snapshot: everything, or some rows of some tables.
type rows struct {
	db *sql.DB
	// only are the rows by their tables, as a JSON list of their numbers; nil means all.
	only map[string]string
}

// readSite reads the objects of a site back from a snapshot.
func readSite(ctx context.Context, db rows, s *site.Site) (*site.Site, error) {
	var reads []func() error
	for _, read := range []func(context.Context, rows, *site.Site) error{
		readZones, readConnectors, readGroups, readMachines, readApplications, readUsers, readEntitlements,
	} {
		reads = append(reads, func() error { return read(ctx, db, s) })
	}
	return s, together(reads...)
}

// selected reads the rows that are wanted of a table, in their order.
func selected[T any](ctx context.Context, from rows, columns, table string, scan func(*sql.Rows, *T) error) ([]T, error) {
	query := "SELECT " + columns + " FROM " + table
	if from.only == nil {
		return collect(ctx, from.db, query+" ORDER BY id", scan)
	}
	ids, some := from.only[table]
	if !some {
		return nil, nil
	}
	return collect(ctx, from.db, query+" WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", scan, ids)
}

// collect reads all rows of a table.
func collect[T any](ctx context.Context, db *sql.DB, query string, scan func(*sql.Rows, *T) error, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", query, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// readLists reads the names that objects of a table hold, by the object's number.
func readLists(ctx context.Context, from rows, table, owners string) (map[int64][]string, error) {
	type entry struct {
		owner int64
		name  string
	}
	query, args := "SELECT owner, name FROM "+table, []any(nil)
	if from.only != nil {
		ids, some := from.only[owners]
		if !some {
			return nil, nil
		}
		query, args = query+" WHERE owner IN (SELECT value FROM json_each(?))", []any{ids}
	}
	shared := names{}
	entries, err := collect(ctx, from.db, query+" ORDER BY owner, position",
		func(r *sql.Rows, e *entry) error {
			err := r.Scan(&e.owner, &e.name)
			shared.one(&e.name)
			return err
		}, args...)
	lists := make(map[int64][]string)
	for _, e := range entries {
		lists[e.owner] = append(lists[e.owner], e.name)
	}
	return lists, err
}

func readZones(ctx context.Context, db rows, s *site.Site) (err error) {
	s.Zones, err = selected(ctx, db, "name, settings", "zones",
		func(r *sql.Rows, z *site.Zone) error {
			var settings []byte
			if err := r.Scan(&z.Name, &settings); err != nil {
				return err
			}
			return json.Unmarshal(settings, &z.Settings)
		})
	return err
}

func readConnectors(ctx context.Context, db rows, s *site.Site) error {
	standby, err := since(ctx, db.db, 2, "standby", "0")
	if err != nil {
		return err
	}
	s.Connectors, err = selected(ctx, db, "fqdn, zone, client_url, peer_url, failure_domain, "+standby, "connectors",
		func(r *sql.Rows, c *site.Connector) error {
			return r.Scan(&c.FQDN, &c.Zone, &c.ClientURL, &c.PeerURL, &c.FailureDomain, &c.Standby)
		})
	return err
}

// since returns the columns, or what stands for them in a file of a schema before
// the one that brought them.
func since(ctx context.Context, db *sql.DB, schema int, columns, instead string) (string, error) {
	made, err := schemaOf(ctx, db)
	if made < schema {
		columns = instead
	}
	return columns, err
}

func readGroups(ctx context.Context, db rows, s *site.Site) error {
	zones, err := readLists(ctx, db, "delivery_group_zones", "delivery_groups")
	if err != nil {
		return err
	}
	policy, err := since(ctx, db.db, 3, "balance, failover, dynamic, max_sessions, replace_unreachable", "'', '', 0, 0, 0")
	if err != nil {
		return err
	}
	s.Groups, err = selected(ctx, db, "id, name, kind, desktop, reuse_in_outage, "+policy, "delivery_groups",
		func(r *sql.Rows, g *site.DeliveryGroup) error {
			var id int64
			err := r.Scan(&id, &g.Name, &g.Kind, &g.Desktop, &g.ReuseInOutage, &g.Balance, &g.Failover, &g.Dynamic, &g.MaxSessions, &g.ReplaceUnreachable)
			g.Zones = zones[id]
			return err
		})
	return err
}

func readMachines(ctx context.Context, db rows, s *site.Site) (err error) {
	shared := names{}
	s.Machines, err = selected(ctx, db, "name, delivery_group, zone, assigned_user, capacity, weight, maintenance", "machines",
		func(r *sql.Rows, m *site.Machine) error {
			err := r.Scan(&m.Name, &m.Group, &m.Zone, &m.AssignedUser, &m.Capacity, &m.Weight, &m.Maintenance)
			shared.one(&m.Group)
			shared.one(&m.Zone)
			return err
		})
	return err
}

func readApplications(ctx context.Context, db rows, s *site.Site) error {
	groups, err := readLists(ctx, db, "application_groups", "applications")
	if err != nil {
		return err
	}
	dynamic, err := since(ctx, db.db, 3, "dynamic", "0")
	if err != nil {
		return err
	}
	s.Applications, err = selected(ctx, db, "id, name, command, "+dynamic, "applications",
		func(r *sql.Rows, a *site.Application) error {
			var id int64
			err := r.Scan(&id, &a.Name, &a.Command, &a.Dynamic)
			a.Groups = groups[id]
			return err
		})
	return err
}

func readUsers(ctx context.Context, db rows, s *site.Site) error {
	groups, err := readLists(ctx, db, "user_groups", "users")
	if err != nil {
		return err
	}
	s.Users, err = selected(ctx, db, "id, name", "users",
		func(r *sql.Rows, u *site.User) error {
			var id int64
			err := r.Scan(&id, &u.Name)
			u.Groups = groups[id]
			return err
		})
	return err
}

func readEntitlements(ctx context.Context, db rows, s *site.Site) (err error) {
	shared := names{}
	s.Entitlements, err = selected(ctx, db, "user, user_group, coalesce(desktop, ''), coalesce(application, '')", "entitlements",
		func(r *sql.Rows, e *site.Entitlement) error {
			err := r.Scan(&e.User, &e.UserGroup, &e.Desktop, &e.Application)
			for _, name := range []*string{&e.User, &e.UserGroup, &e.Desktop, &e.Application} {
				shared.one(name)
			}
			return err
		})
	return err
}
