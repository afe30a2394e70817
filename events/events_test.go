package events_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"understudy/events"
)

func TestCatalogueIsUniqueAndOrdered(t *testing.T) {
	codes, names := map[int]bool{}, map[events.Name]bool{}
	last := 0
	for _, k := range events.Catalogue() {
		if codes[k.Code] || names[k.Name] {
			t.Errorf("%d %s is there twice", k.Code, k.Name)
		}
		codes[k.Code], names[k.Name] = true, true
		if k.Code < last {
			t.Errorf("%d %s is out of order", k.Code, k.Name)
		}
		last = k.Code
		if !strings.HasSuffix(k.Meaning, ".") {
			t.Errorf("%s has no meaning in a sentence: %q", k.Name, k.Meaning)
		}
		if !slices.Contains([]events.Severity{events.Info, events.Warning, events.Error}, k.Severity) {
			t.Errorf("%s has severity %q", k.Name, k.Severity)
		}
	}
}

func TestEveryNameIsInTheCatalogue(t *testing.T) {
	declared := names(t)
	if len(declared) != len(events.Catalogue()) {
		t.Errorf("%d names, %d in the catalogue", len(declared), len(events.Catalogue()))
	}
	for _, name := range declared {
		if got := events.Lookup(name).Name; got != name {
			t.Errorf("looked up %s, got %s", name, got)
		}
	}
}

func TestUnknownNamePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an event that is not in the catalogue was found")
		}
	}()
	events.Lookup("no_such_event")
}

// names reads the constants of type Name from the source.
func names(t testing.TB) []events.Name {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "events.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []events.Name
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Name" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, events.Name(text))
		}
		return true
	})
	return out
}
