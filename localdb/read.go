package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"understudy/site"
	"understudy/wire"
)

// readSite reads the objects of a site back from a snapshot.
func readSite(ctx context.Context, db *sql.DB, path string, h wire.ConfigHeader) (*site.Site, error) {
	s := h.Bare()
	s.Machines = wire.Room[site.Machine](h, "machines")
	s.Users = wire.Room[site.User](h, "users")
	s.Entitlements = wire.Room[site.Entitlement](h, "entitlements")
	long, err := openWritten(path)
	if err != nil {
		return nil, err
	}
	defer long.Close()
	return s, together(
		func() error { return readShort(ctx, db, s) },
		func() error { return readMachines(ctx, long, s) },
		func() error { return readUsers(ctx, db, long, s) },
		func() error { return readEntitlements(ctx, long, s) },
	)
}

// readShort reads the short lists.
func readShort(ctx context.Context, db *sql.DB, s *site.Site) error {
	for _, read := range []func(context.Context, *sql.DB, *site.Site) error{readZones, readConnectors, readGroups, readApplications} {
		if err := read(ctx, db, s); err != nil {
			return err
		}
	}
	return nil
}

// short is the site without its long lists.
func short(s *site.Site) *site.Site {
	c := *s
	c.Machines, c.Users, c.Entitlements = nil, nil, nil
	return &c
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
func readLists(ctx context.Context, db *sql.DB, table string) (map[int64][]string, error) {
	type entry struct {
		owner int64
		name  string
	}
	shared := names{}
	entries, err := collect(ctx, db, "SELECT owner, name FROM "+table+" ORDER BY owner, position",
		func(r *sql.Rows, e *entry) error {
			err := r.Scan(&e.owner, &e.name)
			e.name = shared.one(e.name)
			return err
		})
	lists := make(map[int64][]string)
	for _, e := range entries {
		lists[e.owner] = append(lists[e.owner], e.name)
	}
	return lists, err
}

func readZones(ctx context.Context, db *sql.DB, s *site.Site) (err error) {
	s.Zones, err = collect(ctx, db, "SELECT name, settings FROM zones ORDER BY id",
		func(r *sql.Rows, z *site.Zone) error {
			var settings []byte
			if err := r.Scan(&z.Name, &settings); err != nil {
				return err
			}
			return json.Unmarshal(settings, &z.Settings)
		})
	return err
}

func readConnectors(ctx context.Context, db *sql.DB, s *site.Site) error {
	standby, err := since(ctx, db, 2, "standby", "0")
	if err != nil {
		return err
	}
	s.Connectors, err = collect(ctx, db, "SELECT fqdn, zone, client_url, peer_url, failure_domain, "+standby+" FROM connectors ORDER BY id",
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

func readGroups(ctx context.Context, db *sql.DB, s *site.Site) error {
	zones, err := readLists(ctx, db, "delivery_group_zones")
	if err != nil {
		return err
	}
	policy, err := since(ctx, db, 3, "balance, failover, dynamic, max_sessions, replace_unreachable", "'', '', 0, 0, 0")
	if err != nil {
		return err
	}
	launch, err := since(ctx, db, 6, "launch", "''")
	if err != nil {
		return err
	}
	s.Groups, err = collect(ctx, db, "SELECT id, name, kind, desktop, reuse_in_outage, "+policy+", "+launch+" FROM delivery_groups ORDER BY id",
		func(r *sql.Rows, g *site.DeliveryGroup) error {
			var id int64
			var launch string
			err := r.Scan(&id, &g.Name, &g.Kind, &g.Desktop, &g.ReuseInOutage, &g.Balance, &g.Failover, &g.Dynamic, &g.MaxSessions, &g.ReplaceUnreachable, &launch)
			g.Zones = zones[id]
			return errors.Join(err, readLaunch(launch, &g.Launch))
		})
	return err
}

func readApplications(ctx context.Context, db *sql.DB, s *site.Site) error {
	groups, err := readLists(ctx, db, "application_groups")
	if err != nil {
		return err
	}
	dynamic, err := since(ctx, db, 3, "dynamic", "0")
	if err != nil {
		return err
	}
	s.Applications, err = collect(ctx, db, "SELECT id, name, command, "+dynamic+" FROM applications ORDER BY id",
		func(r *sql.Rows, a *site.Application) error {
			var id int64
			err := r.Scan(&id, &a.Name, &a.Command, &a.Dynamic)
			a.Groups = groups[id]
			return err
		})
	return err
}

// readUsers reads the groups of users from a table of their own where the file is of
// a schema before 5.
func readUsers(ctx context.Context, db, long *sql.DB, s *site.Site) error {
	schema, err := schemaOf(ctx, db)
	if err != nil {
		return err
	}
	if schema >= 5 {
		return readUsersWithGroups(ctx, long, s)
	}
	groups, err := readLists(ctx, db, "user_groups")
	if err != nil {
		return err
	}
	return userTable().scan(ctx, long, "name, NULL", func(i int, r *cells) error {
		s.Users = append(s.Users, site.User{Name: strings.Clone(r.text()), Groups: groups[int64(i)+1]})
		return nil
	})
}

func readUsersWithGroups(ctx context.Context, long *sql.DB, s *site.Site) error {
	t, shared := userTable(), lists{}
	return t.scan(ctx, long, t.columns, func(_ int, r *cells) error {
		name := strings.Clone(r.text())
		groups, err := shared.read(r.text())
		s.Users = append(s.Users, site.User{Name: name, Groups: groups})
		return err
	})
}

func readMachines(ctx context.Context, long *sql.DB, s *site.Site) error {
	t, shared := machineTable(), names{}
	return t.scan(ctx, long, t.columns, func(_ int, r *cells) error {
		s.Machines = append(s.Machines, site.Machine{
			Name: site.FQDN(strings.Clone(r.text())), Group: shared.of(r.text()), Zone: shared.of(r.text()), AssignedUser: strings.Clone(r.text()),
			Capacity: int(r.number()), Weight: int(r.number()), Maintenance: r.number() != 0,
		})
		return nil
	})
}

func readEntitlements(ctx context.Context, long *sql.DB, s *site.Site) error {
	t, shared := entitlementTable(), names{}
	return t.scan(ctx, long, t.columns, func(_ int, r *cells) error {
		s.Entitlements = append(s.Entitlements, site.Entitlement{
			User: shared.of(r.text()), UserGroup: shared.of(r.text()), Desktop: shared.of(r.text()), Application: shared.of(r.text()),
		})
		return nil
	})
}
