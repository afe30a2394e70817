package datadir_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"understudy/datadir"
)

// holdVariable makes this test binary hold a lock instead of testing.
const holdVariable = "UNDERSTUDY_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		holdLock(dir)
	}
	os.Exit(m.Run())
}

// holdLock holds a lock until its input ends or it is killed.
func holdLock(dir string) {
	lock, err := datadir.Lock(dir)
	fmt.Println("held", err)
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	_ = lock
	os.Exit(0)
}

func TestLockWithinOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	lock, err := datadir.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = datadir.Lock(dir)
	if want := fmt.Sprintf("data folder %s is in use by another process (pid %d)", dir, os.Getpid()); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := datadir.Lock(dir)
	if err != nil {
		t.Fatalf("after it was closed: %v", err)
	}
	unlock(t, again)
	if got, err := os.ReadDir(dir); err != nil || len(got) != 1 || got[0].Name() != "LOCK" {
		t.Errorf("the folder holds %v (%v), want LOCK alone", got, err)
	}
}

func unlock(t *testing.T, lock *datadir.FolderLock) {
	t.Helper()
	if err := lock.Close(); err != nil {
		t.Error(err)
	}
}

// A data folder in use by another process is refused; kill -9 frees it.
func TestLockBetweenProcesses(t *testing.T) {
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"="+dir)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "held <nil>\n" {
		t.Fatalf("the holder says %q (%v)", line, err)
	}
	_, err = datadir.Lock(dir)
	if pid := fmt.Sprintf("(pid %d)", holder.Process.Pid); !errors.Is(err, datadir.ErrInUse) || !strings.Contains(err.Error(), pid) {
		t.Errorf("error %v, want in use by %s", err, pid)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	lock, err := datadir.Lock(dir)
	if err != nil {
		t.Fatalf("after kill -9: %v", err)
	}
	unlock(t, lock)
}

func TestLockNotWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	places := map[string]string{"below a file": filepath.Join(file, "data"), "a file": file}
	if runtime.GOOS == "linux" {
		places["a folder that takes no files"] = "/proc/self"
	}
	if runtime.GOOS != "windows" && os.Getuid() != 0 {
		places["a folder of mode 0500"] = filepath.Join(t.TempDir(), "readonly")
		if err := os.Mkdir(places["a folder of mode 0500"], 0o500); err != nil {
			t.Fatal(err)
		}
	}
	for name, dir := range places {
		_, err := datadir.Lock(dir)
		if want := "data folder " + dir + " is not writable"; !errors.Is(err, datadir.ErrNotWritable) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}
