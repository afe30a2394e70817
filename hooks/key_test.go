package hooks_test

import (
	"strings"
	"testing"

	"understudy/hooks"
)

const keyFile = "key \"zone-berlin\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0LW9mLXRoZS16b25lLW9mLWJlcmxpbg==\";\n};\n"

func TestParseKey(t *testing.T) {
	want := hooks.Key{Name: "zone-berlin", Algorithm: "hmac-sha256", Secret: "c2VjcmV0LW9mLXRoZS16b25lLW9mLWJlcmxpbg=="}
	for _, text := range []string{
		keyFile, "# for updates\n" + keyFile + "// end\n",
		`key zone-berlin { secret c2VjcmV0LW9mLXRoZS16b25lLW9mLWJlcmxpbg==; algorithm HMAC-SHA256; };`,
	} {
		if got, err := hooks.ParseKey(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// A fault is named without the secret.
func TestBadKeys(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "one key",
		"c2VjcmV0":            "one key",
		keyFile + keyFile[:5]: "one key",
		strings.Replace(keyFile, "hmac-sha256", "hmac-md5", 1): "algorithm other than",
		strings.Replace(keyFile, "algorithm", "x", 1):          "no algorithm",
		strings.Replace(keyFile, "c2Vj", "===", 1):             "not base64",
		strings.Replace(keyFile, "zone-berlin", "a..b", 1):     "name of its key",
	} {
		_, err := hooks.ParseKey(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "V0LW9") {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(keyFile)
	f.Add("key a{algorithm hmac-sha512;secret YQ==;}")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := hooks.ParseKey(text)
		if (err == nil) != (k != hooks.Key{}) {
			t.Errorf("got %+v and %v", k, err)
		}
	})
}
