package launchfile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/launchfile"
	"understudy/site"
)

// openssl runs the tool with an input.
func openssl(t *testing.T, in []byte, args ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("needs openssl: install the Debian package openssl")
		}
		t.Skip("needs openssl: install the Debian package openssl")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = bytes.NewReader(in)
	return cmd.Output()
}

const secret = "4c0b569e4c96df157eee1b65dd0e4d41"

// The published tool of the scheme makes a token with `openssl enc -aes-128-cbc` and
// `openssl dgst -mac HMAC`. What that reads back of ours is the launch, signed.
func TestGuacamoleTokenByOpenSSL(t *testing.T) {
	key, err := launchfile.ParseKey(strings.ToUpper(secret))
	if err != nil {
		t.Fatal(err)
	}
	l := office()
	l.Command, l.Expires = "xterm", time.UnixMilli(1893456000123)
	l.Group.Guacamole = []string{"ignore-cert=true", "security=any"}
	token := made(t, launchfile.Maker{Key: key}, site.LaunchGuacamole, l)
	plain, err := openssl(t, []byte(token+"\n"), "enc", "-d", "-aes-128-cbc", "-a", "-A", "-K", secret, "-iv", strings.Repeat("0", 32))
	if err != nil || len(plain) < 33 {
		t.Fatalf("openssl decrypts %d bytes: %v", len(plain), err)
	}
	mac, err := openssl(t, plain[32:], "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:"+secret, "-binary")
	if err != nil || !bytes.Equal(mac, plain[:32]) {
		t.Errorf("openssl signs it as %x, the token says %x (%v)", mac, plain[:32], err)
	}
	var got map[string]any
	if err := json.Unmarshal(plain[32:], &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"username": `EXAMPLE\alice`, "expires": 1893456000123.0, "singleUse": true,
		"connections": map[string]any{"Office desktop": map[string]any{"protocol": "rdp", "parameters": map[string]any{
			"hostname": "ws01.example.test", "port": "3389", "username": `EXAMPLE\alice`, "initial-program": "xterm",
			"ignore-cert": "true", "security": "any",
		}}},
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("the token says\n%s\nwant\n%s", a, b)
	}
}

// And the other way: a token made by openssl from the same JSON is the same, byte by
// byte.
func TestGuacamoleTokenIsThatOfOpenSSL(t *testing.T) {
	key, _ := launchfile.ParseKey(secret)
	token := made(t, launchfile.Maker{Key: key}, site.LaunchGuacamole, office())
	plain, err := openssl(t, []byte(token), "enc", "-d", "-aes-128-cbc", "-a", "-A", "-K", secret, "-iv", "0")
	if err != nil {
		t.Fatal(err)
	}
	mac, err := openssl(t, plain[32:], "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:"+secret, "-binary")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := openssl(t, append(mac, plain[32:]...), "enc", "-aes-128-cbc", "-a", "-A", "-nosalt", "-K", secret, "-iv", strings.Repeat("0", 32))
	if err != nil || string(theirs) != token {
		t.Errorf("openssl makes\n%s\nand we\n%s (%v)", theirs, token, err)
	}
}

func TestKeyOfGuacamole(t *testing.T) {
	for _, text := range []string{"", secret[:30], secret + "00", strings.Repeat("g", 32)} {
		if _, err := launchfile.ParseKey(text); err == nil || text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: error %v, want one that does not quote it", text, err)
		}
	}
	if _, err := (launchfile.Maker{}).Make(site.LaunchGuacamole, office()); err == nil {
		t.Error("a token was made without a key")
	}
	if got := (launchfile.Maker{}).Makes(site.LaunchFormats()); !slices.Equal(got, []site.LaunchFormat{site.LaunchJSON, site.LaunchRDP}) {
		t.Errorf("without a key it makes %v", got)
	}
}

// publisher is a certificate that signs, issued by a CA, with both as files.
func publisher(t *testing.T) (pair tls.Certificate, roots string) {
	t.Helper()
	authority, caKey := certificate(t, "CA of tests", nil, nil)
	leaf, key := certificate(t, "publisher", authority, caKey)
	roots = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{leaf.Raw, authority.Raw}, PrivateKey: key}, roots
}

func certificate(t *testing.T, name string, parent *x509.Certificate, parentKey *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
	if parent == nil {
		parent, parentKey = c, key
		c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
	} else {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// signature takes a signed file apart: what it covers by its signscope, in that order,
// and the CMS signature.
func signature(t *testing.T, file string) (covered []byte, der []byte) {
	t.Helper()
	values := map[string]string{}
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSuffix(file, "\r\n"), "\r\n") {
		name, kind, value, ok := site.SplitRDP(line)
		if !ok {
			t.Fatalf("line %q", line)
		}
		values[name] = name + ":" + kind + ":" + value
	}
	scope := strings.TrimPrefix(values["signscope"], "signscope:s:")
	for name := range strings.SplitSeq(scope, ",") {
		lines = append(lines, values[strings.ToLower(name)])
	}
	text := strings.Join(append(lines, "signscope:s:"+scope), "\r\n") + "\r\n"
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(values["signature"], "signature:s:"))
	if err != nil || len(raw) < 12 {
		t.Fatalf("the signature is %d bytes: %v", len(raw), err)
	}
	if binary.LittleEndian.Uint32(raw) != 0x00010001 || binary.LittleEndian.Uint32(raw[4:]) != 1 || int(binary.LittleEndian.Uint32(raw[8:])) != len(raw)-12 {
		t.Errorf("the signature begins with %x", raw[:12])
	}
	return launchfile.Covered(text), raw[12:]
}

// verify asks openssl whether a signature is one of the content, by somebody whom the
// roots vouch for.
func verify(t *testing.T, content, der []byte, roots string) error {
	t.Helper()
	dir := t.TempDir()
	files := map[string][]byte{"content": content, "signature": der}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := openssl(t, nil, "cms", "-verify", "-binary", "-inform", "DER", "-in", filepath.Join(dir, "signature"),
		"-content", filepath.Join(dir, "content"), "-CAfile", roots, "-out", os.DevNull)
	return err
}

// A signed file verifies with openssl cms, as the tools that lay it out so say; one in
// which anything covered was changed does not.
func TestSignedFileByOpenSSL(t *testing.T) {
	pair, roots := publisher(t)
	signer, err := launchfile.NewSigner(pair)
	if err != nil {
		t.Fatal(err)
	}
	l := office()
	l.User, l.Command = "jörg", "mail"
	l.Group.RDP = []string{"gatewayhostname:s:gw.example.test", "audiomode:i:2", "desktopwidth:i:800"}
	file := made(t, launchfile.Maker{Signer: signer}, site.LaunchRDP, l)
	content, der := signature(t, file)
	if err := verify(t, content, der, roots); err != nil {
		t.Errorf("openssl does not verify it: %v", err)
	}
	for _, covered := range []string{"Full Address", "Alternate Full Address", "GatewayHostname", "Alternate Shell", "AudioMode", "Authentication Level"} {
		if !strings.Contains(file, ":"+covered) && !strings.Contains(file, ","+covered) {
			t.Errorf("%s is not in the signscope of\n%s", covered, file)
		}
	}
	forged, der := signature(t, strings.ReplaceAll(file, "gw.example.test", "gw.evil.test"))
	if verify(t, forged, der, roots) == nil {
		t.Error("openssl verifies a file with another gateway")
	}
	_, others := publisher(t)
	if verify(t, content, der, others) == nil {
		t.Error("openssl verifies it with another CA")
	}
}

func TestWhoCannotSign(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // too small, to be refused
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pair, _ := publisher(t)
	for name, c := range map[string]tls.Certificate{
		"1024 bits":         {Certificate: pair.Certificate, PrivateKey: small},
		"not an RSA key":    {Certificate: pair.Certificate, PrivateKey: curve},
		"no certificate to": {PrivateKey: pair.PrivateKey},
		"certificate that":  {Certificate: [][]byte{{1}}, PrivateKey: pair.PrivateKey},
	} {
		if _, err := launchfile.NewSigner(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
