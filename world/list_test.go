package world_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"understudy/console/client"
	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

// Design 4: a newer list of the zone's connectors is taken from a peer in HA mode
// too, though the snapshot itself stays as it is (LHC-16, LHC-20).
func TestNewerListIsTakenInHAMode(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)
	late := all[2]
	before := w.Agent(late).Status().Snapshot.Version
	w.KillConnector(late)
	const added site.FQDN = "cc04.demo.test"
	changed, err := w.Publish(ctx, func(s *site.Site) {
		s.Connectors = append(slices.Clone(s.Connectors), site.Connector{FQDN: added, Zone: "berlin", ClientURL: "http://127.0.0.1:9", PeerURL: "http://127.0.0.1:10"})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range all[:2] {
		eventually(t, "the others have the list from the cloud", func() error {
			if st := w.Agent(by).Status(); st.Snapshot.Version != changed {
				return fmt.Errorf("%s uses %s", by, st.Snapshot.Version)
			}
			return nil
		})
	}
	if _, err := w.Agent(all[0]).Outage(ctx, wire.OutageOrder{Action: "force", By: "test"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an outage", in(w, zone.InitialHA, all[:2]...))
	w.KillCloud()

	if err := w.StartConnector(ctx, late); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the late one knows of the new one", func() error {
		if peers := w.Agent(late).Peers(); !slices.ContainsFunc(peers, func(p wire.PeerStatus) bool { return p.FQDN == added }) {
			return fmt.Errorf("%+v", peers)
		}
		return nil
	})
	if st := w.Agent(late).Status(); !st.State.HA() || st.Snapshot.Version != before {
		t.Errorf("it is in %s with snapshot %s, want HA mode and still %s", st.State, st.Snapshot.Version, before)
	}
	eventually(t, "it tells from whom it has the list", func() error {
		return told(ctx, w, late, events.ConnectorsTaken, "version "+changed.String()+" from ")
	})
}

// told says whether the connector has told of the event with that in its reason.
func told(ctx context.Context, w *world.World, by site.FQDN, name events.Name, reason string) error {
	token, err := os.ReadFile(filepath.Join(w.Dir(string(by)), "admin.token"))
	if err != nil {
		return err
	}
	c, err := client.New(client.Options{Env: env.Real(), Address: "unix:" + w.Admin(by), Token: strings.TrimSpace(string(token))})
	if err != nil {
		return err
	}
	list, err := c.Events(ctx, 0, 1000)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(e events.Entry) bool { return e.Event == name && strings.Contains(e.Reason, reason) }) {
		return fmt.Errorf("%s has not told of %s: %s", by, name, reason)
	}
	return nil
}
