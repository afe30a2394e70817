//go:build linux

package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Issue 6: "MSI by wixl": installed, completed by the binary, upgraded and removed.
func TestWineMSI(t *testing.T) {
	needTool(t, "wixl", "wixl")
	w := windows(t)
	o := newOffice(t, w)
	first, second := o.msi("1.0.0"), o.msi("1.0.1")
	w.boot()

	o.msiexec("/i", first)
	o.manage(0, "manual", "status", "connector")
	o.manage(0, "manual", "status", "desktop")
	o.manage(0, "install done", "install", "connector")
	o.manage(0, "automatic", "status", "connector")

	o.msiexec("/i", second)
	o.manage(0, "manual", "status", "connector")
	o.manage(0, "start done", "start", "connector")
	o.manage(0, "stop done", "stop", "connector")

	o.msiexec("/x", second)
	if _, err := os.Stat(w.disk("Program Files", "Understudy", "understudy.exe")); err == nil {
		t.Error("the program is left")
	}
	if _, err := os.Stat(w.disk("ProgramData", "Understudy", "connector.yaml")); err != nil {
		t.Errorf("the configuration was not to be removed: %v", err)
	}
	for _, name := range []string{`UnderstudyConnector`, `UnderstudyDesktop`, `EventLog\Application\UnderstudyConnector`} {
		if r := o.run(o.dir, nil, "reg", "query", `HKLM\SYSTEM\CurrentControlSet\Services\`+name); r.Code == 0 {
			t.Errorf("%s is left: %s", name, r.Out)
		}
	}
}

// msi makes one of the real binary, as make msi does.
func (o *office) msi(version string) string {
	o.t.Helper()
	dir := o.t.TempDir()
	o.write(filepath.Join(dir, "understudy.exe"), read(o.t, exe(o.t)))
	source, err := filepath.Abs("../packaging/windows/understudy.wxs")
	if err != nil {
		o.t.Fatal(err)
	}
	cmd := exec.Command("wixl", "-a", "x64", "-D", "Version="+version, "-o", "understudy.msi", source)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("wixl: %v\n%s", err, out)
	}
	return filepath.Join(dir, "understudy.msi")
}

// msiexec installs or removes without a question.
func (o *office) msiexec(what, msi string) {
	o.t.Helper()
	if r := o.run(filepath.Dir(msi), nil, "msiexec", what, filepath.Base(msi), "/qn"); r.Code != 0 {
		o.t.Fatalf("msiexec %s: exit code %d: %s%s", what, r.Code, r.Out, tail(r.Stderr, 20))
	}
}
