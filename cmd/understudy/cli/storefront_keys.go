package cli

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"understudy/datadir"
	"understudy/trust"
)

const (
	keysOf     = "storefront_keys_file of a connector"
	keysHeader = "# Keys of front ends: names and hashes. understudy storefront keys makes them.\n"
)

// newKeysCommand makes, lists and removes the lines of a storefront_keys_file.
func newKeysCommand(a *app) *cobra.Command {
	var file string
	cmd := group("keys", "Make and remove the keys of front ends",
		fileOrder(&file, keysOf, "add NAME --file FILE", "Make a key, and print it this once: the file has its hash only", a.addKey, "NAME"),
		fileOrder(&file, keysOf, "list --file FILE", "List the names of the keys", func(file, _ string) error { return a.listKeys(file) }),
		fileOrder(&file, keysOf, "remove NAME --file FILE", "Remove a key: a connector refuses it once it has read the file again", removeKey, "NAME"),
	)
	cmd.PersistentFlags().StringVar(&file, "file", "", "the connector's storefront_keys_file (required)")
	return cmd
}

func (a *app) addKey(file, name string) error {
	if name == "" || strings.ContainsAny(name, " \t\r\n") || strings.HasPrefix(name, "#") {
		return &usageError{fmt.Errorf("%q cannot be in the file: names have no spaces or # in front", name)}
	}
	secret, err := trust.NewSecret(a.env.Rand("front keys"))
	if err != nil {
		return err
	}
	err = editKeys(file, func(text string, keys trust.Keys) (string, error) {
		if slices.ContainsFunc(keys, func(k trust.Key) bool { return k.Name == name }) {
			return "", fmt.Errorf("%s has a key %q already: remove it, or take another name", file, name)
		}
		return cmp.Or(text, keysHeader) + name + " " + trust.HashOf(secret).String() + "\n", nil
	})
	if err == nil {
		fmt.Fprintln(a.stdout, secret)
	}
	return err
}

func (a *app) listKeys(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("the file of keys: %w", err)
	}
	keys, err := trust.ParseKeys(text)
	for _, k := range keys {
		fmt.Fprintln(a.stdout, k.Name)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func removeKey(file, name string) error {
	return editKeys(file, func(text string, _ trust.Keys) (string, error) {
		kept := withoutSecret(text, name)
		if kept == text {
			return "", fmt.Errorf("%s has no key %q", file, name)
		}
		if strings.TrimSpace(kept) == "" {
			return keysHeader, nil // an empty file is one that is being written
		}
		return kept, nil
	})
}

// editKeys changes the file, and nothing where it holds what is no key.
func editKeys(file string, change func(text string, keys trust.Keys) (string, error)) error {
	return datadir.Edit(file, func(text string) (string, error) {
		keys, err := trust.ParseKeys([]byte(text))
		if err != nil {
			return "", fmt.Errorf("%s: %w", file, err)
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return change(text, keys)
	})
}
