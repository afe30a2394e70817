package understudy_test

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// checkLayers: production code imports lower layers only; a test may also import
// a neighbour that it needs as a fixture.
func checkLayers(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		for _, imported := range s.folders() {
			if !mayImport(s, imported) {
				complaints = append(complaints, fmt.Sprintf("%s imports %s, which is not in a lower layer", s.path, imported))
			}
		}
	}
	return complaints
}

func mayImport(s source, imported string) bool {
	if s.dir == "" {
		return false
	}
	from, to := layerOf(s.dir), layerOf(imported)
	switch {
	case to < from:
		return true
	case to > from:
		return false
	case s.dir == imported, under(s.dir, "cmd/understudy") && under(imported, "cmd/understudy"):
		return true
	case from == 0:
		return slices.Index(ground, imported) < slices.Index(ground, s.dir)
	}
	return s.test && s.external()
}

// checkListed: a folder without a layer is a folder nobody thought about.
func checkListed(sources []source) []string {
	unlisted := map[string]bool{}
	for _, s := range sources {
		if s.dir != "" && layerOf(s.dir) == noLayer {
			unlisted[s.dir+" has no layer: add it to layers and to ARCHITECTURE.md"] = true
		}
	}
	return slices.Sorted(maps.Keys(unlisted))
}

const noLayer = 99

// layerOf returns the layer of a folder, or noLayer. Only commands have folders
// below them that need no row of their own.
func layerOf(folder string) int {
	if under(folder, "cmd/understudy") {
		folder = "cmd/understudy"
	}
	if layer, ok := layers[folder]; ok {
		return layer
	}
	return noLayer
}

// checkPurity: the cores read no clock, socket, file or random source.
func checkPurity(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		if s.test || !slices.Contains(pure, s.dir) {
			continue
		}
		for _, imported := range s.imports() {
			if underAny(imported, impure) {
				complaints = append(complaints, fmt.Sprintf("%s imports %s, but %s only decides", s.path, imported, s.dir))
			}
		}
		for _, used := range s.uses("time", clock) {
			complaints = append(complaints, fmt.Sprintf("%s uses %s: take now as a parameter", s.path, used))
		}
	}
	return complaints
}

// checkHomes: who logs, who schedules, who talks SQL is decided once.
func checkHomes(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		if s.test || s.dir == "e2e" {
			continue
		}
		for _, imported := range s.imports() {
			for library, home := range homes {
				if under(imported, library) && !underAny(s.dir, home) {
					complaints = append(complaints, fmt.Sprintf("%s imports %s, which belongs in %v", s.path, imported, home))
				}
			}
		}
	}
	return complaints
}

// checkWorldly: only env dials, listens and knows the default client.
func checkWorldly(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		if s.test || s.dir == "env" {
			continue
		}
		for pkg, names := range worldly {
			for _, used := range s.uses(pkg, names) {
				complaints = append(complaints, fmt.Sprintf("%s uses %s: go through env.Env", s.path, used))
			}
		}
	}
	return complaints
}

// checkInit: nothing happens by being imported.
func checkInit(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		for _, decl := range s.tree.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				complaints = append(complaints, s.path+" has a func init")
			}
		}
	}
	return complaints
}

// checkSleep: every wait can be ended by its context.
func checkSleep(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		if !s.test && len(s.uses("time", []string{"Sleep"})) > 0 {
			complaints = append(complaints, s.path+" sleeps: select on a timer and ctx.Done instead")
		}
	}
	return complaints
}

// checkTestSleep: sleeping is exact in a synctest bubble and a guess elsewhere.
func checkTestSleep(sources []source) []string {
	bubbles := map[string]bool{}
	for _, s := range sources {
		if slices.Contains(s.imports(), "testing/synctest") {
			bubbles[s.dir] = true
		}
	}
	var complaints []string
	for _, s := range sources {
		if s.test && !bubbles[s.dir] && len(s.uses("time", []string{"Sleep"})) > 0 {
			complaints = append(complaints, s.path+" sleeps outside a synctest bubble: wait for a fact instead")
		}
	}
	return complaints
}

// checkPackageComment: exactly one file of each package says what it is for.
func checkPackageComment(sources []source) []string {
	comments := map[string]int{}
	for _, s := range sources {
		if s.test {
			continue
		}
		comments[s.dir] += 0
		if s.tree.Doc != nil && strings.HasPrefix(s.tree.Doc.Text(), commentStart(s)) {
			comments[s.dir]++
		}
	}
	var complaints []string
	for _, dir := range slices.Sorted(maps.Keys(comments)) {
		if n := comments[dir]; n != 1 {
			complaints = append(complaints, fmt.Sprintf("%s has %d package comments, want 1", dir, n))
		}
	}
	return complaints
}

func commentStart(s source) string {
	if s.tree.Name.Name == "main" {
		return "Command "
	}
	return "Package " + s.tree.Name.Name + " "
}

// checkMocks: fakes are structs of function fields or a real server in the process.
func checkMocks(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		for _, imported := range s.imports() {
			if underAny(imported, mocks) {
				complaints = append(complaints, fmt.Sprintf("%s imports the mock framework %s", s.path, imported))
			}
		}
	}
	return complaints
}

// undocumented names the libraries that nobody gave a reason for.
func undocumented(sources []source, documented []string) []string {
	missing := map[string]bool{}
	for _, s := range sources {
		for _, imported := range s.imports() {
			if !isStandard(imported) && !under(imported, module) && !underAny(imported, documented) {
				missing["ARCHITECTURE.md does not say why we need "+imported] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(missing))
}
