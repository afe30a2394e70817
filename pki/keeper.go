package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
)

// KeeperOptions say whose certificate is kept, and where it comes from.
type KeeperOptions struct {
	Env env.Env
	// URL is that of the authority's service.
	URL string
	// Name is what the certificate has to be for.
	Name  site.FQDN
	Files Pair
	// CAFile verifies the service. Where it does not exist yet, Fingerprint stands for it
	// and the file is made.
	CAFile      string
	Fingerprint string
	// Token reads the one-time token for the first certificate; nil where there is none.
	Token func() (string, error)
	// Report is the Keeper's own, until somebody sets another.
	Report func(name events.Name, reason string)
}

// Keeper gets the certificate of a host, and renews it in time.
type Keeper struct {
	// Renewed is told when new files are in place; nil where nobody needs to know.
	Renewed func(ctx context.Context)
	// Report tells operators.
	Report func(name events.Name, reason string)

	o        KeeperOptions
	disk     disk
	failures int
	chance   float64 // how much earlier than at the latest, of the certificate in use
}

// NewKeeper returns a Keeper that has not done anything.
func NewKeeper(o KeeperOptions) *Keeper {
	k := &Keeper{o: o, Report: o.Report, disk: realDisk{}}
	k.draw()
	return k
}

func (k *Keeper) draw() {
	const whole = 1 << 20
	k.chance = float64(env.Jitter(k.o.Env.Rand("pki renewal"), whole, 1)) / (2 * whole)
}

// Ready returns when there is a certificate: it ends what an earlier process has begun,
// and enrols where there is none. It tries until ctx ends, or the authority refuses.
func (k *Keeper) Ready(ctx context.Context) error {
	if err := k.o.Files.recover(k.disk); err != nil {
		return err
	}
	for {
		if _, err := k.present(); !errors.Is(err, fs.ErrNotExist) {
			return err // what is there is for the service to judge
		}
		err := k.Obtain(ctx)
		if err == nil {
			continue
		}
		if ctx.Err() != nil || final(err) {
			return err
		}
		k.failed(err)
		if err := env.Sleep(ctx, k.wait(pause(k.failures, 0))); err != nil {
			return err
		}
	}
}

// Run renews until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	for ctx.Err() == nil {
		due := k.due()
		if left := due.Sub(k.o.Env.Now()); left > 0 {
			_ = env.Sleep(ctx, min(left, lookAgain))
			continue
		}
		if k.o.Env.Gate(ctx) != nil {
			return
		}
		tried := k.token()
		if err := k.Obtain(ctx); err != nil && ctx.Err() == nil {
			k.failed(err)
			k.restUntilToken(ctx, k.wait(pause(k.failures, k.life())), tried)
		}
	}
}

// due is when the certificate in use is renewed; long ago where there is none.
func (k *Keeper) due() time.Time {
	pair, err := k.present()
	if err != nil {
		return time.Time{}
	}
	return early(pair.Leaf.NotBefore, pair.Leaf.NotAfter, k.chance)
}

// Due reports whether it is time for the next certificate, or the first, and when that is.
func (k *Keeper) Due() (time.Time, bool) {
	due := k.due()
	return due, !k.o.Env.Now().Before(due)
}

func (k *Keeper) life() time.Duration {
	pair, err := k.present()
	if err != nil {
		return 0
	}
	return pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore)
}

func (k *Keeper) present() (tls.Certificate, error) {
	pair, err := readPair(k.disk, k.o.Files.Cert, k.o.Files.Key)
	if err != nil {
		return pair, fmt.Errorf("the certificate %s with the key %s: %w", k.o.Files.Cert, k.o.Files.Key, err)
	}
	return pair, nil
}

// wait spreads a pause.
func (k *Keeper) wait(d time.Duration) time.Duration {
	return env.Jitter(k.o.Env.Rand("pki renewal"), d, 0.2)
}

// restUntilToken rests no longer than until there is another token than the one that was
// tried: it may count for less than a pause.
func (k *Keeper) restUntilToken(ctx context.Context, d time.Duration, tried string) {
	for d > 0 && k.token() == tried {
		step := min(d, tokenLook)
		if env.Sleep(ctx, step) != nil {
			return
		}
		d -= step
	}
}

// token is the one in the file; "" where there is none.
func (k *Keeper) token() string {
	if k.o.Token == nil {
		return ""
	}
	token, err := k.o.Token()
	if err != nil {
		return ""
	}
	return token
}

// failed tells of a failure, with what there is to do.
func (k *Keeper) failed(err error) {
	k.failures++
	reason := fmt.Sprintf("%v; tries so far: %d", err, k.failures)
	if pair, readErr := k.present(); readErr == nil {
		reason += "; the present certificate ends at " + pair.Leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	k.Report(events.CertificateNotRenewed, reason)
}

// final reports a refusal that the next try cannot change.
func final(err error) bool {
	if errors.Is(err, ErrNoToken) {
		return true
	}
	p, ok := errors.AsType[*wire.Problem](err)
	return ok && p.Code != "" && p.Status/100 == 4 && p.Status != http.StatusTooManyRequests
}

// ErrNoToken says that there is nothing to ask for a certificate with.
var ErrNoToken = errors.New("there is no certificate yet, and no token to get the first one with: write the output of understudy pki token into the token_file")

// Obtain gets the next certificate by the present one, or the first by a token, and puts
// it in place.
func (k *Keeper) Obtain(ctx context.Context) error {
	if err := k.o.Files.recover(k.disk); err != nil {
		return err
	}
	client, err := k.client()
	if err != nil {
		return err
	}
	pair, err := k.present()
	counts := err == nil && k.o.Env.Now().Before(pair.Leaf.NotAfter)
	key, err := k.o.Files.nextKey(k.disk, pair.Leaf, k.newKey)
	if err != nil {
		return err
	}
	csr, err := request(k.o.Env, key, k.o.Name)
	if err != nil {
		return err
	}
	answer, how, err := k.ask(ctx, client, pair, counts, csr)
	if err != nil {
		return err
	}
	return k.take(ctx, client, key, answer, how)
}

func (k *Keeper) newKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), k.o.Env.Rand("pki keys"))
}

func (k *Keeper) client() (Client, error) {
	c := Client{Env: k.o.Env, URL: k.o.URL, Fingerprint: k.o.Fingerprint}
	data, err := k.disk.read(k.o.CAFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && k.o.Fingerprint != "":
		return c, nil
	case err != nil:
		return c, fmt.Errorf("the authority's certificate: %w", err)
	}
	c.Roots = x509.NewCertPool()
	if !c.Roots.AppendCertsFromPEM(data) {
		return c, fmt.Errorf("the authority's certificate: %s holds no PEM certificate", k.o.CAFile)
	}
	return c, nil
}

// ask renews where the present certificate still counts, and enrols otherwise.
func (k *Keeper) ask(ctx context.Context, c Client, pair tls.Certificate, counts bool, csr string) (wire.IssuedCertificate, string, error) {
	if counts {
		answer, err := c.Renew(ctx, pair, csr)
		return answer, "renewed by the certificate before", err
	}
	if k.o.Token == nil {
		return wire.IssuedCertificate{}, "", ErrNoToken
	}
	token, err := k.o.Token()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrNoToken
		}
		return wire.IssuedCertificate{}, "", err
	}
	answer, err := c.Enrol(ctx, token, csr)
	return answer, "enrolled with a one-time token, which is used now: its file may be removed", err
}

// take checks what the authority has sent, and puts it in place.
func (k *Keeper) take(ctx context.Context, c Client, key *ecdsa.PrivateKey, answer wire.IssuedCertificate, how string) error {
	cert, err := k.check(c, key, answer)
	if err != nil {
		return fmt.Errorf("what the authority at %s has sent: %w", k.o.URL, err)
	}
	if c.Roots == nil {
		if err := writeFile(k.disk, k.o.CAFile, []byte(answer.CA), 0o644); err != nil {
			return err
		}
	}
	if err := k.o.Files.install(k.disk, certPEM(cert.Raw)); err != nil {
		return err
	}
	k.failures = 0
	k.draw()
	k.Report(events.CertificateRenewed, fmt.Sprintf("%s; it ends at %s", how, cert.NotAfter.UTC().Format(time.RFC3339)))
	if k.Renewed != nil {
		k.Renewed(ctx)
	}
	return nil
}

// check wants a certificate of our key and name, of the authority that was asked.
func (k *Keeper) check(c Client, key *ecdsa.PrivateKey, answer wire.IssuedCertificate) (*x509.Certificate, error) {
	cert, err := parseCert(answer.Certificate)
	if err != nil {
		return nil, err
	}
	roots := c.Roots
	if roots == nil {
		ca, err := parseCert(answer.CA)
		if err != nil || fingerprint(ca) != k.o.Fingerprint {
			return nil, fmt.Errorf("its authority has not the fingerprint %s", k.o.Fingerprint)
		}
		roots = x509.NewCertPool()
		roots.AddCert(ca)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("it is for another key")
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: string(k.o.Name), CurrentTime: k.o.Env.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	return cert, err
}

func parseCert(text string) (*x509.Certificate, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it is no PEM certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// Exists reports whether a pair's files are both there.
func (p Pair) Exists() bool {
	for _, name := range []string{p.Cert, p.Key} {
		if _, err := os.Stat(name); err != nil {
			return false
		}
	}
	return true
}
