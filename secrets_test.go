package understudy_test

import (
	"go/ast"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// The review of what is random: each file that draws names, and what they are.
var (
	// secretNames are 160 bits each (env.Token).
	secretNames = map[string]string{
		"agent/admin.go":               "the token of the admin API",
		"cmd/understudy/cli/admin.go":  "the token of an account",
		"localdb/create.go":            "the name of a journal: no secret, but one of its own for ever",
		"pki/enrol.go":                 "the token of an enrolment",
		"storefront/client/request.go": "the name of a launch, which whoever knows it could ask for again",
		"storefront/launch.go":         "a session",
		"storefront/sessions.go":       "the ticket of a launch",
		"vda/vda.go":                   "a lease",
		"world/world.go":               "the tokens of a world in one process",
	}
	// plainNames have to differ and are no secrets (env.Short).
	plainNames = map[string]string{
		"agent/agent.go":             "a start of the process",
		"agent/callin_parts.go":      "an invitation: answered on the connection that it goes out on",
		"agent/gather.go":            "an outage",
		"agent/mirror_parts.go":      "a stream of mirrored state, among peers",
		"cloud/contract/records.go":  "a journal of the suite",
		"desktop/simulated.go":       "a boot of a simulated host",
		"localdb/create.go":          "a scratch file",
		"localdb/draft.go":           "a scratch file",
		"pki/issue.go":               "the name of an authority",
		"site/version.go":            "a history of versions",
		"storefront/launch.go":       "a call: answered on the stream that it goes out on",
		"storefront/xml_sessions.go": "a call",
	}
	// randomImports may import a random source by themselves.
	randomImports = map[string]string{
		"env/env.go":        "the one of the operating system, for all others",
		"load/dice.go":      "users of a load, the same for the same seed",
		"sim/draw.go":       "plans of a simulation, the same for the same seed",
		"sim/draw_shape.go": "the same",
		"site/generate.go":  "a made up site, the same for the same seed",
	}
)

// Issue 6, 4: "tickets, keys and leases are unguessable": every secret comes from the
// random source of the operating system and has 128 bits at least; the logon ticket of
// the XML Service has the 30 digits that its clients expect, 120 bits, and is redeemed by
// front ends only. Whoever draws a new name says here what it is.
func TestSecretsAreUnguessable(t *testing.T) {
	sources, err := load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range sources {
		if s.test || under(s.dir, "e2e") || under(s.dir, "bench") {
			continue
		}
		for what, table := range map[string]map[string]string{"Token": secretNames, "Short": plainNames} {
			drawn := s.uses("understudy/env", []string{what})
			seen[what+s.path] = len(drawn) > 0
			if len(drawn) > 0 && table[s.path] == "" {
				t.Errorf("%s draws env.%s: say in the table what for", s.path, what)
			}
		}
		for _, imported := range s.imports() {
			if (under(imported, "math/rand") || imported == "crypto/rand") && randomImports[s.path] == "" {
				t.Errorf("%s imports %s: draw from Env.Rand, or say in the table what for", s.path, imported)
			}
		}
	}
	for what, table := range map[string]map[string]string{"Token": secretNames, "Short": plainNames} {
		for path := range table {
			if !seen[what+path] {
				t.Errorf("%s draws env.%s no more", path, what)
			}
		}
	}
}

// secretWords are what secrets are called.
var secretWords = []string{"token", "secret", "password", "passwd", "ticket", "lease", "key", "bearer", "authorization"}

// reviewedComparisons are those of things that are called like a secret, and why they
// tell nobody anything.
var reviewedComparisons = map[string]string{
	"agent/tickets.go CodeTicketUnknown": "the code of a refusal",
	"agent/tickets.go CodeTicketUsed":    "the code of a refusal",
	"agent/tickets.go ItemTicket":        "a kind of item",
	"broker/aside.go Lease":              "two records of the same broker, neither of which a caller has sent",
	"cloud/contract/calls.go LeaseLease": "what the suite has got and what it was given",
	"config/object.go key":               "a key of a file",
	"config/object.go versionKey":        "a key of a file",
	"doctor/certificates.go Key":         "a key of a file",
	"pki/enrol.go key":                   "digests of public keys",
	"pki/files.go Key":                   "names of files",
	"storefront/sta.go CodeTicketUsed":   "the code of a refusal",
}

// constantTime is where secrets, or digests of them, are compared, by whatever name.
var constantTime = map[string]string{
	"accounts/list.go":     "the token of an account",
	"broker/key.go":        "a lease, by its key",
	"broker/register.go":   "a lease, by its text",
	"console/authorize.go": "the token of the admin API",
	"credentials/local.go": "a password",
	"desktop/state.go":     "a lease, at the desktop",
	"pki/enrol.go":         "the token of an enrolment",
	"trust/keys.go":        "the key of a front end, the token of a connector or administrator",
}

// "And compared in constant time": no secret is compared with == or !=, which take longer
// the more of it is right. Tickets and leases are looked up by hash.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	sources, err := load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, s := range sources {
		if s.test || underAny(s.dir, []string{"e2e", "bench", "sim", "load", "world", "demo"}) {
			continue
		}
		if uses := len(s.uses("crypto/subtle", []string{"ConstantTimeCompare"})) > 0; uses != (constantTime[s.path] != "") {
			t.Errorf("%s compares in constant time: %t, the table says %q", s.path, uses, constantTime[s.path])
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			b, ok := n.(*ast.BinaryExpr)
			if !ok || b.Op != token.EQL && b.Op != token.NEQ || trivial(b.X) || trivial(b.Y) {
				return true
			}
			if name := secretName(b.X) + secretName(b.Y); name != "" {
				found[s.path+" "+name] = true
			}
			return true
		})
	}
	for place := range found {
		if reviewedComparisons[place] == "" {
			t.Errorf("%s is compared in a time that tells how much of it is right: use crypto/subtle, or say in the table why that is no secret", place)
		}
	}
	for place := range reviewedComparisons {
		if !found[place] {
			t.Errorf("%s is compared no more", place)
		}
	}
}

// trivial is what a secret may be compared with: nothing, a constant, a length.
func trivial(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || e.Name == "true" || e.Name == "false"
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.Ident)
		return ok && f.Name == "len"
	}
	return false
}

// secretName is how an expression is called, where that is like a secret.
func secretName(e ast.Expr) string {
	var name string
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.SelectorExpr:
		name = e.Sel.Name
	}
	if slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(strings.ToLower(name), word) }) {
		return name
	}
	return ""
}
