package credentials

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"understudy/xmlservice"
)

// book of passwords, for tests of what goes around a directory.
type passwords map[string]string

func (p passwords) Check(_ context.Context, user, domain, password string) (User, error) {
	switch {
	case p[user] == "":
		return User{}, ErrUnknown
	case p[user] != password:
		return User{}, refuse(xmlservice.FailedCredentials, "wrong")
	}
	return User{Name: user, Groups: []string{domain}}, nil
}

// down is a directory that cannot tell.
type down struct{}

func (down) Check(context.Context, string, string, string) (User, error) {
	return User{}, errors.New("it is down")
}

func claim(user, password string) Claim {
	return Claim{Credentials: xmlservice.Credentials{Given: true, User: user, Password: password, HasPassword: true, Domain: "D"}, Source: "10.0.0.1"}
}

func idOf(err error) xmlservice.ErrorID {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.ID
	}
	return ""
}

// Issue 5, 3: directories are asked in order, and failures give the right ErrorId.
func TestCheck(t *testing.T) {
	good := passwords{"alice": "secret"}
	for name, c := range map[string]struct {
		directories []Directory
		claim       Claim
		want        User
		id          xmlservice.ErrorID
	}{
		"a password":        {[]Directory{good}, claim("alice", "secret"), User{Name: "alice", Groups: []string{"D"}}, ""},
		"a domain before":   {[]Directory{good}, claim(`E\alice`, "secret"), User{Name: "alice", Groups: []string{"E"}}, ""},
		"a domain behind":   {[]Directory{good}, claim("alice@e", "secret"), User{Name: "alice", Groups: []string{"e"}}, ""},
		"the second":        {[]Directory{passwords{}, good}, claim("alice", "secret"), User{Name: "alice", Groups: []string{"D"}}, ""},
		"beside one down":   {[]Directory{down{}, good}, claim("alice", "secret"), User{Name: "alice", Groups: []string{"D"}}, ""},
		"wrong":             {[]Directory{good}, claim("alice", "x"), User{}, xmlservice.FailedCredentials},
		"wrong, no second":  {[]Directory{good, passwords{"alice": "x"}}, claim("alice", "x"), User{}, xmlservice.FailedCredentials},
		"unknown":           {[]Directory{good}, claim("bob", "x"), User{}, xmlservice.FailedCredentials},
		"unknown, one down": {[]Directory{good, down{}}, claim("bob", "x"), User{}, xmlservice.ServiceUnavailable},
		"no password":       {[]Directory{good}, claim("alice", ""), User{}, xmlservice.FailedCredentials},
		"no user":           {[]Directory{good}, claim("", "x"), User{}, xmlservice.FailedCredentials},
		"nothing":           {[]Directory{good}, Claim{}, User{}, xmlservice.FailedCredentials},
	} {
		got, err := New(Options{Directories: c.directories}).Check(t.Context(), c.claim)
		if !reflect.DeepEqual(got, c.want) || idOf(err) != c.id || (err == nil) != (c.id == "") {
			t.Errorf("%s: got %+v, %v, want %+v, %q", name, got, err, c.want, c.id)
		}
	}
}

// Issue 5, 3: "an identity they assert; only from authenticated callers".
func TestAssertedUsers(t *testing.T) {
	asserted := []xmlservice.Identity{{Type: "SID", Name: "S-1"}, {Type: "SAM", Name: `D\alice`}, {Type: "UPN", Name: "alice@d"}}
	for name, c := range map[string]struct {
		trust, trusted bool
		ids            []xmlservice.Identity
		want           User
		id             xmlservice.ErrorID
	}{
		"trusted":            {true, true, asserted, User{Name: "alice", Groups: []string{"S-1", "alice@d"}}, ""},
		"a stranger":         {true, false, asserted, User{}, xmlservice.NotTrusted},
		"it is not switched": {false, true, asserted, User{}, xmlservice.NotTrusted},
		"groups alone":       {true, true, asserted[:1], User{}, xmlservice.FailedCredentials},
	} {
		got, err := New(Options{TrustFronts: c.trust}).Check(t.Context(), Claim{Credentials: xmlservice.Credentials{Given: true, Asserted: c.ids}, Trusted: c.trusted})
		if !reflect.DeepEqual(got, c.want) || idOf(err) != c.id {
			t.Errorf("%s: got %+v, %v, want %+v, %q", name, got, err, c.want, c.id)
		}
	}
}

// Issue 5, 3: failures "are throttled per user and per source": a guesser waits ever
// longer, also with the right password; who is let in has no past.
func TestGuessersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Directories: []Directory{passwords{"alice": "secret", "bob": "secret"}}})
		try := func(user, password string) xmlservice.ErrorID {
			_, err := c.Check(t.Context(), claim(user, password))
			return idOf(err)
		}
		for range freeOfUser {
			if got := try("Alice", "x"); got != xmlservice.FailedCredentials {
				t.Fatalf("got %q", got)
			}
		}
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			<-time.After(wait*time.Second - 1)
			if got := try("alice", "secret"); got != xmlservice.AccountLockedOut {
				t.Errorf("just before %ds: got %q", wait, got)
			}
			if got := try("bob", "secret"); got != "" {
				t.Errorf("bob: got %q", got)
			}
			<-time.After(1)
			if got := try("alice", "x"); got != xmlservice.FailedCredentials {
				t.Errorf("after %ds: got %q", wait, got)
			}
		}
		<-time.After(time.Minute)
		if got := try("alice", "secret"); got != "" {
			t.Errorf("got %q", got)
		}
		if got := try("alice", "x"); got != xmlservice.FailedCredentials || try("alice", "secret") != "" {
			t.Error("who was let in is still kept waiting")
		}
	})
}

func TestSourcesWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Directories: []Directory{passwords{"alice": "secret"}}})
		for i := range freeOfSource {
			_, _ = c.Check(t.Context(), claim("user"+strings.Repeat("x", i), "x"))
		}
		_, err := c.Check(t.Context(), claim("alice", "secret"))
		if idOf(err) != xmlservice.AccountLockedOut {
			t.Errorf("got %v", err)
		}
		elsewhere := claim("alice", "secret")
		elsewhere.Source = "10.0.0.2"
		if _, err := c.Check(t.Context(), elsewhere); err != nil {
			t.Errorf("from elsewhere: got %v", err)
		}
	})
}

// Guesses at others keep nobody out: whoever was let in from a source lately is counted
// apart there, and a trusted front end is no source of guesses.
func TestGuessesOfOthersKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Directories: []Directory{passwords{"alice": "secret", "bob": "secret"}}})
		try := func(user, password, source string, trusted bool) xmlservice.ErrorID {
			one := claim(user, password)
			one.Source, one.Trusted = source, trusted
			_, err := c.Check(t.Context(), one)
			return idOf(err)
		}
		if got := try("alice", "secret", "10.0.0.1", false); got != "" {
			t.Fatalf("got %q", got)
		}
		for i := range 3 * freeOfSource {
			try("alice", "x", "10.0.0.2", false)
			try("user"+strings.Repeat("x", i), "x", "10.0.0.1", false)
			try("user"+strings.Repeat("x", i), "x", "10.0.0.3", true)
		}
		if got := try("alice", "secret", "10.0.0.1", false); got != "" {
			t.Errorf("alice, known there: got %q", got)
		}
		if got := try("alice", "secret", "10.0.0.2", false); got != xmlservice.AccountLockedOut {
			t.Errorf("alice, where she was guessed: got %q", got)
		}
		if got := try("bob", "secret", "10.0.0.1", false); got != xmlservice.AccountLockedOut {
			t.Errorf("bob, not known where others were guessed: got %q", got)
		}
		if got := try("bob", "secret", "10.0.0.3", true); got != "" {
			t.Errorf("bob through a trusted front end: got %q", got)
		}
		for range freeOfUser {
			try("alice", "x", "10.0.0.1", false)
		}
		if got := try("alice", "secret", "10.0.0.1", false); got != xmlservice.AccountLockedOut {
			t.Errorf("alice, guessed where she is known: got %q", got)
		}
	})
}

// silent is a directory that never answers; it counts who asked.
type silent struct{ asked atomic.Int64 }

func (s *silent) Check(ctx context.Context, _, _, _ string) (User, error) {
	s.asked.Add(1)
	<-ctx.Done()
	return User{}, ctx.Err()
}

// A silent directory is asked by so many at once and no more, and the others hear of it
// in time too.
func TestChecksAtOnceAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &silent{}
		c := New(Options{Directories: []Directory{s}, Patience: time.Second})
		began := time.Now()
		var asking sync.WaitGroup
		for i := range 2 * checksAtOnce {
			asking.Go(func() {
				one := claim("user"+strings.Repeat("x", i), "x")
				one.Trusted = true
				if _, err := c.Check(t.Context(), one); idOf(err) != xmlservice.ServiceUnavailable || time.Since(began) > time.Second {
					t.Errorf("got %v after %s", err, time.Since(began))
				}
			})
		}
		synctest.Wait()
		if got := s.asked.Load(); got != checksAtOnce {
			t.Errorf("%d at once, want %d", got, checksAtOnce)
		}
		asking.Wait()
	})
}

// spellings is a directory that does not mind spaces, as LDAP does not.
type spellings struct{ passwords }

func (s spellings) Check(ctx context.Context, user, domain, password string) (User, error) {
	user = strings.Join(strings.Fields(user), " ")
	u, err := s.passwords.Check(ctx, user, domain, password)
	if r, ok := errors.AsType[*Refusal](err); ok {
		r.User = user
	}
	return u, err
}

// "Throttled per user": another spelling of the name is no other user.
func TestSpellingsAreOneUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Directories: []Directory{spellings{passwords{"alice": "secret"}}}})
		for i := range 2 * freeOfUser {
			_, _ = c.Check(t.Context(), claim(`D\`+strings.Repeat(" ", i+1)+"alice", "x"))
		}
		for _, name := range []string{"alice", `D\  ` + strings.Repeat(" ", 20) + "alice"} {
			if _, err := c.Check(t.Context(), claim(name, "secret")); idOf(err) != xmlservice.AccountLockedOut {
				t.Errorf("%q: got %v", name, err)
			}
		}
		<-time.After(2 * time.Minute)
		if _, err := c.Check(t.Context(), claim(`D\ alice`, "secret")); err != nil {
			t.Errorf("later: got %v", err)
		}
	})
}

// One host has a whole network of addresses under IPv6.
func TestSourceIsAHost(t *testing.T) {
	for source, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "::ffff:10.0.0.1": "::ffff:10.0.0.1", "2001:db8::1": "2001:db8::/64", "2001:db8::2:3": "2001:db8::/64",
		"fe80::1%eth0": "fe80::/64", "2001:db8:0:1::1": "2001:db8:0:1::/64", "": "", "elsewhere": "elsewhere",
	} {
		if got := sourceOf(Claim{Source: source}); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

// A directory that is down makes nobody a guesser.
func TestOutagesAreNoGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Directories: []Directory{down{}}})
		for range 3 * freeOfSource {
			if _, err := c.Check(t.Context(), claim("alice", "x")); idOf(err) != xmlservice.ServiceUnavailable {
				t.Fatalf("got %v", err)
			}
		}
		if c.throttle.users.Has("alice") || c.throttle.sources.Has(sourceOf(claim("alice", "x"))) {
			t.Error("a failure is remembered")
		}
	})
}

func hashOf(t *testing.T, password string) string {
	t.Helper()
	h, err := Hash(password, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Issue 5, 3: "local (argon2id file)".
func TestUsersFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users")
	save := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save("# comment\n\nAlice " + hashOf(t, "secret") + " staff,all\nbob " + hashOf(t, "other") + "\n")
	var broken error
	told := 0
	l, err := OpenLocal(path, func(err error) { broken, told = err, told+1 })
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.Check(t.Context(), "alice", "", "secret"); err != nil || !reflect.DeepEqual(got, User{Name: "Alice", Groups: []string{"staff", "all"}}) {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := l.Check(t.Context(), "alice", "", "other"); idOf(err) != xmlservice.FailedCredentials {
		t.Errorf("got %v", err)
	}
	if _, err := l.Check(t.Context(), "nobody", "", "secret"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
	save("alice broken\n")
	if _, err := l.Check(t.Context(), "alice", "", "secret"); err != nil || broken == nil || !strings.Contains(broken.Error(), "line 1") {
		t.Errorf("a broken file: got %v, told %v", err, broken)
	}
	removed := os.Remove(path)
	for range 3 {
		if _, err := l.Check(t.Context(), "alice", "", "secret"); err != nil || removed != nil {
			t.Errorf("no file: got %v, %v", err, removed)
		}
	}
	if told != 2 || !errors.Is(broken, os.ErrNotExist) {
		t.Errorf("told %d times, at last %v; want the broken file and the lost one once each", told, broken)
	}
	save("carol " + hashOf(t, "third") + "\n")
	if _, err := l.Check(t.Context(), "carol", "", "third"); err != nil {
		t.Errorf("a new file: got %v", err)
	}
	if _, err := l.Check(t.Context(), "alice", "", "secret"); !errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestBadUsersFiles(t *testing.T) {
	good := hashOf(t, "secret")
	for name, c := range map[string]struct{ text, want string }{
		"a name alone": {"alice", "line 1: it is not NAME HASH"}, "four words": {"a b c d", "line 1"},
		"twice":       {"alice " + good + "\nALICE " + good, `line 2: user "ALICE" is there twice`},
		"plain":       {"alice secret", "not $argon2id"},
		"bcrypt":      {"alice $2y$10$abcdefghijklmnopqrstuv", "not $argon2id"},
		"short":       {"alice $argon2id$v=19$m=1024,t=1,p=1$c2FsdA$c3Vt", "not $argon2id"},
		"costly":      {"alice " + strings.Replace(good, "m=19456", "m=99999999", 1), "cost"},
		"no cost":     {"alice " + strings.Replace(good, "t=2", "t=0", 1), "cost"},
		"all at once": {"a\nb\n", "line 2"},
	} {
		if _, err := parseUsers([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one about %q", name, err, c.want)
		}
	}
	if _, err := OpenLocal(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
