package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"understudy/config"
	"understudy/console/client"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// one is a finding as a list.
func one(f Finding, _ ...bool) []Finding { return []Finding{f} }

func failed(connected bool, err error) []Finding {
	a := answer{target: target{about: "peer cc02", url: "https://cc02.example.test:7489", key: "peer_url"}, err: err, connected: connected}
	f, _ := a.reached()
	return one(f)
}

func answered(status int, code string) []Finding {
	a := answer{target: target{about: "cloud broker", url: "https://cloud.example.test"}, status: status, problem: &wire.Problem{Status: status, Code: code, Detail: "no"}}
	f, _ := a.refused()
	return one(f)
}

// says is an answer with a body, and a clock.
func says(body string) *answer {
	now := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	return &answer{target: target{about: "cloud broker", url: "https://cloud.example.test", peer: true}, status: http.StatusOK, body: []byte(body), date: now, ours: now.Add(time.Minute), took: 2 * time.Second}
}

func alert(text string) error {
	return &net.OpError{Op: "remote error", Err: errors.New(text)}
}

// tests are facts that lead to each row of the catalogue.
func tests() map[string][]Finding {
	p := &patient{doctor: &doctor{}, connector: &config.Connector{FQDN: "cc01.example.test", Zone: "berlin"}}
	peerless := says("")
	peerless.err = syscall.ECONNREFUSED
	off, _ := peerless.reached()
	stranger, _ := p.strangers(says(`{"connectors":[{"fqdn":"cc01.example.test","zone":"munich"}]}`), "cc02.example.test")
	another, _ := says(`{"site":"another"}`).otherSite("example")
	nobody, _ := says(`<html>`).otherSite("example")
	readable, _ := judgeMode(config.NamedFile{Key: "tls.key_file", Path: "/etc/key", Secret: true}, 0o644)
	writable, _ := judgeMode(config.NamedFile{Key: "tls.cert_file", Path: "/etc/cert"}, 0o664)
	away := &patient{reached: []string{"connector a"}}
	return map[string][]Finding{
		"config_fault":       configFindings("f.yaml", &config.FileError{File: "f.yaml", Faults: []config.Fault{{Line: 3, Path: "zone", Text: "is missing"}}}),
		"port_busy":          one(judgeListen("listen", ":7480", syscall.EADDRINUSE)),
		"port_forbidden":     one(judgeListen("listen", ":80", fs.ErrPermission)),
		"address_foreign":    one(judgeListen("listen", "192.0.2.1:7480", syscall.EADDRNOTAVAIL)),
		"listen_failed":      one(judgeListen("listen", ":7480", syscall.ENOBUFS)),
		"own_name_unknown":   one(judgeOwnName("cc01", nil, errors.New("no such host"), nil)),
		"own_name_elsewhere": one(judgeOwnName("cc01", []string{"192.0.2.7"}, nil, map[string]bool{"192.0.2.8": true})),
		"name_unknown":       failed(false, &net.DNSError{Name: "cc02.example.test", IsNotFound: true}),
		"clock_differs":      says("").clock(),
		"folder_missing":     judgeDisk(diskFacts{dir: "/no", err: fs.ErrPermission}, 0),
		"folder_open":        judgeDisk(diskFacts{dir: "/d", exists: true, mode: 0o755, free: 1 << 40, sized: true}, 0),
		"not_writable":       judgeDisk(diskFacts{dir: "/d", exists: true, free: 1 << 40, sized: true, err: syscall.EROFS}, 0),
		"disk_full":          judgeDisk(diskFacts{dir: "/d", exists: true, free: 199 << 20, sized: true, snapshot: 100 << 20}, 0),
		"disk_small":         judgeDisk(diskFacts{dir: "/d", exists: true, free: 201 << 20, sized: true, snapshot: 100 << 20}, 1_000_000),
		"disk_slow":          judgeDisk(diskFacts{dir: "/d", exists: true, free: 1 << 40, sized: true, synced: 101 * time.Millisecond}, 0),
		"disk_remote":        judgeDisk(diskFacts{dir: "/d", exists: true, free: 1 << 40, sized: true, system: fileSystem{name: "NFS", remote: true}}, 0),
		"disk_volatile":      judgeDisk(diskFacts{dir: "/d", exists: true, free: 1 << 40, sized: true, system: fileSystem{name: "tmpfs", volatile: true}}, 0),
		"port_refused":       failed(false, syscall.ECONNREFUSED),
		"peer_off":           one(off),
		"port_dropped":       failed(false, syscall.ETIMEDOUT),
		"host_unreachable":   failed(false, syscall.EHOSTUNREACH),
		"silent":             failed(true, &net.OpError{Op: "read", Err: syscall.ETIMEDOUT}),
		"tls_name":           failed(true, x509.HostnameError{Certificate: &x509.Certificate{}, Host: "cc02"}),
		"tls_authority":      failed(true, x509.UnknownAuthorityError{}),
		"tls_expired":        failed(true, x509.CertificateInvalidError{Reason: x509.Expired}),
		"tls_version":        failed(true, alert("tls: protocol version not supported")),
		"tls_none":           failed(true, tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}),
		"tls_refused":        failed(true, alert("tls: bad certificate")),
		"broken":             failed(true, syscall.ECONNRESET),
		"token_refused":      answered(http.StatusUnauthorized, wire.CodeUnauthorized),
		"forbidden":          answered(http.StatusForbidden, wire.CodeForbidden),
		"other_zone":         append(answered(http.StatusForbidden, wire.CodeNotInZone), stranger),
		"other_site":         one(another),
		"not_ours":           append(answered(http.StatusNotFound, ""), nobody),
		"unhealthy":          answered(http.StatusServiceUnavailable, wire.CodeStarting),
		"secret_readable":    one(readable),
		"file_writable":      one(writable),
		"renewal_blocked":    one(judgeFolder("/etc/tls", account{name: "ada", id: 7}, folderFacts{mode: 0o755})),
		"few_files":          one(judgeFiles(1024, 4096, true)),
		"little_memory":      one(judgeMemory(1000, 2048)),
		"answer_slow":        says("").slow("answer_slow", "cloud.timeout", time.Second),
		"deadline_short":     says("").slow("deadline_short", "election.deadline", time.Second),
		"program_failed":     append(one(judgeProvider("provider.list x", "x", "idle ada", nil)), judgeProvider("provider.list x", "x", "", errors.New("exit status 1"))),
		"no_connector":       away.concluded([]Finding{{About: "connector a", Result: Error}}),
		"not_answering":      one(judgeSilence(errors.New("no answer in time"), holder{pid: 7, alive: true}, "")),
		"admin_refused":      one(judgeSilence(wire.NewProblem(401, wire.CodeUnauthorized, "the token"), holder{}, "/d/admin.token")),
	}
}

// "Each finding with its remedy": facts lead to each of these, and to nothing else.
func TestFactsLeadToFindings(t *testing.T) {
	for name, got := range tests() {
		if len(got) == 0 {
			t.Errorf("%s is not found", name)
		}
		for _, f := range got {
			if f.Name != name {
				t.Errorf("%s: got %q (%s), want it alone", name, f.Name, f.Detail)
			}
		}
	}
}

// elsewhere are rows that other tests of this package find with real files.
var elsewhere = []string{"cert_unreadable", "cert_untrusted", "key_mismatch", "file_wrong", "callback_local", "cert_no_token", "tokens_plain"}

// Each row of the catalogue is found by a test, and stands there once.
func TestCatalogueIsFound(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range sick() {
		seen[f.Name] = true
	}
	for name := range spoilt(time.Now()) {
		seen[name] = true
	}
	for name := range tests() {
		seen[name] = true
	}
	rows := map[string]bool{}
	for _, k := range Catalogue() {
		if rows[k.Name] {
			t.Errorf("%s is there twice", k.Name)
		}
		rows[k.Name] = true
		if !seen[k.Name] && !slices.Contains(elsewhere, k.Name) {
			t.Errorf("no test finds %s", k.Name)
		}
	}
}

// No remedy has a gap that was not filled.
func TestRemediesAreWhole(t *testing.T) {
	all := tests()
	all["running"] = sick()
	all["certificates"] = certificateFindings(t)
	for _, list := range all {
		for _, f := range list {
			if f.Remedy == "" || strings.ContainsAny(f.Remedy, "{}") || f.Detail == "" || f.About == "" {
				t.Errorf("%s about %q: detail %q, remedy %q", f.Name, f.About, f.Detail, f.Remedy)
			}
		}
	}
}

// sick is a connector of which everything is wrong.
func sick() []Finding {
	at := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	s := wire.Status{
		Connector: "cc01.example.test", State: zone.Normal, At: at, Force: &zone.Force{By: "ada", Reason: "drill"},
		Snapshot: &wire.SnapshotStatus{}, Sync: wire.SyncStatus{At: at.Add(-time.Hour), Outcome: "unchanged"}, Held: []wire.HeldVersion{{Version: site.Version{History: "h", Number: 3}, Reason: "it loses half"}},
		Health: wire.HealthStatus{Checked: true, Reason: "refused"}, Gate: wire.GateStatus{Reason: "nobody asked"}, Hooks: []wire.HookStatus{{Hook: "dns", Detail: "REFUSED"}}, Missing: []string{"cc02 could not take over"},
		Journal: wire.JournalStatus{Records: 7, HandedBack: 2, Trouble: "the cloud broker refuses them"},
	}
	peers := []wire.PeerStatus{
		{FQDN: "cc01.example.test", Self: true, Link: "self", Elected: "cc01.example.test", CanServe: true},
		{FQDN: "cc02.example.test", Heard: true, Link: "up", Elected: "cc02.example.test"},
		{FQDN: "cc03.example.test", Link: "lost", Reason: "no heartbeat"},
	}
	without := s
	without.Snapshot = nil
	return append(judgeRunning(running{status: s, peers: peers}, holder{}, 60, "", "7489"),
		judgeRunning(running{status: without}, holder{}, 60, "", "7489")...)
}

// What a running connector says of itself and of its zone is told.
func TestRunningConnectorIsJudged(t *testing.T) {
	got := map[string]bool{}
	for _, f := range sick() {
		got[f.Name] = true
	}
	for _, k := range processKinds {
		switch k.Name {
		case "not_answering", "admin_refused", "program_failed", "callback_local", "no_connector":
			continue
		}
		if !got[k.Name] {
			t.Errorf("%s is not found", k.Name)
		}
	}
	well := wire.Status{
		State: zone.Normal, At: time.Unix(60, 0), Sync: wire.SyncStatus{At: time.Unix(0, 0), Outcome: "unchanged"}, Snapshot: &wire.SnapshotStatus{},
		Gate: wire.GateStatus{Open: true}, Health: wire.HealthStatus{Checked: true, Healthy: true},
	}
	if f := judgeRunning(running{status: well}, holder{}, 60, "", ""); len(f) != 1 || f[0].Result != OK {
		t.Errorf("a connector that is well: %+v", f)
	}
	well.Started, well.Sync = well.Sync.At, wire.SyncStatus{Outcome: "never"}
	if f := judgeRunning(running{status: well}, holder{}, 60, "", ""); len(f) != 1 || f[0].Result != OK {
		t.Errorf("one that has just begun with a copy of its own: %+v", f)
	}
	if f := judgeSilence(&client.Unreachable{Err: syscall.ECONNREFUSED}, holder{}, ""); f.Result != Skipped {
		t.Errorf("before the first start: %+v", f)
	}
}

// What is found is a sentence that can be read, and names nothing that is not there.
func TestWordsOfFindings(t *testing.T) {
	for outcome, want := range map[string]string{"": "the last sync: none yet", "failed": "the last sync: failed"} {
		list := judgeRunning(running{status: wire.Status{Sync: wire.SyncStatus{Outcome: outcome}}}, holder{}, 60, "", "7489")
		if !slices.ContainsFunc(list, func(f Finding) bool { return f.Name == "no_snapshot" && f.Detail == want }) {
			t.Errorf("got %+v, want %q", list, want)
		}
	}
	p := &patient{doctor: &doctor{}}
	f := p.callback(&config.Desktop{Listen: "127.0.0.20:7485"})(t.Context())
	if len(f) != 1 || f[0].Result != Skipped || f[0].About != "callback" {
		t.Errorf("simulated machines: %+v, want no callback without a host", f)
	}
}
