// Package understudy_test holds what must be true of the whole source: layers,
// purity, and the rules that no linter knows. ARCHITECTURE.md says why.
package understudy_test

import (
	"os"
	"testing"
)

// layers says how high each folder stands. An import points to a lower layer,
// never to a neighbour. Whoever adds a folder adds it here and to ARCHITECTURE.md.
var layers = map[string]int{
	"env": 0, "site": 0, "zone": 0, "events": 0,
	"datadir": 1, "wire": 1, "statemachine": 1, "election": 1, "broker": 1, "callin": 1, "xmlservice": 1, "sizing": 1, "launchfile": 1, "program": 1, "service": 1, "roles": 1, "trust": 1,
	"localdb": 2, "cloud": 2, "sync": 2, "relay": 2, "peer": 2, "vda": 2, "credentials": 2, "hooks": 2, "desktop": 2,
	"sitesource": 2, "controllers": 2, "storefront": 2, "storefront/client": 2, "console": 2, "console/client": 2, "accounts": 2, "pki": 2,
	"agent": 3, "cloud/server": 3, "cloud/contract": 3,
	"config": 4,
	"world":  5, "doctor": 5,
	"demo": 6, "sim": 6, "load": 6,
	"cmd/understudy": 7,
	"e2e":            8, "e2e/clock": 8, "e2e/release": 8, "bench": 8, "packaging": 8,
}

// ground is the order within layer 0, whose packages may import earlier ones.
var ground = []string{"env", "site", "zone", "events"}

// pure are the packages that decide and never act: time and identifiers are
// handed to them.
var pure = []string{"statemachine", "election", "broker", "callin", "zone", "roles"}

// impure is what a pure package does not import, with all below it.
var impure = []string{
	"net", "os", "io/fs", "database/sql", "math/rand", "crypto/rand", "log", "syscall",
	"github.com/sirupsen/logrus", module + "/env",
}

// clock is what a pure package does not call.
var clock = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}

// homes says where a library may be used outside tests; nowhere where the list is
// empty. A folder stands for all below it.
var homes = map[string][]string{
	"crypto/rand":                   {"env"},
	"github.com/coreos/go-systemd":  {"service"},
	"github.com/getkin/kin-openapi": {},
	"github.com/goccy/go-yaml":      {"config", "cmd/understudy"},
	"github.com/google/go-cmp":      {},
	"github.com/jedib0t/go-pretty":  {"cmd/understudy"},
	"github.com/klauspost/compress": {"wire"},
	"github.com/looplab/fsm":        {"statemachine"},
	"github.com/miekg/dns":          {"hooks"},
	"github.com/robfig/cron":        {"agent"},
	"github.com/sirupsen/logrus":    {"agent", "desktop", "cloud/server", "world", "demo", "sim", "load", "cmd/understudy"},
	"github.com/spf13/cobra":        {"cmd/understudy", "packaging"},
	"github.com/spf13/pflag":        {"cmd/understudy"},
	"golang.org/x/sys/cpu":          {"agent", "env"},
	"golang.org/x/sys/unix":         {"datadir", "doctor", "service", "desktop"},
	"golang.org/x/sys/windows":      {"datadir", "doctor", "service", "desktop"},
	"modernc.org/sqlite":            {"localdb", "cloud/server"},
	"pgregory.net/rapid":            {},
}

// worldly are the functions and types that reach the world past env.Env.
var worldly = map[string][]string{
	"net":      {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialUnix", "Dialer", "Listen", "ListenTCP", "ListenUnix", "ListenPacket", "ListenConfig"},
	"net/http": {"DefaultClient", "DefaultTransport", "DefaultServeMux", "Get", "Head", "Post", "PostForm", "Handle", "HandleFunc", "ListenAndServe", "ListenAndServeTLS"},
}

// mocks are frameworks that tests do without: fakes are small structs.
var mocks = []string{
	"github.com/golang/mock", "go.uber.org/mock", "github.com/stretchr/testify/mock",
	"github.com/gojuno/minimock", "github.com/DATA-DOG/go-sqlmock", "github.com/h2non/gock", "github.com/jarcoal/httpmock",
}

// rules are all checks, by the sentence that each of them holds.
var rules = map[string]func([]source) []string{
	"imports point to lower layers":            checkLayers,
	"pure packages only decide":                checkPurity,
	"each library stays where it belongs":      checkHomes,
	"the world is reached through env.Env":     checkWorldly,
	"nothing runs before main":                 checkInit,
	"production code does not sleep":           checkSleep,
	"a test sleeps only in a bubble":           checkTestSleep,
	"each package has one package comment":     checkPackageComment,
	"tests use no mock framework":              checkMocks,
	"each folder of the layer table is listed": checkListed,
}

func TestArchitecture(t *testing.T) {
	sources, err := load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		t.Fatal("no Go files found")
	}
	for name, check := range rules {
		t.Run(name, func(t *testing.T) {
			for _, complaint := range check(sources) {
				t.Error(complaint)
			}
		})
	}
}

// TestLayerTableInDocs holds ARCHITECTURE.md to the table above.
func TestLayerTableInDocs(t *testing.T) {
	page, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := documentedLayers(string(page))
	for folder, layer := range layers {
		if got, ok := documented[folder]; !ok || got != layer {
			t.Errorf("ARCHITECTURE.md: folder %s in layer %d (listed: %t), want %d", folder, got, ok, layer)
		}
	}
	for folder := range documented {
		if _, ok := layers[folder]; !ok {
			t.Errorf("ARCHITECTURE.md lists %s, the layer table does not", folder)
		}
	}
}

// TestDependenciesInDocs: each library that we import has its reason written down.
func TestDependenciesInDocs(t *testing.T) {
	page, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range undocumented(sources, documentedLibraries(string(page))) {
		t.Error(complaint)
	}
}
