package understudy_test

import (
	"go/ast"
	"os"
	"testing"
)

// TestEveryEventIsRaised: an event that nothing raises promises operators what
// they will never see.
func TestEveryEventIsRaised(t *testing.T) {
	sources, err := load(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	raised := map[string]bool{}
	for _, s := range sources {
		if !s.test && s.dir != "events" {
			for _, name := range s.takenFrom(module + "/events") {
				raised[name] = true
			}
		}
	}
	constants := eventConstants(sources)
	if len(constants) == 0 {
		t.Fatal("no names of events found")
	}
	for constant, name := range constants {
		if !raised[constant] {
			t.Errorf("nothing raises %s", name)
		}
	}
}

// takenFrom returns every name that the file takes from a package.
func (s source) takenFrom(pkg string) []string {
	local, ok := s.localName(pkg)
	if !ok {
		return nil
	}
	var names []string
	ast.Inspect(s.tree, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && x.Name == local {
				names = append(names, selector.Sel.Name)
			}
		}
		return true
	})
	return names
}

// eventConstants returns the constants of type events.Name with their values.
func eventConstants(sources []source) map[string]string {
	found := map[string]string{}
	for _, s := range sources {
		if s.dir != "events" || s.test {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
				if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Name" {
					found[spec.Names[0].Name] = spec.Values[0].(*ast.BasicLit).Value
				}
			}
			return true
		})
	}
	return found
}
