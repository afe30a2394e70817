package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/cloud/server"
)

// "Let doctor say that they are plain": by name, with the command that mends it, and
// without the token.
func TestPlainTokensAreFound(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	hashed := server.NewToken("cc01.example.test", server.Connector, "any").String() + "\n"
	const plain = "a-token-in-the-file-itself"
	if err := os.WriteFile(file, []byte(hashed+"ops admin "+plain+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := plainTokens(file)
	if len(got) != 1 || got[0].Name != "tokens_plain" || got[0].Detail != "those of ops" || !strings.Contains(got[0].Remedy, "understudy cloud tokens hash --file "+file) {
		t.Errorf("got %+v", got)
	}
	if err := os.WriteFile(file, []byte(hashed), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := plainTokens(file); len(got) != 0 {
		t.Errorf("hashes: got %+v", got)
	}
}
