package accounts

import (
	"fmt"
	"os"
	"sync"
	"time"

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
	list, _, info, err := read(path)
	return list, info, err
}

// read also says whether the last line has its end.
func read(path string) (list List, ended bool, info os.FileInfo, err error) {
	info, err = os.Stat(path)
	if err != nil {
		return nil, false, nil, fmt.Errorf("read the accounts: %w; `understudy admin add` makes the file", err)
	}
	if open(info) {
		return nil, false, info, fmt.Errorf("read the accounts: every user of this host may write %s, and so be an operator: chmod o-w", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, false, info, fmt.Errorf("read the accounts: %w", err)
	}
	list, err = Parse(string(text))
	if err != nil {
		return nil, false, info, fmt.Errorf("read the accounts in %s: %w", path, err)
	}
	return list, len(text) == 0 || text[len(text)-1] == '\n', info, nil
}

// Who is whose token it is, by the file as it is now.
func (f *File) Who(token string) (roles.Who, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renew()
	a, ok := f.list.Find(token)
	return roles.Who{Name: a.Name, Role: a.Role, Scope: a.Scope}, ok
}

// settle is for how long a file whose last line has no end stays as it is before that
// line counts: one that is being written would lack its limits.
const settle = time.Second

// renew reads the file again where it is another than the one that was seen.
func (f *File) renew() {
	info, err := os.Stat(f.path)
	if err == nil && f.seen != nil && sameFile(info, f.seen) {
		return
	}
	if err != nil && f.lost {
		return
	}
	list, ended, seen, err := read(f.path)
	if err == nil && !ended && fresh(seen) {
		return
	}
	f.seen, f.lost = seen, seen == nil
	if err != nil {
		f.broken(err)
		return
	}
	f.list = list
}

func fresh(info os.FileInfo) bool {
	age := time.Since(info.ModTime())
	return age >= 0 && age < settle
}

func sameFile(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}
