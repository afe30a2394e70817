package pki

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// askTime is how long one request may take.
const askTime = 20 * time.Second

// Client asks the service of an authority.
type Client struct {
	Env env.Env
	// URL is that of the service, https://HOST:PORT.
	URL string
	// Roots verify it. Without them Fingerprint is that of the authority's certificate,
	// which the service has to show.
	Roots       *x509.CertPool
	Fingerprint string
}

// Enrol asks for a first certificate.
func (c Client) Enrol(ctx context.Context, token, csr string) (wire.IssuedCertificate, error) {
	return c.post(ctx, "enrol", nil, wire.Enrolment{Token: token, CSR: csr})
}

// Renew asks for the next certificate of who has the pair.
func (c Client) Renew(ctx context.Context, pair tls.Certificate, csr string) (wire.IssuedCertificate, error) {
	return c.post(ctx, "renew", &pair, wire.Renewal{CSR: csr})
}

// CheckURL refuses what would show a token to everybody on the way.
func CheckURL(text string) error {
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is not https://HOST:PORT: the authority speaks TLS alone, for the token is a secret", wire.Clip(text))
	}
	return nil
}

func (c Client) post(ctx context.Context, path string, show *tls.Certificate, body any) (wire.IssuedCertificate, error) {
	var answer wire.IssuedCertificate
	if err := CheckURL(c.URL); err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	config, err := c.tls(show)
	if err != nil {
		return answer, err
	}
	transport := c.Env.Transport(env.Fixed(config))
	defer transport.CloseIdleConnections()
	text, err := json.Marshal(body)
	if err != nil {
		return answer, fmt.Errorf("write the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+"/pki/v1/"+path, bytes.NewReader(text))
	if err != nil {
		return answer, fmt.Errorf("address of the authority: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return answer, fmt.Errorf("ask the authority at %s: %w", c.URL, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("the authority at %s refuses: %w", c.URL, wire.ReadProblem(resp))
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, wire.MaxPKI)).Decode(&answer); err != nil {
		return answer, fmt.Errorf("the answer of the authority at %s: %w", c.URL, err)
	}
	return answer, nil
}

func (c Client) tls(show *tls.Certificate) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: c.Roots, Time: c.Env.Now}
	if show != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return show, nil }
	}
	if c.Roots != nil {
		return config, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || c.Fingerprint == "" {
		return nil, errors.New("neither an authority's certificate nor its fingerprint is known")
	}
	// The library cannot look for a root among what the server shows; this does all that it
	// would do otherwise.
	config.InsecureSkipVerify = true
	config.VerifyConnection = func(s tls.ConnectionState) error {
		return verifyPinned(s.PeerCertificates, c.Fingerprint, u.Hostname(), c.Env.Now())
	}
	return config, nil
}

// verifyPinned wants the root of that fingerprint among what the server shows, and the
// server's certificate to be of it and for the host.
func verifyPinned(shown []*x509.Certificate, want, host string, now time.Time) error {
	for _, root := range shown[min(1, len(shown)):] {
		if !root.IsCA || fingerprint(root) != want {
			continue
		}
		roots := x509.NewCertPool()
		roots.AddCert(root)
		_, err := shown[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now})
		return err
	}
	return fmt.Errorf("the server shows no authority with the fingerprint %s", want)
}

// ParseFingerprint takes a SHA-256 in hexadecimal, with or without colons.
func ParseFingerprint(text string) (string, error) {
	plain := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), ":", ""))
	if len(plain) != 64 || strings.Trim(plain, "0123456789abcdef") != "" {
		return "", fmt.Errorf("%q is no SHA-256 fingerprint: 64 hexadecimal digits, as understudy pki init prints them", wire.Clip(text))
	}
	return plain, nil
}

// request makes a signing request for one name.
func request(e env.Env, key *ecdsa.PrivateKey, name site.FQDN) (string, error) {
	template := &x509.CertificateRequest{DNSNames: []string{string(name)}}
	if len(name) <= maxCommon {
		template.Subject = pkix.Name{CommonName: string(name)}
	}
	der, err := x509.CreateCertificateRequest(e.Rand("pki signatures"), template, key)
	if err != nil {
		return "", fmt.Errorf("make a signing request: %w", err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), nil
}
