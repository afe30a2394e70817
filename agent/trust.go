package agent

import (
	"context"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/trust"
	"understudy/wire"
)

// Reload reads certificates, keys and tokens from their files again. What cannot be used
// is the error; what was read before stays in use then.
func (a *Agent) Reload(context.Context) error { return a.reload("the service's host").Err() }

// OrderReload is Reload for the admin API.
func (a *Agent) OrderReload(_ context.Context, order wire.ReloadOrder) (wire.ReloadAnswer, error) {
	r := a.reload(order.By)
	return wire.ReloadAnswer{Changed: texts(r.Changed), Unreadable: texts(r.Unreadable)}, nil
}

func (a *Agent) reload(by string) trust.Report {
	r := a.o.Trust.Reload()
	reason := "nothing has changed"
	if len(r.Changed) > 0 {
		reason = "in use now: " + strings.Join(texts(r.Changed), ", ")
	}
	a.log.raise(events.TrustReloaded, reason, logrus.Fields{"by": by})
	a.tellTrust(trust.Report{Unreadable: r.Unreadable})
	return r
}

func texts(list []trust.Finding) []string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = f.Text
	}
	return out
}

// tellTrust raises what a look at the files found.
func (a *Agent) tellTrust(r trust.Report) {
	r.Tell(func(name events.Name, f trust.Finding) {
		fields := logrus.Fields{"file": f.File}
		if !f.NotAfter.IsZero() {
			fields["not_after"] = f.NotAfter
		}
		if name == events.TrustReloaded {
			fields["by"] = "its file, which changed"
		}
		a.log.raise(name, f.Text, fields)
	})
}

// certificates are those in use, for operators.
func (a *Agent) certificates() []wire.CertificateStatus {
	var out []wire.CertificateStatus
	for _, c := range a.o.Trust.Certificates() {
		out = append(out, wire.CertificateStatus{Kind: c.Kind, File: c.File, Names: c.Names, NotAfter: c.NotAfter.UTC(), DaysLeft: c.DaysLeft(), Expires: c.Expires()})
	}
	return out
}

// unreadable are the files that cannot be used as they are, for operators.
func (a *Agent) unreadable() []wire.UnreadableStatus {
	var out []wire.UnreadableStatus
	for _, f := range a.o.Trust.Faults() {
		out = append(out, wire.UnreadableStatus{File: f.File, Since: f.Since.UTC(), Reason: f.Text})
	}
	return out
}

// overCertificates says which of the process's own certificates nobody accepts any more.
func (a *Agent) overCertificates() []string {
	var out []string
	for _, c := range a.o.Trust.Certificates() {
		if c.Kind == trust.Own && c.Left <= 0 {
			out = append(out, fmt.Sprintf("certificate: %s", c.Reason()))
		}
	}
	return out
}
