package accounts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// edit replaces the file in one step by what change makes of it. The new file, which
// is there meanwhile, keeps others out.
func edit(path string, change func(text string, list List) (string, error)) (err error) {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("another command changes %s, or one was killed while it did: look, and remove %s then", path, next)
	}
	if err != nil {
		return fmt.Errorf("change the accounts: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(next)
		}
	}()
	text, err := changed(path, f, change)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return fmt.Errorf("change the accounts: %w", err)
	}
	return datadir.Sync(filepath.Dir(path))
}

// changed returns the new text. The new file gets mode and owner of the old one, so
// that the service can still read it.
func changed(path string, next *os.File, change func(string, List) (string, error)) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return change("", nil)
	}
	if err != nil {
		return "", fmt.Errorf("change the accounts: %w", err)
	}
	list, _, err := Read(path)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = errors.Join(next.Chmod(info.Mode().Perm()), keepOwner(next, info))
	}
	if err != nil {
		return "", fmt.Errorf("change the accounts: %w", err)
	}
	return change(string(text), list)
}
