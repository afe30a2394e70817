package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"understudy/cloud"
	"understudy/site"
	"understudy/wire"
)

// The suite's own site.
const (
	scratchZone = "contract-zone"
	pooledHost  = "pooled1.contract.example"
	ownHost     = "own1.contract.example"
	busyHost    = "shared1.contract.example"
	freeHost    = "shared2.contract.example"
)

func scratchSite(name string) *site.Site {
	zones := []string{scratchZone}
	return &site.Site{
		Name:  name,
		Zones: []site.Zone{{Name: scratchZone}},
		Connectors: []site.Connector{
			{FQDN: "cc1.contract.example", Zone: scratchZone, ClientURL: "https://cc1.contract.example:7480", PeerURL: "https://cc1.contract.example:7489"},
			{FQDN: "cc2.contract.example", Zone: scratchZone, ClientURL: "https://cc2.contract.example:7480", PeerURL: "https://cc2.contract.example:7489"},
		},
		Groups: []site.DeliveryGroup{
			{Name: "Own", Kind: site.Assigned, Zones: zones, Desktop: "My desktop"},
			{Name: "Pool", Kind: site.Pooled, Zones: zones, Desktop: "A desktop"},
			{Name: "Shared", Kind: site.MultiSession, Zones: zones, Desktop: "A shared desktop"},
		},
		Machines: []site.Machine{
			{Name: ownHost, Group: "Own", Zone: scratchZone},
			{Name: pooledHost, Group: "Pool", Zone: scratchZone},
			{Name: busyHost, Group: "Shared", Zone: scratchZone},
			{Name: freeHost, Group: "Shared", Zone: scratchZone},
		},
		Users: []site.User{{Name: "alice"}, {Name: "bob"}},
		Entitlements: []site.Entitlement{
			{User: "alice", Desktop: "Own"}, {User: "alice", Desktop: "Pool"}, {User: "alice", Desktop: "Shared"}, {User: "bob", Desktop: "Shared"},
		},
	}
}

// ask is one request to the broker.
type ask struct {
	as     *cloud.Client
	method string
	target string
	header http.Header
	body   any // JSON; a string goes out as it is
}

// said is the broker's complete answer.
type said struct {
	status int
	header http.Header
	body   []byte
}

func (q ask) do(ctx context.Context) (said, error) {
	body, err := encode(q.body)
	if err != nil {
		return said{}, err
	}
	header := q.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", "application/json")
	resp, err := q.as.Forward(ctx, q.method, q.target, header, body)
	if err != nil {
		return said{}, fmt.Errorf("%s %s: %w", q.method, q.target, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxStream))
	if err != nil {
		return said{}, fmt.Errorf("%s %s: %w", q.method, q.target, err)
	}
	return said{resp.StatusCode, resp.Header, text}, nil
}

func encode(body any) ([]byte, error) {
	switch b := body.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(b), nil
	}
	return json.Marshal(body)
}

// wants asks and decodes the answer, which must have that status.
func (q ask) wants(ctx context.Context, status int, answer any) (said, error) {
	s, err := q.do(ctx)
	if err != nil {
		return s, err
	}
	if s.status != status {
		return s, fmt.Errorf("%s %s: status %d, want %d: %s", q.method, q.target, s.status, status, short(s.body))
	}
	if answer == nil {
		return s, nil
	}
	if typ := s.mediaType(); typ != "application/json" {
		return s, fmt.Errorf("%s %s: content type %q, want application/json", q.method, q.target, typ)
	}
	if err := json.NewDecoder(bytes.NewReader(s.body)).Decode(answer); err != nil {
		return s, fmt.Errorf("%s %s: %w", q.method, q.target, err)
	}
	return s, nil
}

// refused asks for what must be refused with that status and code, as a problem
// document.
func (q ask) refused(ctx context.Context, status int, code string) error {
	s, err := q.wants(ctx, status, nil)
	if err != nil {
		return err
	}
	_, err = s.problem(code)
	return err
}

func (s said) problem(code string) (wire.Problem, error) {
	var p wire.Problem
	if typ := s.mediaType(); typ != "application/problem+json" {
		return p, fmt.Errorf("status %d with content type %q, want application/problem+json", s.status, typ)
	}
	if err := json.Unmarshal(s.body, &p); err != nil {
		return p, fmt.Errorf("the problem document: %w", err)
	}
	if p.Code != code {
		return p, fmt.Errorf("code %q, want %q (%s)", p.Code, code, p.Detail)
	}
	return p, nil
}

func (s said) mediaType() string {
	typ, _, err := mime.ParseMediaType(s.header.Get("Content-Type"))
	if err != nil {
		return s.header.Get("Content-Type")
	}
	return typ
}

func short(b []byte) string {
	text := strings.TrimSpace(string(b))
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return text
}
