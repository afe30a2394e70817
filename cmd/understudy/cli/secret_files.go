package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

// fileOrder is a command on a file of secrets, which names whose file that is.
func fileOrder(file *string, whose, use, short string, order func(file, name string) error, args ...string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: wants(args...), RunE: func(_ *cobra.Command, given []string) error {
		if *file == "" {
			return &usageError{errors.New("--file FILE says which file: " + whose)}
		}
		return order(*file, strings.Join(given, ""))
	}}
}

// isSecret reports whether a line of a good file is one of a secret.
func isSecret(line string) bool {
	line = strings.TrimSpace(line)
	return line != "" && !strings.HasPrefix(line, "#")
}

// withoutSecret is a good file without the lines of a name, which they begin with.
func withoutSecret(text, name string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !isSecret(line) || strings.Fields(line)[0] != name {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
