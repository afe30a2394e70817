package understudy_test

import (
	"testing"
	"testing/fstest"
)

// TestRulesCanFail shows to each rule a source that breaks it and one beside it
// that does not.
func TestRulesCanFail(t *testing.T) {
	cases := []struct {
		name, rule string
		path, text string
		want       int
	}{
		{"higher layer", "imports point to lower layers", "site/a.go", `package site; import "understudy/agent"`, 1},
		{"neighbour", "imports point to lower layers", "vda/a.go", `package vda; import "understudy/storefront"`, 1},
		{"below a neighbour", "imports point to lower layers", "storefront/client/a.go", `package client; import "understudy/storefront"`, 1},
		{"later on the ground", "imports point to lower layers", "site/a.go", `package site; import "understudy/zone"`, 1},
		{"earlier on the ground", "imports point to lower layers", "zone/a.go", `package zone; import "understudy/site"`, 0},
		{"lower layer", "imports point to lower layers", "vda/a.go", `package vda; import "understudy/broker"`, 0},
		{"neighbour in an external test", "imports point to lower layers", "vda/a_test.go", `package vda_test; import "understudy/storefront"`, 0},
		{"neighbour in an internal test", "imports point to lower layers", "vda/a_test.go", `package vda; import "understudy/storefront"`, 1},
		{"higher layer in a test", "imports point to lower layers", "vda/a_test.go", `package vda_test; import "understudy/world"`, 1},
		{"between commands", "imports point to lower layers", "cmd/understudy/a.go", `package main; import "understudy/cmd/understudy/view"`, 0},
		{"code at the root", "imports point to lower layers", "a.go", `package understudy; import "understudy/site"`, 1},
		{"new folder", "each folder of the layer table is listed", "util/a.go", `package util`, 1},
		{"new folder below another", "each folder of the layer table is listed", "agent/util/a.go", `package util`, 1},
		{"known folder", "each folder of the layer table is listed", "cmd/understudy/view/a.go", `package view`, 0},
		{"network in the core", "pure packages only decide", "election/a.go", `package election; import "net/http"`, 1},
		{"logging in the core", "pure packages only decide", "broker/a.go", `package broker; import "log/slog"`, 1},
		{"env in the core", "pure packages only decide", "broker/a.go", `package broker; import "understudy/env"`, 1},
		{"clock in the core", "pure packages only decide", "statemachine/a.go", `package statemachine; import "time"; var t = time.Now()`, 1},
		{"renamed clock in the core", "pure packages only decide", "statemachine/a.go", `package statemachine; import clock "time"; var t = clock.After`, 1},
		{"durations in the core", "pure packages only decide", "statemachine/a.go", `package statemachine; import "time"; const t = time.Second`, 0},
		{"clock in a test of the core", "pure packages only decide", "election/a_test.go", `package election_test; import "time"; var t = time.Now()`, 0},
		{"clock outside the core", "pure packages only decide", "agent/a.go", `package agent; import "time"; var t = time.Now()`, 0},
		{"logging in a library", "each library stays where it belongs", "relay/a.go", `package relay; import "github.com/sirupsen/logrus"`, 1},
		{"logging in the agent", "each library stays where it belongs", "agent/a.go", `package agent; import "github.com/sirupsen/logrus"`, 0},
		{"cron elsewhere", "each library stays where it belongs", "world/a.go", `package world; import "github.com/robfig/cron/v3"`, 1},
		{"test library in production", "each library stays where it belongs", "site/a.go", `package site; import "pgregory.net/rapid"`, 1},
		{"test library in a test", "each library stays where it belongs", "site/a_test.go", `package site; import "pgregory.net/rapid"`, 0},
		{"own randomness", "each library stays where it belongs", "vda/a.go", `package vda; import "crypto/rand"`, 1},
		{"own listener", "the world is reached through env.Env", "agent/a.go", `package agent; import "net"; var l, _ = net.Listen("tcp", ":0")`, 1},
		{"default client", "the world is reached through env.Env", "cloud/a.go", `package cloud; import "net/http"; var c = http.DefaultClient`, 1},
		{"listener in env", "the world is reached through env.Env", "env/a.go", `package env; import "net"; var l net.ListenConfig`, 0},
		{"init", "nothing runs before main", "agent/a.go", `package agent; func init() {}`, 1},
		{"method called init", "nothing runs before main", "agent/a.go", `package agent; type t int; func (t) init() {}`, 0},
		{"sleep", "production code does not sleep", "relay/a.go", `package relay; import "time"; func f() { time.Sleep(1) }`, 1},
		{"sleep in a test", "production code does not sleep", "relay/a_test.go", `package relay; import "time"; func f() { time.Sleep(1) }`, 0},
		{"sleep without a bubble", "a test sleeps only in a bubble", "relay/a_test.go", `package relay; import "time"; func f() { time.Sleep(1) }`, 1},
		{"sleep in a bubble", "a test sleeps only in a bubble", "relay/a_test.go", `package relay; import ("testing/synctest"; "time"); func f() { time.Sleep(1); synctest.Wait() }`, 0},
		{"no package comment", "each package has one package comment", "site/a.go", `package site`, 1},
		{"comment of another name", "each package has one package comment", "site/a.go", "// Package sites is it.\npackage site", 1},
		{"package comment", "each package has one package comment", "site/a.go", "// Package site is it.\npackage site", 0},
		{"command comment", "each package has one package comment", "cmd/understudy/main.go", "// Command understudy is it.\npackage main", 0},
		{"mock framework", "tests use no mock framework", "site/a_test.go", `package site; import "github.com/stretchr/testify/mock"`, 1},
		{"no mock framework", "tests use no mock framework", "site/a_test.go", `package site; import "github.com/google/go-cmp/cmp"`, 0},
	}
	seen := map[string]bool{}
	for _, c := range cases {
		seen[c.rule] = seen[c.rule] || c.want > 0
		t.Run(c.name, func(t *testing.T) {
			sources := mustLoad(t, fstest.MapFS{c.path: {Data: []byte(c.text)}})
			if got := rules[c.rule](sources); len(got) != c.want {
				t.Errorf("%s: got complaints %q, want %d", c.rule, got, c.want)
			}
		})
	}
	for rule := range rules {
		if !seen[rule] {
			t.Errorf("no case breaks the rule %q", rule)
		}
	}
}

func TestTwoPackageComments(t *testing.T) {
	sources := mustLoad(t, fstest.MapFS{
		"site/a.go": {Data: []byte("// Package site is it.\npackage site")},
		"site/b.go": {Data: []byte("// Package site is it again.\npackage site")},
	})
	if got := checkPackageComment(sources); len(got) != 1 {
		t.Errorf("got complaints %q, want 1", got)
	}
}

func TestLoadLeavesOutWhatIsNotOurs(t *testing.T) {
	sources := mustLoad(t, fstest.MapFS{
		"site/a.go":          {Data: []byte("package site")},
		"site/testdata/b.go": {Data: []byte("package broken")},
		".git/c.go":          {Data: []byte("no Go at all")},
		"site/site.yaml":     {Data: []byte("no Go at all")},
	})
	if len(sources) != 1 || sources[0].path != "site/a.go" {
		t.Errorf("got %d sources, want only site/a.go", len(sources))
	}
}

func TestDocumentedTables(t *testing.T) {
	page := "| 2 | `storefront/client/` | what it does |\n| `pgregory.net/rapid` | why |\n"
	if got := documentedLayers(page); len(got) != 1 || got["storefront/client"] != 2 {
		t.Errorf("layers: got %v, want storefront/client in 2", got)
	}
	if got := documentedLibraries(page); len(got) != 1 || got[0] != "pgregory.net/rapid" {
		t.Errorf("libraries: got %v, want pgregory.net/rapid", got)
	}
}

func TestUndocumentedLibrary(t *testing.T) {
	sources := mustLoad(t, fstest.MapFS{"site/a.go": {Data: []byte(`package site; import ("fmt"; "understudy/env"; "pgregory.net/rapid")`)}})
	if got := undocumented(sources, nil); len(got) != 1 {
		t.Errorf("got complaints %q, want 1", got)
	}
	if got := undocumented(sources, []string{"pgregory.net/rapid"}); len(got) != 0 {
		t.Errorf("got complaints %q, want none", got)
	}
}

func mustLoad(t *testing.T, root fstest.MapFS) []source {
	t.Helper()
	sources, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	return sources
}
