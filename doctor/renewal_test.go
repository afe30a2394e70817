package doctor

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"understudy/config"
)

// "keys readable by others … certificates expiring … are found": also before they do,
// where the process could not renew them.
func TestWhoMayWriteIntoAFolder(t *testing.T) {
	ada := account{name: "ada", id: 7, groups: []int{20, 21}}
	for name, c := range map[string]struct {
		facts folderFacts
		want  bool
	}{
		"its own":                {folderFacts{owner: 7, mode: 0o700}, true},
		"its own, closed":        {folderFacts{owner: 7, group: 20, mode: 0o577}, false},
		"of a group of it":       {folderFacts{owner: 1, group: 21, mode: 0o770}, true},
		"of a group, to read":    {folderFacts{owner: 1, group: 21, mode: 0o757}, false},
		"everybody's":            {folderFacts{owner: 1, group: 1, mode: 0o703}, true},
		"everybody's, not entry": {folderFacts{owner: 1, group: 1, mode: 0o702}, false},
		"somebody else's":        {folderFacts{owner: 1, group: 1, mode: 0o770}, false},
	} {
		if got := c.facts.writable(ada); got != c.want {
			t.Errorf("%s: got %t, want %t", name, got, c.want)
		}
	}
	if !(folderFacts{owner: 1, mode: 0o500}).writable(account{}) {
		t.Error("root may not write everywhere")
	}
}

// The account is that of the data folder, and every folder in which files come is judged.
func TestFoldersOfRenewals(t *testing.T) {
	if !modesCount {
		t.Skip("access lists are not judged on Windows")
	}
	dir := t.TempDir()
	for _, name := range []string{"data", "certs", "keys"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p := &patient{doctor: &doctor{}, data: filepath.Join(dir, "data"), tls: config.TLS{
		CertFile: filepath.Join(dir, "certs", "cert.pem"), KeyFile: filepath.Join(dir, "keys", "key.pem"), CAFile: filepath.Join(dir, "none", "ca.pem"),
	}}
	if os.Geteuid() == 0 {
		if err := os.Chown(p.data, 4242, 4242); err != nil {
			t.Fatal(err)
		}
	} else if err := os.Chmod(filepath.Join(dir, "keys"), 0o500); err != nil {
		t.Fatal(err)
	}
	blocked := map[string]bool{}
	for _, f := range p.renewal(config.PKI{URL: "https://pki.example.test", Fingerprint: "x"})(context.Background()) {
		blocked[f.About] = f.Name == "renewal_blocked"
	}
	if len(blocked) != 3 || !blocked["pki "+filepath.Join(dir, "keys")] || !blocked["pki "+filepath.Join(dir, "none")] {
		t.Errorf("got %v, want the folders of the key and of the authority among three", blocked)
	}
	if got := p.renewal(config.PKI{})(context.Background()); len(got) != 0 {
		t.Errorf("without pki: got %v", got)
	}
}
