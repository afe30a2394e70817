package wire_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Clients decide by the codes, so each of them is in docs/api.md.
func TestEveryCodeIsInTheAPIPage(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	found := codes(t)
	if len(found) < 30 {
		t.Fatalf("only %d codes were found in the source", len(found))
	}
	for _, code := range found {
		if !strings.Contains(string(page), "| `"+code+"` |") {
			t.Errorf("docs/api.md does not have the code %s in a row of its own", code)
		}
	}
}

// codes reads the constants whose names begin with Code from the source.
func codes(t testing.TB) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "problem.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, text)
		}
		return true
	})
	return out
}
