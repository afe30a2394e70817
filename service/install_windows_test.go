package service_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"understudy/service"
)

// Issue 6: "ACLs on ProgramData". Wine knows what the descriptor means and takes it, but keeps
// only what the file system below it can: there nothing is read back.
func TestFolderIsProtected(t *testing.T) {
	folder := t.TempDir()
	want := service.Protected(service.Connector)
	sd, err := windows.SecurityDescriptorFromString(want)
	if err != nil {
		t.Fatal(err)
	}
	checkProtected(t, sd.String())
	if err := service.Protect(folder, want); err != nil {
		t.Fatal(err)
	}
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		return
	}
	if sd, err = windows.GetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION); err != nil {
		t.Fatal(err)
	}
	checkProtected(t, sd.String())
}

func checkProtected(t testing.TB, got string) {
	t.Helper()
	if n := strings.Count(got, "(A;"); n != 3 || !strings.HasPrefix(got, "O:BAD:P") {
		t.Errorf("%s lets %d in, want 3, and nobody by the folder above", got, n)
	}
	for _, ours := range []string{";FA;;;SY)", ";FA;;;BA)", ";;;S-1-5-80-"} {
		if !strings.Contains(got, ours) {
			t.Errorf("%s lacks %s", got, ours)
		}
	}
}
