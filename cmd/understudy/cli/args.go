package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// wants checks that a command has exactly the arguments that its usage names.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s needs %s", cmd.CommandPath(), strings.Join(names[len(args):], " and "))
		case len(names) == 0 && len(args) > 0:
			return fmt.Errorf("%s takes no arguments: %q is too much", cmd.CommandPath(), args[0])
		case len(args) > len(names):
			return fmt.Errorf("%s takes only %s: %q is too much", cmd.CommandPath(), strings.Join(names, " and "), args[len(names)])
		}
		return nil
	}
}

// knows refuses what is not a command below this one, and says what was perhaps
// meant.
func knows(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	words := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2
	}
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		words += ": did you mean " + strings.Join(like, " or ") + "?"
	}
	return errors.New(words)
}
