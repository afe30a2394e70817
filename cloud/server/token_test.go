package server_test

import (
	"slices"
	"strings"
	"testing"

	"understudy/cloud/server"
)

func TestTokensFile(t *testing.T) {
	hashed := server.NewToken("cc2.example", server.Connector, "a-secret-in-no-file")
	got, err := server.ReadTokens(strings.NewReader("# who\n\ncc1.example connector 0123456789abcdef\nops\tadmin   fedcba9876543210\n" + hashed.String()))
	if err != nil {
		t.Fatal(err)
	}
	want := []server.Token{server.NewToken("cc1.example", server.Connector, "0123456789abcdef"), server.NewToken("ops", server.Admin, "fedcba9876543210"), hashed}
	want[0].Plain, want[1].Plain = true, true
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What is wrong is named by its line; the secret is not.
func TestTokensFileIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "no token in it",
		"# nobody":                             "no token in it",
		"a connector":                          "line 1: 2 words and not three",
		"\nx root 0123456789abcdef":            `line 2: role "root" is not connector or admin`,
		"x admin sesame":                       "line 1: the secret has fewer than 16 characters",
		"x admin 0123456789abcdef and so on":   "line 1: 6 words",
		"x admin sha256:sesame":                "line 1: it is not sha256: and 64 hexadecimal digits",
		"ok admin 0123456789abcdef\nx admin s": "line 2: the secret has fewer than 16 characters",
	} {
		_, err := server.ReadTokens(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
