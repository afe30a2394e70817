package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// mistyped says of a flag's value what it should have been, in words.
func mistyped(err error) error {
	wrong, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	flag := wrong.GetFlag()
	return fmt.Errorf("--%s %s is not %s", flag.Name, wrong.GetValue(), wanted(flag))
}

func wanted(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "int", "int64":
		return "a whole number"
	case "uint", "uint64":
		return "a whole number, 0 or more"
	case "float64":
		return "a number"
	case "duration":
		return "a duration such as 500ms, 30s, 5m or 72h"
	case "bool":
		return "true or false"
	}
	name, _ := pflag.UnquoteUsage(flag)
	return name
}

// misplaced says of a flag that is not known whether it is the command before it that is
// mistyped.
func misplaced(cmd *cobra.Command, err error) error {
	if !cmd.HasSubCommands() || cmd.Flags().NArg() == 0 {
		return err
	}
	return knows(cmd, cmd.Flags().Args())
}
