package statemachine_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/statemachine"
)

// Design 3: the diagram in ARCHITECTURE.md is rendered from the table.
func TestDiagramIsTheDocuments(t *testing.T) {
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	var diagrams []string
	for _, block := range strings.Split(string(text), "```mermaid\n")[1:] {
		diagram, _, closed := strings.Cut(block, "```")
		if closed && strings.HasPrefix(diagram, "stateDiagram-v2\n") {
			diagrams = append(diagrams, diagram)
		}
	}
	if diff := cmp.Diff(diagrams, []string{statemachine.Diagram()}); diff != "" {
		t.Errorf("the state diagrams of ARCHITECTURE.md (-) are not the table's (+):\n%s", diff)
	}
}
