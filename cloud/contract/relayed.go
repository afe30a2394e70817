package contract

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"understudy/site"
	"understudy/wire"
)

const (
	registrationsPath = "/vda/v1/registrations"
	resourcesPath     = "/storefront/v1/resources"
	sessionsPath      = "/storefront/v1/sessions"
	redeemPath        = "/storefront/v1/tickets/redeem"
)

// relayChecks hold what connectors pass on (LHC-03, LHC-04), without a machine.
func relayChecks() []check {
	return []check{
		{"relayed: 401 unauthorized without a token", false, relayNeedsToken},
		{"relayed: 403 not_in_zone unless a connector of the zone relays", false, relayNeedsConnector},
		{"relayed: 400 bad_request for what is not JSON", false, relayMalformed},
		{"relayed: 413 too_large for a body above the limit", false, relayTooLarge},
		{"registration: 403 unknown_machine for a machine that the site does not have", false, registerUnknown},
		{"lease: 404 lease_unknown for a lease that nobody holds", false, leaseUnknown},
		{"resources: a dry run lists what a user may launch", false, resourcesListed},
		{"launch: 404 unknown_resource in a dry run", false, launchUnknown},
		{"ticket: 404 ticket_unknown in a dry run", false, ticketUnknown},
	}
}

func relayNeedsToken(ctx context.Context, t *trial) error {
	return ask{as: t.nobody, method: http.MethodGet, target: registrationsPath + "/x"}.refused(ctx, http.StatusUnauthorized, wire.CodeUnauthorized)
}

func relayNeedsConnector(ctx context.Context, t *trial) error {
	for name, header := range map[string]http.Header{
		"an unknown connector": {wire.HeaderConnector: {"nobody.contract.example"}},
		"another zone":         {wire.HeaderZone: {"no-such-zone"}},
		"an unknown peer":      {wire.HeaderVia: {"nobody.contract.example"}},
	} {
		q := ask{as: t.connector, method: http.MethodGet, target: registrationsPath + "/x", header: header}
		if err := q.refused(ctx, http.StatusForbidden, wire.CodeNotInZone); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func relayMalformed(ctx context.Context, t *trial) error {
	for _, target := range []string{registrationsPath, resourcesPath, sessionsPath, redeemPath} {
		q := ask{as: t.connector, method: http.MethodPost, target: target, body: "<html>"}
		if err := q.refused(ctx, http.StatusBadRequest, wire.CodeBadRequest); err != nil {
			return err
		}
	}
	return nil
}

func relayTooLarge(ctx context.Context, t *trial) error {
	body := wire.RedeemRequest{Ticket: strings.Repeat("x", wire.MaxBody)}
	return ask{as: t.connector, method: http.MethodPost, target: redeemPath, body: body}.
		refused(ctx, http.StatusRequestEntityTooLarge, wire.CodeTooLarge)
}

func registerUnknown(ctx context.Context, t *trial) error {
	return ask{as: t.connector, method: http.MethodPost, target: registrationsPath, body: t.registration("unknown.contract.example")}.
		refused(ctx, http.StatusForbidden, wire.CodeUnknownMachine)
}

func (t *trial) registration(machine site.FQDN) wire.Registration {
	return wire.Registration{
		Machine: machine, Zone: t.self.Zone, AgentVersion: "contract", Protocol: wire.VDAProtocol,
		Callback: "https://" + string(machine) + ":7485", Capacity: 1, Sessions: []wire.Session{},
	}
}

func leaseUnknown(ctx context.Context, t *trial) error {
	return ask{as: t.connector, method: http.MethodGet, target: registrationsPath + "/nobodys"}.
		refused(ctx, http.StatusNotFound, wire.CodeLeaseUnknown)
}

func resourcesListed(ctx context.Context, t *trial) error {
	user := "a-user-of-nothing"
	if len(t.published.Site.Users) > 0 {
		user = t.published.Site.Users[0].Name
	}
	var answer wire.ResourcesAnswer
	_, err := ask{as: t.connector, method: http.MethodPost, target: resourcesPath + "?dry_run=true", body: wire.ResourcesRequest{User: user}}.
		wants(ctx, http.StatusOK, &answer)
	if err == nil && answer.Resources == nil {
		err = fmt.Errorf("the answer has no list of resources")
	}
	return err
}

func launchUnknown(ctx context.Context, t *trial) error {
	body := wire.LaunchRequest{User: "nobody", Resource: "desktop:no such group"}
	return ask{as: t.connector, method: http.MethodPost, target: sessionsPath + "?dry_run=true", body: body}.
		refused(ctx, http.StatusNotFound, wire.CodeUnknownResource)
}

func ticketUnknown(ctx context.Context, t *trial) error {
	return ask{as: t.connector, method: http.MethodPost, target: redeemPath + "?dry_run=true", body: wire.RedeemRequest{Ticket: "nobodys"}}.
		refused(ctx, http.StatusNotFound, wire.CodeTicketUnknown)
}
