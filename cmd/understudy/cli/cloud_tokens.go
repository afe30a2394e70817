package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"understudy/cloud/server"
	"understudy/datadir"
	"understudy/trust"
)

const (
	tokensOf     = "tokens_file of a cloud broker"
	tokensHeader = "# Tokens: name, role and hash. understudy cloud tokens makes them.\n"
)

// newTokensCommand makes, lists and hashes the lines of a tokens_file.
func newTokensCommand(a *app) *cobra.Command {
	var file, role string
	add := fileOrder(&file, tokensOf, "add NAME --role ROLE --file FILE", "Make a token, and print it this once: the file has its hash only",
		func(file, name string) error { return a.addToken(file, name, server.Role(role)) }, "NAME")
	add.Flags().StringVar(&role, "role", string(server.Connector), "the `ROLE`: "+oneOf([]server.Role{server.Connector, server.Admin}))
	cmd := group("tokens", "Make and remove the tokens of connectors and administrators",
		add,
		fileOrder(&file, tokensOf, "list --file FILE", "List the tokens by name, with their roles", func(file, _ string) error { return a.listTokens(file) }),
		fileOrder(&file, tokensOf, "hash --file FILE", "Put hashes in the place of tokens that the file holds: they stay good", func(file, _ string) error { return hashTokens(file) }),
		fileOrder(&file, tokensOf, "remove NAME --file FILE", "Remove a token: a cloud broker refuses it once it has read the file again", removeToken, "NAME"),
	)
	cmd.PersistentFlags().StringVar(&file, "file", "", "the cloud broker's tokens_file (required)")
	return cmd
}

func (a *app) addToken(file, name string, role server.Role) error {
	secret, err := trust.NewSecret(a.env.Rand("tokens"))
	if err != nil {
		return err
	}
	made := server.NewToken(name, role, secret)
	if err := made.Validate(); err != nil {
		return &usageError{err}
	}
	err = editTokens(file, func(text string, tokens []server.Token) (string, error) {
		if slices.ContainsFunc(tokens, func(t server.Token) bool { return t.Name == name }) {
			return "", fmt.Errorf("%s has a token %q already: remove it, or take another name", file, name)
		}
		return cmp.Or(text, tokensHeader) + made.String() + "\n", nil
	})
	if err == nil {
		fmt.Fprintln(a.stdout, secret)
	}
	return err
}

func (a *app) listTokens(file string) error {
	tokens, err := server.LoadTokens(file)
	for _, t := range tokens {
		note := ""
		if t.Plain {
			note = " (the token itself is in the file)"
		}
		fmt.Fprintf(a.stdout, "%s %s%s\n", t.Name, t.Role, note)
	}
	return err
}

func hashTokens(file string) error {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("the tokens file: %w", err)
	}
	return editTokens(file, func(text string, tokens []server.Token) (string, error) {
		var b strings.Builder
		for line := range strings.Lines(text) {
			if isSecret(line) {
				line, tokens = tokens[0].String()+"\n", tokens[1:]
			}
			b.WriteString(line)
		}
		return b.String(), nil
	})
}

func removeToken(file, name string) error {
	return editTokens(file, func(text string, tokens []server.Token) (string, error) {
		rest := slices.DeleteFunc(slices.Clone(tokens), func(t server.Token) bool { return t.Name == name })
		switch len(rest) {
		case len(tokens):
			return "", fmt.Errorf("%s has no token %q", file, name)
		case 0:
			return "", fmt.Errorf("%q is the last token of %s, and a cloud broker wants one: add another first", name, file)
		}
		return withoutSecret(text, name), nil
	})
}

// editTokens changes the file, and nothing where it holds what is no token.
func editTokens(file string, change func(text string, tokens []server.Token) (string, error)) error {
	return datadir.Edit(file, func(text string) (string, error) {
		if strings.TrimSpace(text) == "" {
			return change("", nil)
		}
		tokens, err := server.ReadTokens(bytes.NewReader([]byte(text)))
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		return change(strings.TrimSuffix(text, "\n")+"\n", tokens)
	})
}
