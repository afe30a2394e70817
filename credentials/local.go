package credentials

import (
	"bufio"
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/crypto/argon2"

	"understudy/xmlservice"
)

// Local knows the users of a file: lines of a name, a hash made by Hash, and groups
// with commas between them.
type Local struct {
	path string
	// broken is told, once for each reason, when the file cannot be read any more; what was
	// read before counts.
	broken func(error)
	// slots bound the memory that hashes take at once.
	slots chan struct{}

	mu    sync.Mutex // guards what follows
	seen  os.FileInfo
	lost  string // why the file is not there, as it was told
	users map[string]localUser
}

type localUser struct {
	User
	hash phc
}

const hashesAtOnce = 2

// OpenLocal reads the file, and again whenever it has changed.
func OpenLocal(path string, broken func(error)) (*Local, error) {
	l := &Local{path: path, broken: broken, slots: make(chan struct{}, hashesAtOnce)}
	return l, l.read()
}

func (l *Local) read() error {
	info, err := os.Stat(l.path)
	if err != nil {
		return fmt.Errorf("read the users' file: %w", err)
	}
	if l.seen != nil && info.ModTime().Equal(l.seen.ModTime()) && info.Size() == l.seen.Size() {
		return nil
	}
	l.seen = info
	text, err := os.ReadFile(l.path)
	if err != nil {
		return fmt.Errorf("read the users' file: %w", err)
	}
	users, err := parseUsers(text)
	if err != nil {
		return fmt.Errorf("read %s: %w", l.path, err)
	}
	l.users = users
	return nil
}

func parseUsers(text []byte) (map[string]localUser, error) {
	users := map[string]localUser{}
	var faults []error
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		u, err := parseUser(fields)
		if _, twice := users[strings.ToLower(u.Name)]; err == nil && twice {
			err = fmt.Errorf("user %q is there twice", u.Name)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		users[strings.ToLower(u.Name)] = u
	}
	return users, errors.Join(append(faults, lines.Err())...)
}

func parseUser(fields []string) (localUser, error) {
	if len(fields) < 2 || len(fields) > 3 {
		return localUser{}, errors.New("it is not NAME HASH [GROUP,GROUP…]: understudy credentials hash makes the hash")
	}
	hash, err := parsePHC(fields[1])
	u := localUser{User: User{Name: fields[0]}, hash: hash}
	if len(fields) == 3 {
		u.Groups = strings.Split(fields[2], ",")
	}
	return u, err
}

// Check compares the password with the file's hash. Whoever is not in the file takes
// as long.
func (l *Local) Check(ctx context.Context, user, _, password string) (User, error) {
	u, known := l.find(user)
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	case <-ctx.Done():
		return User{}, ctx.Err()
	}
	if !known {
		_ = newPHC(make([]byte, saltSize)).fits(password)
		return User{}, ErrUnknown
	}
	if !u.hash.fits(password) {
		return User{}, refuse(xmlservice.FailedCredentials, "the password of %q is another one", u.Name)
	}
	return u.User, nil
}

func (l *Local) find(user string) (localUser, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lost := ""
	if err := l.read(); err != nil {
		if lost = err.Error(); lost != l.lost && l.broken != nil {
			l.broken(err)
		}
	}
	l.lost = lost
	u, known := l.users[strings.ToLower(user)]
	return u, known
}

// phc is a hash of a password in the format of the Password Hashing Competition.
type phc struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// What new hashes cost, and what one from a file may.
const (
	saltSize, sumSize    = 16, 32
	hashMemory, hashTime = 19 << 10, 2 // KiB, rounds
	maxMemory, maxTime   = 1 << 20, 16
	minSum, maxSum       = 16, 128
	maxThreads           = 16
)

func newPHC(salt []byte) phc {
	return phc{memory: hashMemory, time: hashTime, threads: 1, salt: salt, sum: make([]byte, sumSize)}
}

// Hash makes what a users' file has of a password.
func Hash(password string, random io.Reader) (string, error) {
	p := newPHC(make([]byte, saltSize))
	if _, err := io.ReadFull(random, p.salt); err != nil {
		return "", err
	}
	p.sum = p.of(password)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads, b64.EncodeToString(p.salt), b64.EncodeToString(p.sum)), nil
}

func (p phc) of(password string) []byte {
	return argon2.IDKey([]byte(password), p.salt, p.time, p.memory, p.threads, uint32(len(p.sum)))
}

func (p phc) fits(password string) bool {
	return subtle.ConstantTimeCompare(p.of(password), p.sum) == 1
}

var errHash = errors.New("the hash is not $argon2id$v=19$m=…,t=…,p=…$SALT$SUM")

func parsePHC(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, errHash
	}
	var p phc
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); err != nil || n != 3 {
		return phc{}, errHash
	}
	var saltErr, sumErr error
	p.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	p.sum, sumErr = base64.RawStdEncoding.DecodeString(parts[5])
	switch {
	case saltErr != nil || sumErr != nil || len(p.salt) == 0 || len(p.sum) < minSum || len(p.sum) > maxSum:
		return phc{}, errHash
	case p.memory == 0 || p.memory > maxMemory || p.time == 0 || p.time > maxTime || p.threads == 0 || p.threads > maxThreads:
		return phc{}, fmt.Errorf("the hash's cost %s is not between 1 and m=%d,t=%d,p=%d", parts[3], maxMemory, maxTime, maxThreads)
	}
	return p, nil
}
