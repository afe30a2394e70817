package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"understudy/datadir"
	"understudy/env"
	"understudy/site"
)

// The files of an authority's folder.
const (
	CertFile   = "ca.pem"
	keyFile    = "ca.key"
	ledgerFile = "ledger.jsonl"
)

// Bounds of an authority.
const (
	// DefaultLife of a certificate: a denied name is out within it, and a third of it
	// is time enough to mend an authority that is down.
	DefaultLife = 30 * 24 * time.Hour
	// MinLife and MaxLife of a certificate.
	MinLife = 10 * time.Second
	MaxLife = 366 * 24 * time.Hour
	// AuthorityLife is that of the authority's own certificate.
	AuthorityLife = 3653 * 24 * time.Hour

	maxDomains = 64
	maxNames   = 32
	// lockWait is how long a command waits for another one to be done with the ledger.
	lockWait  = 10 * time.Second
	lockPause = 20 * time.Millisecond
)

// Authority signs certificates. It is safe for concurrent use, and other processes
// may use the same folder at the same time.
type Authority struct {
	env  env.Env
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	mu   sync.Mutex // guards what follows, and is held while the folder is locked
	book *book
}

// Init makes an authority in a folder that has none. All that it ever signs is
// limited to the domains and the names below them. Of several at once one makes it. One
// that is killed leaves nothing, or what Open and Init make a whole authority of.
func Init(e env.Env, dir string, domains []string) error { return initOn(realDisk{}, e, dir, domains) }

func initOn(d disk, e env.Env, dir string, domains []string) (err error) {
	names, err := parseDomains(domains)
	if err != nil {
		return err
	}
	lock, err := lockFolder(context.Background(), dir)
	if err != nil {
		return fmt.Errorf("make the folder of the authority: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := filesIn(dir).recover(d); err != nil {
		return err
	}
	if err := vacant(dir); err != nil {
		return err
	}
	return makeAuthority(d, e, dir, names)
}

func makeAuthority(d disk, e env.Env, dir string, domains []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), e.Rand("pki keys"))
	if err != nil {
		return fmt.Errorf("make the authority's key: %w", err)
	}
	template := authorityTemplate(e, domains)
	der, err := x509.CreateCertificate(e.Rand("pki signatures"), template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("sign the authority's certificate: %w", err)
	}
	p := filesIn(dir)
	if err := writeFile(d, p.next(), keyPEM(key), 0o600); err != nil {
		return err
	}
	return p.install(d, certPEM(der))
}

func filesIn(dir string) Pair {
	return Pair{Cert: filepath.Join(dir, CertFile), Key: filepath.Join(dir, keyFile)}
}

// readAuthority reads the files of an authority, and ends what a killed Init has begun.
func readAuthority(dir string) (tls.Certificate, error) {
	p := filesIn(dir)
	pair, err := readPair(realDisk{}, p.Cert, p.Key)
	if _, begun := os.Stat(p.next()); !errors.Is(err, fs.ErrNotExist) || begun != nil {
		return pair, err
	}
	lock, err := lockFolder(context.Background(), dir)
	if err != nil {
		return pair, err
	}
	if err := errors.Join(p.recover(realDisk{}), lock.Close()); err != nil {
		return pair, err
	}
	return readPair(realDisk{}, p.Cert, p.Key)
}

// vacant refuses a folder in which an authority is, or a part of one.
func vacant(dir string) error {
	for _, name := range []string{CertFile, keyFile, ledgerFile} {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already and is not overwritten: what it signed would no longer count; name another folder, or move this one away", path)
		}
	}
	return nil
}

func parseDomains(domains []string) ([]string, error) {
	if len(domains) == 0 || len(domains) > maxDomains {
		return nil, fmt.Errorf("an authority needs 1 to %d domains, such as example.com", maxDomains)
	}
	var names []string
	for _, d := range domains {
		name, err := site.ParseFQDN(d)
		if err != nil {
			return nil, fmt.Errorf("domain: %w", err)
		}
		names = append(names, string(name))
	}
	return names, nil
}

// Open opens the authority in a folder.
func Open(e env.Env, dir string) (*Authority, error) {
	pair, err := readAuthority(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s holds no authority (%w): make one with understudy pki init --dir %s --domain DOMAIN", dir, err, dir)
	case err != nil:
		return nil, fmt.Errorf("open the authority in %s: %w", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("open the authority in %s: it is not one that understudy pki init has made", dir)
	}
	if err := private(filepath.Join(dir, keyFile)); err != nil {
		return nil, err
	}
	return &Authority{env: e, dir: dir, cert: pair.Leaf, key: key, book: newBook(filepath.Join(dir, ledgerFile))}, nil
}

// private refuses a key that others than its owner may read; Windows has no such modes.
func private(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("look at the authority's key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others (mode %04o): chmod 600 %s, and if somebody may have read it make a new authority", file, info.Mode().Perm(), file)
	}
	return nil
}

// CA is the authority's own certificate in PEM.
func (a *Authority) CA() string { return string(certPEM(a.cert.Raw)) }

// Fingerprint is the SHA-256 of the authority's own certificate, by which a host that
// has no copy of it knows it.
func (a *Authority) Fingerprint() string { return fingerprint(a.cert) }

// NotAfter is the end of the authority.
func (a *Authority) NotAfter() time.Time { return a.cert.NotAfter }

// Domains are those to which everything signed is limited.
func (a *Authority) Domains() []string { return a.cert.PermittedDNSDomains }

func fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// permitted says why a name cannot be in a certificate.
func (a *Authority) permitted(name site.FQDN) error {
	for _, domain := range a.cert.PermittedDNSDomains {
		if string(name) == domain || strings.HasSuffix(string(name), "."+domain) {
			return nil
		}
	}
	return fmt.Errorf("%s is outside of what this authority may sign for: %s and names below; another domain needs another authority", name, strings.Join(a.cert.PermittedDNSDomains, ", "))
}

// checkNames wants one name at least, and all of them within the constraints.
func (a *Authority) checkNames(names []site.FQDN) error {
	if len(names) == 0 || len(names) > maxNames {
		return fmt.Errorf("a certificate has 1 to %d names", maxNames)
	}
	for _, name := range names {
		if _, err := site.ParseFQDN(string(name)); err != nil {
			return err
		}
		if err := a.permitted(name); err != nil {
			return err
		}
	}
	return nil
}

// locked runs do with the folder locked and all of the ledger read.
func (a *Authority) locked(ctx context.Context, do func() error) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	lock, err := lockFolder(ctx, a.dir)
	if err != nil {
		return err
	}
	defer func() {
		if closed := lock.Close(); err == nil {
			err = closed
		}
	}()
	if err := a.book.catchUp(); err != nil {
		return err
	}
	return do()
}

// lockFolder waits for whoever has the folder, which is never for long. Others may keep
// their files in it too.
func lockFolder(ctx context.Context, dir string) (*datadir.FolderLock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		lock, err := datadir.Claim(dir)
		if !errors.Is(err, datadir.ErrInUse) {
			return lock, err
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// pair is a certificate with its key as TLS wants it; the authority's own goes along, so that
// a client that knows only its fingerprint can find it.
func (a *Authority) pair(cert *x509.Certificate, key *ecdsa.PrivateKey) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{cert.Raw, a.cert.Raw}, PrivateKey: key, Leaf: cert}
}
