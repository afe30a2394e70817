package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"understudy/datadir"
)

// Add puts an account at the end of a file, which is made if it is missing; everything
// else in it stays.
func Add(path string, a Account) error {
	if err := a.Validate(); err != nil {
		return err
	}
	return edit(path, func(text string, list List) (string, error) {
		if err := list.accepts(a); err != nil {
			return "", fmt.Errorf("%w in %s: remove it first, with `understudy admin remove`", err, path)
		}
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + a.String() + "\n", nil
	})
}

// Remove takes an account out of a file; everything else in it stays.
func Remove(path, name string) error {
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("remove an account: %w", err)
	}
	return edit(path, func(text string, list List) (string, error) {
		if list.index(name) < 0 {
			return "", fmt.Errorf("there is no account %q in %s: `understudy admin list` shows them", name, path)
		}
		var kept strings.Builder
		for line := range strings.Lines(text) {
			if fields := strings.Fields(line); len(fields) == 0 || fields[0] != name {
				kept.WriteString(line)
			}
		}
		return kept.String(), nil
	})
}

// edit changes the file, and nothing where it cannot be read.
func edit(path string, change func(text string, list List) (string, error)) error {
	return datadir.Edit(path, func(text string) (string, error) {
		list, _, err := Read(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return change(text, list)
	})
}
