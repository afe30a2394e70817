package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"understudy/cloud"
	"understudy/site"
	"understudy/wire"
)

// siteChecks hold health, configuration and publication.
func siteChecks() []check {
	return []check{
		{"health: answers with the site once the store has been read", false, healthAnswers},
		{"health: 401 unauthorized without a token", false, healthNeedsToken},
		{"health: 401 unauthorized with an unknown token", false, healthNeedsKnownToken},
		{"site: 404 not_found for a site that is not served", false, unknownSite},
		{"site: 403 forbidden for a connector's token", false, siteNeedsAdmin},
		{"configuration: a complete stream whose digest is the ETag (LHC-01)", false, configurationComplete},
		{"configuration: 304 without a body while nothing changed (LHC-01)", false, configurationUnchanged},
		{"configuration: the stream for another ETag", false, configurationChanged},
		{"configuration: 304 names which of several ETags is the newest", false, configurationKnown},
		{"configuration: the whole for an unknown version in since", false, configurationSinceUnknown},
		{"put: the same content keeps the version", false, putSame},
		{"put: 422 invalid_site with the faults, and nothing changes", false, putInvalid},
		{"put: 400 bad_request for what is not JSON or has unknown fields", false, putMalformed},
		{"put: 412 precondition_failed for another version", false, putStale},
		{"put: a change makes the next version and a new ETag", true, putChanged},
		{"configuration: since leads to the newest content, by a delta or the whole (NEW-06)", true, configurationSince},
	}
}

func (t *trial) path() string { return "/cloud/v1/sites/" + url.PathEscape(t.o.Site) }

func healthAnswers(ctx context.Context, t *trial) error {
	var h wire.CloudHealth
	if _, err := (ask{as: t.connector, method: http.MethodGet, target: "/cloud/v1/health"}).wants(ctx, http.StatusOK, &h); err != nil {
		return err
	}
	if h.Site != t.o.Site || h.Version.IsZero() {
		return fmt.Errorf("site %q version %s, want site %q and its version", h.Site, h.Version, t.o.Site)
	}
	return nil
}

func healthNeedsToken(ctx context.Context, t *trial) error {
	return ask{as: t.nobody, method: http.MethodGet, target: "/cloud/v1/health"}.refused(ctx, http.StatusUnauthorized, wire.CodeUnauthorized)
}

func healthNeedsKnownToken(ctx context.Context, t *trial) error {
	return ask{as: t.stranger, method: http.MethodGet, target: "/cloud/v1/health"}.refused(ctx, http.StatusUnauthorized, wire.CodeUnauthorized)
}

func unknownSite(ctx context.Context, t *trial) error {
	return ask{as: t.admin, method: http.MethodGet, target: "/cloud/v1/sites/no-such-site"}.refused(ctx, http.StatusNotFound, wire.CodeNotFound)
}

func siteNeedsAdmin(ctx context.Context, t *trial) error {
	return ask{as: t.connector, method: http.MethodPut, target: t.path(), body: t.published.Site}.refused(ctx, http.StatusForbidden, wire.CodeForbidden)
}

// stream reads the configuration and the ETag that came with it.
func (t *trial) stream(ctx context.Context) (*site.Site, wire.ConfigHeader, string, error) {
	body, unchanged, err := t.connector.Configuration(ctx, wire.ConfigAsk{})
	if err != nil {
		return nil, wire.ConfigHeader{}, "", err
	}
	if unchanged != "" {
		return nil, wire.ConfigHeader{}, "", errors.New("304 although no ETag was sent")
	}
	defer body.Close()
	s, header, err := wire.ReadConfig(body)
	if err != nil {
		return nil, header, "", err
	}
	return s, header, wire.Digest(s, header.Records...), nil
}

func configurationComplete(ctx context.Context, t *trial) error {
	s, header, digest, err := t.stream(ctx)
	if err != nil {
		return err
	}
	if s.Name != t.o.Site || header.Version.IsZero() {
		return fmt.Errorf("the stream is of site %q version %s", s.Name, header.Version)
	}
	got, err := ask{as: t.connector, method: http.MethodGet, target: t.path() + "/configuration"}.wants(ctx, http.StatusOK, nil)
	if err != nil {
		return err
	}
	if tag, typ := got.header.Get("ETag"), got.mediaType(); tag != `"`+digest+`"` || typ != cloud.ConfigurationType {
		return fmt.Errorf("ETag %s and type %s, want %q and %s", tag, typ, digest, cloud.ConfigurationType)
	}
	return nil
}

func configurationUnchanged(ctx context.Context, t *trial) error {
	_, _, digest, err := t.stream(ctx)
	if err != nil {
		return err
	}
	got, err := ask{
		as: t.connector, method: http.MethodGet, target: t.path() + "/configuration", header: http.Header{"If-None-Match": {`"` + digest + `"`}},
	}.wants(ctx, http.StatusNotModified, nil)
	if err == nil && len(got.body) > 0 {
		err = fmt.Errorf("the answer has a body of %d bytes", len(got.body))
	}
	return err
}

func configurationChanged(ctx context.Context, t *trial) error {
	body, unchanged, err := t.connector.Configuration(ctx, wire.ConfigAsk{Digest: "of-something-else"})
	if err != nil {
		return err
	}
	if unchanged != "" {
		return errors.New("304 for an ETag that was never given")
	}
	return body.Close()
}

func configurationKnown(ctx context.Context, t *trial) error {
	_, _, digest, err := t.stream(ctx)
	if err != nil {
		return err
	}
	body, unchanged, err := t.connector.Configuration(ctx, wire.ConfigAsk{Digest: strings.Repeat("0", 64), Known: []string{digest}})
	if body != nil {
		_ = body.Close()
	}
	if err == nil && unchanged != digest {
		err = fmt.Errorf("the ETag that is the newest is %q, want %q", unchanged, digest)
	}
	return err
}

func configurationSinceUnknown(ctx context.Context, t *trial) error {
	for _, since := range []string{"?since=19990101000000none-7", "?since=none", "?since="} {
		got, err := ask{as: t.connector, method: http.MethodGet, target: t.path() + "/configuration" + since}.wants(ctx, http.StatusOK, nil)
		if err != nil {
			return err
		}
		if _, _, err := wire.ReadConfig(bytes.NewReader(got.body)); err != nil {
			return fmt.Errorf("%s: %w", since, err)
		}
	}
	return nil
}

// configurationSince changes one object and takes another one away.
func configurationSince(ctx context.Context, t *trial) error {
	was, err := t.admin.Site(ctx)
	if err != nil {
		return err
	}
	changed := *was.Site
	changed.Zones = slices.Clone(changed.Zones)
	changed.Zones[0].Settings.HealthInterval += site.Duration(time.Second)
	changed.Users = append(slices.Clip(changed.Users), site.User{Name: "since.contract.example"})
	is, err := t.admin.PutSite(ctx, &changed, was.Version)
	if err != nil {
		return err
	}
	if _, err := t.admin.PutSite(ctx, was.Site, is.Version); err != nil {
		return err
	}
	_, _, digest, err := t.stream(ctx)
	if err != nil {
		return err
	}
	for _, from := range []cloud.Published{{Version: was.Version, Site: was.Site}, {Version: is.Version, Site: &changed}} {
		if err := t.leads(ctx, from, digest); err != nil {
			return fmt.Errorf("since %s: %w", from.Version, err)
		}
	}
	return nil
}

// leads applies what a connector gets that has a version.
func (t *trial) leads(ctx context.Context, from cloud.Published, digest string) error {
	body, unchanged, err := t.connector.Configuration(ctx, wire.ConfigAsk{Since: from.Version})
	if err != nil || unchanged != "" {
		return errors.Join(err, fmt.Errorf("unchanged %q", unchanged))
	}
	defer body.Close()
	r, err := wire.NewConfigReader(body)
	if err != nil || !r.IsDelta() {
		return err // the whole, which other checks read
	}
	if r.Header().Base != from.Version {
		return fmt.Errorf("the delta is one from %s", r.Header().Base)
	}
	changes, err := r.ReadChanges()
	if err != nil {
		return err
	}
	got, _ := wire.ApplyChanges(from.Site, r.Header(), changes)
	if wire.Digest(got, r.Header().Records...) != digest || r.Digest() != digest {
		return errors.New("the delta leads to another content")
	}
	return nil
}

func putSame(ctx context.Context, t *trial) error {
	was, err := t.admin.Site(ctx)
	if err != nil {
		return err
	}
	is, err := t.admin.PutSite(ctx, was.Site, was.Version)
	if err == nil && is.Version != was.Version {
		err = fmt.Errorf("version %s became %s", was.Version, is.Version)
	}
	return err
}

func putInvalid(ctx context.Context, t *trial) error {
	was, err := t.admin.Site(ctx)
	if err != nil {
		return err
	}
	broken := *was.Site
	broken.Machines = append(slices.Clip(broken.Machines),
		site.Machine{Name: "broken.contract.example", Group: "no such group", Zone: "no such zone"})
	got, err := ask{as: t.admin, method: http.MethodPut, target: t.path(), body: broken}.wants(ctx, http.StatusUnprocessableEntity, nil)
	if err != nil {
		return err
	}
	p, err := got.problem(wire.CodeInvalidSite)
	if err == nil && len(p.Faults) < 2 {
		err = fmt.Errorf("%d faults, want at least one for the group and one for the zone", len(p.Faults))
	}
	return errors.Join(err, t.stillAt(ctx, was.Version))
}

func (t *trial) stillAt(ctx context.Context, v site.Version) error {
	h, err := t.connector.Health(ctx)
	if err == nil && h.Version != v {
		err = fmt.Errorf("the version became %s, want %s", h.Version, v)
	}
	return err
}

func putMalformed(ctx context.Context, t *trial) error {
	for _, body := range []string{"{", "[]", `{"name":"x","colour":"red"}`} {
		if err := (ask{as: t.admin, method: http.MethodPut, target: t.path(), body: body}).refused(ctx, http.StatusBadRequest, wire.CodeBadRequest); err != nil {
			return fmt.Errorf("body %s: %w", body, err)
		}
	}
	return nil
}

func putStale(ctx context.Context, t *trial) error {
	return ask{
		as: t.admin, method: http.MethodPut, target: t.path(), body: t.published.Site, header: http.Header{"If-Match": {`"20000101000000none-1"`}},
	}.refused(ctx, http.StatusPreconditionFailed, wire.CodePrecondition)
}

func putChanged(ctx context.Context, t *trial) error {
	was, err := t.admin.Site(ctx)
	if err != nil {
		return err
	}
	changed := *was.Site
	changed.ReuseInOutage = !changed.ReuseInOutage
	is, err := t.admin.PutSite(ctx, &changed, was.Version)
	if err != nil {
		return err
	}
	if is.Version.History != was.Version.History || is.Version.Number != was.Version.Number+1 {
		return fmt.Errorf("version %s became %s", was.Version, is.Version)
	}
	_, header, digest, err := t.stream(ctx)
	if err == nil && (header.Version != is.Version || digest != wire.Digest(&changed, header.Records...)) {
		err = fmt.Errorf("the configuration is at %s with another content", header.Version)
	}
	return err
}
