package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"understudy/credentials"
)

func newCredentialsCommand(a *app) *cobra.Command {
	return group("credentials", "Make lines of a broker's file of users", newCredentialsHashCommand(a))
}

func newCredentialsHashCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "hash USER [GROUP…]",
		Short: "Print a user's line of credentials.local_file",
		Long: "Reads the password from the standard input, one line, and prints the user's line with its argon2id hash.\n" +
			"The password is neither shown nor kept.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, name := range args {
				if name == "" || strings.ContainsAny(name, " \t\r\n,") || strings.HasPrefix(name, "#") {
					return &usageError{fmt.Errorf("%q cannot be in the file: names have no spaces, commas or # in front", name)}
				}
			}
			password, err := bufio.NewReader(a.stdin).ReadString('\n')
			if password = strings.TrimRight(password, "\r\n"); err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("read the password: %w", err)
			}
			if password == "" {
				return &usageError{errors.New("the standard input holds no password")}
			}
			hash, err := credentials.Hash(password, a.env.Rand("passwords"))
			if err != nil {
				return fmt.Errorf("hash the password: %w", err)
			}
			line := args[0] + " " + hash
			if len(args) > 1 {
				line += " " + strings.Join(args[1:], ",")
			}
			fmt.Fprintln(a.stdout, line)
			return nil
		},
	}
}
