//go:build linux

package e2e_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// savings is how often the small programs of these tests save.
const savings = 12

// keepSaving is a program that makes numbers durable, and says so after each, in
// one of several ways of which not all are right.
func keepSaving(how, dir string) int {
	save, err := saver(how, dir)
	for n := 1; err == nil && n <= savings; n++ {
		if err = save(n); err == nil {
			fmt.Println(n)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func saver(how, dir string) (func(int) error, error) {
	if level, ok := strings.CutPrefix(how, "journal "); ok {
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "n.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous("+level+")")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1)
		_, err = db.Exec("CREATE TABLE saved (n INTEGER)")
		return func(n int) error {
			_, err := db.Exec("INSERT INTO saved VALUES (?)", n)
			return err
		}, err
	}
	return func(n int) error {
		return saveFile(filepath.Join(dir, "n"), strconv.Itoa(n), strings.Contains(how, "data"), strings.Contains(how, "names"))
	}, nil
}

func saveFile(path, text string, syncFile, syncFolder bool) error {
	f, err := os.Create(path + ".new")
	if err != nil {
		return err
	}
	if _, err = f.WriteString(text); err == nil && syncFile {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil || !syncFolder {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// saved is what a program finds of the numbers after a power failure.
func saved(t testing.TB, files map[string][]byte) (int, error) {
	t.Helper()
	if text, ok := files["n"]; ok {
		return strconv.Atoi(string(text))
	}
	if len(files["n.db"]) == 0 {
		return 0, nil
	}
	dir := t.TempDir()
	restore(t, dir, files)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "n.db"))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var n int
	err = db.QueryRow("SELECT coalesce(max(n), 0) FROM saved").Scan(&n)
	if err != nil && strings.Contains(err.Error(), "no such table") {
		return 0, nil
	}
	return n, err
}

// TestLossyDiskCatches: LHC-02, LHC-23: what was said to be durable is there after
// a power failure at any step; a program that forgets to sync is found out.
func TestLossyDiskCatches(t *testing.T) {
	t.Parallel()
	needFuse(t)
	for how, right := range map[string]bool{
		"data, names": true, "names": false, "data": false, "no sync": false,
		"journal FULL": true, "journal NORMAL": false, "journal OFF": false,
	} {
		t.Run(how, func(t *testing.T) {
			d := mountLossy(t, nil)
			promised := watchSaving(t, d, how)
			losses := 0
			powerFailures(d.history(), 2, func(at int, files map[string][]byte) {
				if got, err := saved(t, files); err != nil || got < promised(at) {
					losses++
					if right {
						t.Errorf("after step %d: got %d (%v), want at least %d", at, got, err, promised(at))
					}
				}
			})
			if !right && losses == 0 {
				t.Error("nothing was lost, want it found out")
			}
			t.Logf("%d steps, %d losses", len(d.history()), losses)
		})
	}
}

// watchSaving runs the program to its end; the result says what it had promised by
// a step of the disk.
func watchSaving(t *testing.T, d *lossyDisk, how string) func(step int) int {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self, how, d.folder)
	cmd.Env = append(os.Environ(), stageEnv+"=saver")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var steps []int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		steps = append(steps, d.now())
	}
	must(t, cmd.Wait())
	if len(steps) != savings {
		t.Fatalf("it saved %d times, want %d", len(steps), savings)
	}
	return func(step int) int {
		n := 0
		for n < len(steps) && steps[n] <= step {
			n++
		}
		return n
	}
}

// powerFailures shows what a power failure after each of the steps leaves: once
// without luck, where that is not the same as one step earlier, and some times
// with it.
func powerFailures(steps []diskStep, lucky int, look func(at int, files map[string][]byte)) {
	t := newTree()
	for at := 0; ; at++ {
		if at == 0 || steps[at-1].kind == stepSync {
			look(at, t.files(nil))
		}
		for try := range lucky {
			look(at, t.files(rand.New(rand.NewPCG(uint64(at), uint64(try)))))
		}
		if at == len(steps) {
			return
		}
		t.apply(steps[at])
	}
}

func TestTreeLosesWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	t1 := grow([]diskStep{
		{kind: stepMake, node: rootNode, name: "a", child: 2},
		{kind: stepWrite, node: 2, data: []byte("one")},
		{kind: stepSync, node: 2},
		{kind: stepSync, node: rootNode},
		{kind: stepWrite, node: 2, offset: 3, data: []byte("two")},
		{kind: stepMake, node: rootNode, name: "b", child: 3},
		{kind: stepSync, node: 3},
		{kind: stepRename, node: rootNode, name: "a", into: rootNode, as: "c"},
	})
	if got := t1.files(nil); len(got) != 1 || string(got["a"]) != "one" {
		t.Errorf("got %q, want a with one", got)
	}
	seen := map[string]bool{}
	for seed := range uint64(200) {
		seen[fmt.Sprintf("%q", t1.files(rand.New(rand.NewPCG(seed, 0))))] = true
	}
	for _, want := range []string{
		`map["a":"one"]`, `map["a":"onetwo"]`, `map["a":"one" "b":""]`, `map["b":"" "c":"onetwo"]`, `map["b":"" "c":"one"]`,
	} {
		if !seen[want] {
			t.Errorf("%s never came out of %v", want, seen)
		}
	}
}
