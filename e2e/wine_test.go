//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// wineTime bounds one program under wine: the first one starts Windows itself.
const wineTime = 60 * time.Second

// wine is a Windows of this run's own, made once: a folder that is its disk C and its
// registry. Tests with it do not run side by side, and each ends all that runs in it.
type wine struct {
	t      testing.TB
	prefix string
	said   string // the file that the services' standard error goes to
}

// windows is the Windows, with nothing running.
func windows(t testing.TB) *wine {
	t.Helper()
	needTool(t, "wine", "wine64 and wine")
	prefix, err := newPrefix()
	if err != nil {
		t.Fatal(err)
	}
	w := &wine{t: t, prefix: prefix, said: filepath.Join(t.ArtifactDir(), "windows.log")}
	t.Cleanup(w.shutDown)
	w.shutDown() // whatever ran is to start anew with this test's log
	return w
}

// newPrefix makes the Windows. A program by Go wants a library that wine 8 lacks.
var newPrefix = sync.OnceValues(func() (string, error) {
	w := &wine{prefix: filepath.Join(folder, "windows")}
	if err := os.MkdirAll(filepath.Join(folder, "home"), 0o700); err != nil {
		return "", err
	}
	cmd := w.command("wineboot", "--init")
	log, err := os.Create(filepath.Join(folder, "wineboot.log")) // a pipe would be held open by what stays
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("make a Windows, as %s says: %w", log.Name(), err)
	}
	system := w.disk("windows", "system32")
	if _, err := os.Stat(filepath.Join(system, "bcryptprimitives.dll")); err == nil {
		return w.prefix, nil
	}
	return w.prefix, os.WriteFile(filepath.Join(system, "bcryptprimitives.dll"), forwarder("bcryptprimitives.dll", "ProcessPrng", "ADVAPI32.SystemFunction036"), 0o644)
})

// command is a program of Debian's wine that runs in this Windows. Of all that wine can
// tell only what is written to the event log is wanted: it keeps none.
func (w *wine) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEARCH=win64", "WINEDEBUG=-all,+eventlog", "DISPLAY=",
		"WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=d", "HOME="+filepath.Join(folder, "home"))
	return cmd
}

// shutDown ends all that runs in the Windows, and waits for it.
func (w *wine) shutDown() {
	_ = w.command("wineserver", "--kill").Run() // it may not run
	_ = w.command("wineserver", "--wait").Run()
}

// disk is the path of something on disk C.
func (w *wine) disk(parts ...string) string {
	return filepath.Join(append([]string{w.prefix, "drive_c"}, parts...)...)
}

// run runs a Windows program to its end. What it says is apart from what services say,
// which inherit the standard error of the first one.
func (w *wine) run(dir string, env []string, program string, args ...string) result {
	w.t.Helper()
	cmd := w.command("wine", append([]string{program}, args...)...)
	cmd.Dir, cmd.Env = dir, append(cmd.Env, env...)
	return w.finish(cmd)
}

func (w *wine) finish(cmd *exec.Cmd) result {
	w.t.Helper()
	out, said := w.sink("out"), w.sink("err")
	defer out.Close()
	defer said.Close()
	cmd.Stdout, cmd.Stderr = out, said
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	timer := time.AfterFunc(wineTime*3, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait() // the state says what there is to know
	return result{Code: cmd.ProcessState.ExitCode(), Out: read(w.t, out.Name()), Stderr: read(w.t, said.Name())}
}

// sink is a file: a pipe would be held open by what a program leaves running.
func (w *wine) sink(name string) *os.File {
	w.t.Helper()
	file, err := os.CreateTemp(w.t.TempDir(), name)
	if err != nil {
		w.t.Fatal(err)
	}
	return file
}

func read(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// boot starts the Windows with a log of what its services write, and leaves it running: for
// two minutes, if nobody asks for anything, so that it does not outlive tests that are killed.
func (w *wine) boot() {
	w.t.Helper()
	if err := w.command("wineserver", "--persistent=120").Run(); err != nil {
		w.t.Fatalf("start wineserver: %v", err)
	}
	log, err := os.Create(w.said)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	cmd := w.command("wineboot")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		w.t.Fatalf("start Windows: %v", err)
	}
}

// exe is the real binary for Windows.
func exe(t testing.TB) string {
	t.Helper()
	path, err := buildExe()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildExe = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "understudy.exe")
	return path, forWindows("build", "-trimpath", "-o", path, "understudy/cmd/understudy")
})

// forWindows runs the go command for Windows on this processor.
func forWindows(args ...string) error {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// testsUnderWine are packages whose own tests run under wine, because Windows is another
// world to them: files that are open cannot be renamed or removed, names are not flushed,
// services and sessions are Windows' own. Of two packages it is what touches files and
// sessions: under wine all of localdb takes a minute.
var testsUnderWine = []struct{ name, tests string }{
	{"datadir", "."},
	{"localdb", "Swap|Generation|Leftovers|Current|CrashAfterEachStep|Saved|JournalSurvives|StateRefused|DeltaOf"},
	{"service", "."},
	{"desktop", "Terminal|Command|Store"},
	{"events", "."},
}

// Issue 6: "the snapshot swap with open readers" under wine, and every other test of the
// packages that know Windows from others.
func TestWinePackages(t *testing.T) {
	w := windows(t)
	overlay := w.overlay()
	program := exe(t)
	w.boot()
	for _, p := range testsUnderWine {
		name := p.name
		t.Run(name, func(t *testing.T) {
			w := &wine{t: t, prefix: w.prefix}
			tests := filepath.Join(folder, name+".test.exe")
			if err := forWindows("test", "-c", "-overlay", overlay, "-o", tests, "understudy/"+name); err != nil {
				t.Fatal(err)
			}
			r := w.run(filepath.Join("..", name), []string{"UNDERSTUDY_EXE=" + `Z:` + strings.ReplaceAll(program, "/", `\`)}, tests, "-test.short", "-test.v", "-test.run="+p.tests)
			if r.Code != 0 {
				t.Errorf("exit code %d\n%s%s", r.Code, failures(r.Out), tail(r.Stderr, 20))
			}
			t.Logf("%d tests of %s passed", strings.Count(r.Out, "\n--- PASS"), name)
			if name == "localdb" && !strings.Contains(r.Out, "--- PASS: TestSwapUnderReaders") {
				t.Error("the swap under readers was not among them")
			}
		})
	}
}

// failures are the lines of a verbose test run around what failed.
func failures(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "=== ") && !strings.Contains(line, "--- PASS") {
			kept = append(kept, line)
		}
	}
	return tail(strings.Join(kept, ""), 80)
}

// overlay has tests remove their folders in the way of an older Windows, for which Go has
// a switch of its own: wine 8 answers "not implemented" where Go expects "not supported".
func (w *wine) overlay() string {
	w.t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	original := filepath.Join(strings.TrimSpace(string(out)), "src/internal/syscall/windows/at_windows.go")
	const off, on = "var TestDeleteatFallback bool", "var TestDeleteatFallback = true"
	text := read(w.t, original)
	if strings.Count(text, off) != 1 {
		w.t.Fatalf("%s has no %q any more: look how Go removes files now", original, off)
	}
	changed := filepath.Join(w.t.TempDir(), "at_windows.go")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		w.t.Fatal(err)
	}
	file := filepath.Join(w.t.TempDir(), "overlay.json")
	for path, content := range map[string]string{changed: strings.Replace(text, off, on, 1), file: string(list)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return file
}
