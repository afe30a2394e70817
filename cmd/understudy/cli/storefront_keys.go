package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"understudy/datadir"
	"understudy/trust"
)

const keysHeader = "# Keys of front ends: names and hashes. understudy storefront keys makes them.\n"

// newKeysCommand makes, lists and removes the lines of a storefront_keys_file.
func newKeysCommand(a *app) *cobra.Command {
	var file string
	cmd := group("keys", "Make and remove the keys of front ends",
		keysOrder(&file, "add NAME --file FILE", "Make a key, and print it this once: the file has its hash only", a.addKey, "NAME"),
		keysOrder(&file, "list --file FILE", "List the names of the keys", func(file, _ string) error { return a.listKeys(file) }),
		keysOrder(&file, "remove NAME --file FILE", "Remove a key: a connector refuses it once it has read the file again", removeKey, "NAME"),
	)
	cmd.PersistentFlags().StringVar(&file, "file", "", "the connector's storefront_keys_file (required)")
	return cmd
}

func keysOrder(file *string, use, short string, order func(file, name string) error, args ...string) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: wants(args...), RunE: func(_ *cobra.Command, given []string) error {
		if *file == "" {
			return &usageError{errors.New("--file FILE says which file: storefront_keys_file of a connector")}
		}
		return order(*file, strings.Join(given, ""))
	}}
}

func (a *app) addKey(file, name string) error {
	if name == "" || strings.ContainsAny(name, " \t\r\n") || strings.HasPrefix(name, "#") {
		return &usageError{fmt.Errorf("%q cannot be in the file: names have no spaces or # in front", name)}
	}
	text, keys, err := readKeys(file)
	if err != nil {
		return err
	}
	for _, k := range keys {
		if k.Name == name {
			return fmt.Errorf("%s has a key %q already: remove it, or take another name", file, name)
		}
	}
	secret, err := trust.NewSecret(a.env.Rand("front keys"))
	if err != nil {
		return err
	}
	if err := replaceFile(file, text+name+" "+trust.HashOf(secret).String()+"\n"); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, secret)
	return nil
}

func (a *app) listKeys(file string) error {
	if _, err := os.Stat(file); err != nil {
		return fmt.Errorf("the file of keys: %w", err)
	}
	_, keys, err := readKeys(file)
	for _, k := range keys {
		fmt.Fprintln(a.stdout, k.Name)
	}
	return err
}

func removeKey(file, name string) error {
	text, _, err := readKeys(file)
	if err != nil {
		return err
	}
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 0 || words[0] != name {
			kept.WriteString(line)
		}
	}
	if kept.Len() == len(text) {
		return fmt.Errorf("%s has no key %q", file, name)
	}
	if strings.TrimSpace(kept.String()) == "" {
		kept.WriteString(keysHeader) // an empty file is one that is being written
	}
	return replaceFile(file, kept.String())
}

// readKeys returns the file as it is; one that is not there yet is empty.
func readKeys(file string) (string, trust.Keys, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return keysHeader, nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	keys, err := trust.ParseKeys(text)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", file, err)
	}
	whole := string(text)
	if whole != "" && !strings.HasSuffix(whole, "\n") {
		whole += "\n"
	}
	return whole, keys, nil
}

// replaceFile lets nobody read half of it. The service's account keeps it, if there was
// one before.
func replaceFile(file, text string) error {
	mode := fs.FileMode(0o600)
	if was, err := os.Stat(file); err == nil {
		mode = was.Mode().Perm()
	}
	fresh, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".new-*")
	if err != nil {
		return err
	}
	if err := fill(fresh, file, text, mode); err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	if err := os.Rename(fresh.Name(), file); err != nil {
		return errors.Join(err, os.Remove(fresh.Name()))
	}
	return datadir.Sync(filepath.Dir(file))
}

// fill works on the open file, whose name others may be able to change: root writes into
// folders of the service's account.
func fill(fresh *os.File, old, text string, mode fs.FileMode) error {
	_, err := fresh.WriteString(text)
	return errors.Join(err, fresh.Chmod(mode), keepOwner(old, fresh), fresh.Sync(), fresh.Close())
}
