package accounts

import (
	"fmt"
	"os"
	"sync"

	"understudy/roles"
)

// File knows the accounts of a file, and reads it again when it has changed.
type File struct {
	path string
	// broken hears, once for each change, why the file cannot be read any more; the
	// accounts that were read before count until it can.
	broken func(error)

	mu   sync.Mutex // guards what follows
	seen os.FileInfo
	lost bool
	list List
}

// Open reads the file.
func Open(path string, broken func(error)) (*File, error) {
	f := &File{path: path, broken: broken}
	list, info, err := Read(path)
	if err != nil {
		return nil, err
	}
	f.list, f.seen = list, info
	return f, nil
}

// Read reads a file of accounts.
func Read(path string) (List, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read the accounts: %w; `understudy admin add` makes the file", err)
	}
	if open(info) {
		return nil, info, fmt.Errorf("read the accounts: every user of this host may write %s, and so be an operator: chmod o-w", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, info, fmt.Errorf("read the accounts: %w", err)
	}
	list, err := Parse(string(text))
	if err != nil {
		return nil, info, fmt.Errorf("read the accounts in %s: %w", path, err)
	}
	return list, info, nil
}

// Who is whose token it is, by the file as it is now.
func (f *File) Who(token string) (roles.Who, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renew()
	a, ok := f.list.Find(token)
	return roles.Who{Name: a.Name, Role: a.Role, Scope: a.Scope}, ok
}

// renew reads the file again where it is another than the one that was seen.
func (f *File) renew() {
	info, err := os.Stat(f.path)
	if err == nil && f.seen != nil && sameFile(info, f.seen) {
		return
	}
	if err != nil && f.lost {
		return
	}
	list, seen, err := Read(f.path)
	f.seen, f.lost = seen, seen == nil
	if err != nil {
		f.broken(err)
		return
	}
	f.list = list
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
