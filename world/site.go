package world

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"understudy/env"
	"understudy/site"
)

// Sizes of the site that Small makes.
const (
	SmallConnectors = 3
	SmallDesktops   = 8
)

// Short are durations under which an outage is over within a minute.
func Short() site.Settings {
	return site.Settings{
		HealthInterval: site.Duration(500 * time.Millisecond),
		Detection:      site.Duration(2 * time.Second),
		InitialHA:      site.Duration(4 * time.Second),
		Recovery:       site.Duration(3 * time.Second),
		Participation:  site.StoreFrontTraffic,
		Deadline:       site.Duration(400 * time.Millisecond),
		JoinWait:       site.Duration(800 * time.Millisecond),
		PreemptAfter:   site.Duration(time.Second),
		DetectionMax:   site.Duration(2 * time.Second),
		RecoveryMax:    site.Duration(3 * time.Second),
		VDAInterval:    site.Duration(time.Second),
	}
}

// Small returns a site of one zone, berlin, with three connectors on free
// loopback ports: assigned, pooled and shared desktops for alice, bob and carol.
func Small(ctx context.Context, e env.Env, settings site.Settings) (*site.Site, error) {
	s := &site.Site{
		Name:  "demo",
		Zones: []site.Zone{{Name: "berlin", Settings: settings}},
		Groups: []site.DeliveryGroup{
			{Name: "office", Kind: site.Assigned, Zones: []string{"berlin"}, Desktop: "Office desktop"},
			{Name: "pool", Kind: site.Pooled, Zones: []string{"berlin"}, Desktop: "Pooled desktop"},
			{Name: "shared", Kind: site.MultiSession, Zones: []string{"berlin"}, Desktop: "Shared desktop"},
		},
		Applications: []site.Application{{Name: "Writer", Groups: []string{"shared"}, Command: "writer"}},
		Users:        []site.User{{Name: "alice", Groups: []string{"staff"}}, {Name: "bob", Groups: []string{"staff"}}, {Name: "carol", Groups: []string{"staff"}}},
		Entitlements: []site.Entitlement{
			{User: "alice", Desktop: "office"},
			{UserGroup: "staff", Desktop: "pool"},
			{UserGroup: "staff", Desktop: "shared"},
			{UserGroup: "staff", Application: "Writer"},
		},
	}
	ports, err := freePorts(ctx, e, 2*SmallConnectors)
	if err != nil {
		return nil, err
	}
	for i := range SmallConnectors {
		s.Connectors = append(s.Connectors, site.Connector{
			FQDN: site.FQDN(fmt.Sprintf("cc%02d.demo.test", i+1)), Zone: "berlin",
			ClientURL: "http://" + ports[2*i], PeerURL: "http://" + ports[2*i+1],
		})
	}
	for i := range SmallDesktops {
		s.Machines = append(s.Machines, smallMachine(i))
	}
	return s, nil
}

func smallMachine(i int) site.Machine {
	m := site.Machine{Name: site.FQDN(fmt.Sprintf("ws%02d.demo.test", i+1)), Zone: "berlin", Group: "pool"}
	switch i {
	case 0:
		m.Group, m.AssignedUser = "office", "alice"
	case 1, 2:
		m.Group, m.Capacity = "shared", 20
	}
	return m
}

// freePorts finds loopback addresses that nobody uses. Their ports are below those that
// a system gives to whoever asks for any: else others get them before they are used.
func freePorts(ctx context.Context, e env.Env, n int) ([]string, error) {
	var out []string
	random := e.Rand("ports")
	for tries := 0; len(out) < n; tries++ {
		port, err := lowPort(random)
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		l, err := e.Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		switch {
		case err == nil:
			defer l.Close()
			out = append(out, l.Addr().String())
		case tries > 100:
			return nil, fmt.Errorf("find a free port: %w", err)
		}
	}
	return out, nil
}

// lowPort draws from 16384 to 32767.
func lowPort(random io.Reader) (int, error) {
	var b [2]byte
	_, err := io.ReadFull(random, b[:])
	return 1<<14 | int(binary.BigEndian.Uint16(b[:])>>2), err
}
