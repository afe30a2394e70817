package trust_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/trust"
)

var later = time.Now().Add(365 * 24 * time.Hour)

// open makes the two sides of connections to the process whose files these are.
func open(t testing.TB, f folder) (*trust.Store, *tls.Config, func() *tls.Config) {
	t.Helper()
	s := trust.New(time.Now)
	server, err := s.Server(f.files(), true)
	if err != nil {
		t.Fatal(err)
	}
	client, err := s.Client(f.files())
	if err != nil {
		t.Fatal(err)
	}
	return s, server, client
}

// meet has a client greet a server, and returns whose certificate it was shown.
func meet(t testing.TB, server *tls.Config, client *tls.Config) (string, error) {
	t.Helper()
	a, b := net.Pipe()
	served := make(chan error, 1)
	go func() {
		conn := tls.Server(a, server)
		defer a.Close()
		_, err := conn.Write([]byte("x"))
		served <- err
	}()
	defer b.Close()
	client = client.Clone()
	client.ServerName = "cc01.example.test"
	conn := tls.Client(b, client)
	_, err := io.ReadFull(conn, make([]byte, 1))
	if err == nil {
		err = <-served
	}
	if err != nil {
		return "", err
	}
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// "Certificates and keys reload without a restart": a new connection is shown the new
// certificate once both files of it are there, in whatever order they come.
func TestANewCertificateIsUsedWhenItsKeyIsThere(t *testing.T) {
	for _, order := range [][2]string{{"cert.pem", "key.pem"}, {"key.pem", "cert.pem"}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			ca := newAuthority(t, "ca")
			f := newFolder(t, ca, "cc01.example.test", later)
			s, server, client := open(t, f)
			first, err := meet(t, server, client())
			if err != nil {
				t.Fatal(err)
			}
			cert, key := ca.issue("cc01.example.test", later)
			fresh := map[string]string{"cert.pem": cert, "key.pem": key}
			f.put(order[0], fresh[order[0]])
			if r := s.Reload(); len(r.Unreadable) != 1 || len(r.Changed) != 0 || r.Err() == nil {
				t.Errorf("half of a pair: got %+v, want one that cannot be used", r)
			}
			if got, err := meet(t, server, client()); got != first || err != nil {
				t.Errorf("with half of a pair: got %s, %v; want the old one still", got, err)
			}
			f.put(order[1], fresh[order[1]])
			if r := s.Reload(); len(r.Changed) != 1 || r.Err() != nil {
				t.Errorf("the whole pair: got %+v, want one change", r)
			}
			if got, err := meet(t, server, client()); got == first || err != nil {
				t.Errorf("with the whole pair: got %s, %v; want the new one", got, err)
			}
			if r := s.Reload(); len(r.Changed)+len(r.Unreadable) != 0 {
				t.Errorf("nothing new: got %+v", r)
			}
		})
	}
}

// What cannot be used changes nothing, and is named.
func TestBadFilesChangeNothing(t *testing.T) {
	ca := newAuthority(t, "ca")
	good, _ := ca.issue("cc01.example.test", later)
	old, oldKey := ca.issue("cc01.example.test", time.Now().Add(-time.Hour))
	bundle := ca.pem + newAuthority(t, "new").pem
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"empty certificate":      {map[string]string{"cert.pem": ""}, "is empty"},
		"half a certificate":     {map[string]string{"cert.pem": good[:len(good)/2]}, "cut off"},
		"key of another":         {map[string]string{"cert.pem": good}, "private key does not match public key"},
		"no PEM":                 {map[string]string{"cert.pem": "hello\n"}, "holds no PEM certificate"},
		"expired":                {map[string]string{"cert.pem": old, "key.pem": oldKey}, "it expired at"},
		"empty authorities":      {map[string]string{"ca.pem": "\n"}, "is empty"},
		"half of a bundle":       {map[string]string{"ca.pem": bundle[:len(bundle)-40]}, "cut off"},
		"authorities gone wrong": {map[string]string{"ca.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "certificate 1 of the file"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFolder(t, ca, "cc01.example.test", later)
			s, server, client := open(t, f)
			first, err := meet(t, server, client())
			if err != nil {
				t.Fatal(err)
			}
			for file, text := range c.files {
				f.write(file, text)
			}
			r := s.Reload()
			if len(r.Unreadable) != 1 || !strings.Contains(r.Err().Error(), c.want) || !strings.Contains(r.Err().Error(), "stays in use") || !strings.Contains(r.Err().Error(), r.Unreadable[0].File) {
				t.Errorf("got %+v, want …%s…", r, c.want)
			}
			if got, err := meet(t, server, client()); got != first || err != nil {
				t.Errorf("got %s, %v; want what was there before", got, err)
			}
		})
	}
}

// A process does not start without its files, or with bad ones.
func TestBadFilesAtTheStart(t *testing.T) {
	ca := newAuthority(t, "ca")
	f := newFolder(t, ca, "cc01.example.test", later)
	f.put("key.pem", "nothing")
	if _, err := trust.New(time.Now).Server(f.files(), true); err == nil || !strings.Contains(err.Error(), "read the certificate") {
		t.Errorf("got %v, want the certificate named", err)
	}
	if _, err := trust.New(time.Now).Client(trust.Files{CA: f.path("none.pem")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that there is no such file", err)
	}
}

// A move to another CA: both trusted everywhere, then new certificates, then only the new
// CA. No step shuts anybody out but who still has the old certificate at the end.
func TestMoveToAnotherAuthority(t *testing.T) {
	was, is := newAuthority(t, "old"), newAuthority(t, "new")
	one, other := newFolder(t, was, "cc01.example.test", later), newFolder(t, was, "cc02.example.test", later)
	s1, server, _ := open(t, one)
	s2, _, client := open(t, other)
	both := func(step string) {
		t.Helper()
		if err := errors.Join(s1.Reload().Err(), s2.Reload().Err()); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if _, err := meet(t, server, client()); err != nil {
			t.Errorf("%s: %v", step, err)
		}
	}
	both("before")
	one.put("ca.pem", was.pem+is.pem)
	both("one side trusts both")
	other.put("ca.pem", was.pem+is.pem)
	both("each side trusts both")
	renew(is, one, "cc01.example.test")
	both("the server's is new")
	stale := client()
	renew(is, other, "cc02.example.test")
	both("each is new")
	one.put("ca.pem", is.pem)
	both("one side trusts the new one only")
	if _, err := meet(t, server, stale); err == nil {
		t.Error("a certificate of the old authority is still good")
	}
	other.put("ca.pem", is.pem)
	both("after")
}

func renew(a *authority, f folder, name string) {
	cert, key := a.issue(name, later)
	f.put("cert.pem", cert)
	f.put("key.pem", key)
}

// watch runs a store in a bubble until the test cancels it.
func watch(s *trust.Store) (reports chan trust.Report, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	reports = make(chan trust.Report, 10_000)
	go s.Run(ctx, func(r trust.Report) {
		if len(r.Changed)+len(r.Unreadable)+len(r.Expiring) > 0 {
			reports <- r
		}
	})
	synctest.Wait()
	return reports, cancel
}

// "re-read when they change": within half a minute and a second, and not while a file is
// being written. A fault is told of when it stays, and then once.
func TestFilesAreFollowed(t *testing.T) {
	ca := newAuthority(t, "ca")
	f := newFolder(t, ca, "cc01.example.test", later)
	synctest.Test(t, func(t *testing.T) {
		s, _, client := open(t, f)
		if _, err := trust.Follow(s, "keys", f.path("ca.pem"), func(b []byte) (string, error) { return string(b), nil }); err != nil {
			t.Fatal(err)
		}
		reports, stop := watch(s)
		defer stop()
		first := client().Certificates[0].Leaf.SerialNumber
		time.Sleep(time.Second)
		cert, key := ca.issue("cc01.example.test", later)
		f.put("cert.pem", cert)
		time.Sleep(trust.Every + 2*time.Second)
		if len(reports) != 0 {
			t.Errorf("told of %+v while the key is on its way", <-reports)
		}
		time.Sleep(2 * trust.Every)
		if r := <-reports; len(r.Unreadable) != 1 || r.Unreadable[0].File != f.path("cert.pem") {
			t.Errorf("got %+v, want the certificate that does not fit", r)
		}
		time.Sleep(10 * trust.Every)
		if len(reports) != 0 {
			t.Errorf("told again: %+v", <-reports)
		}
		f.put("key.pem", key)
		time.Sleep(trust.Every + 2*time.Second)
		if r := <-reports; len(r.Changed) != 1 || client().Certificates[0].Leaf.SerialNumber.Cmp(first) == 0 {
			t.Errorf("got %+v, want the new certificate in use", r)
		}
	})
}

// "expiry is in status and events 30 days ahead", once a day.
func TestExpiryIsToldOf(t *testing.T) {
	const day = 24 * time.Hour
	ca := newAuthority(t, "ca")
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t, ca, "cc01.example.test", time.Now().Add(33*day))
		s := trust.New(time.Now)
		for range 2 { // a listener and a client have the same file
			if _, err := s.Client(f.files()); err != nil {
				t.Fatal(err)
			}
		}
		reports, stop := watch(s)
		defer stop()
		all := s.Certificates()
		if len(all) != 2 || all[1].DaysLeft() != 33 || all[1].Expires() || all[1].Kind != trust.Own || all[0].Kind != trust.Authority {
			t.Errorf("got %+v, want an authority and a certificate with 33 days", all)
		}
		time.Sleep(3*day - time.Hour)
		if len(reports) != 0 {
			t.Fatalf("told of %+v more than 30 days ahead", <-reports)
		}
		time.Sleep(33 * day)
		var warned, urgent int
		for len(reports) > 0 {
			for _, c := range (<-reports).Expiring {
				switch {
				case c.Urgent():
					urgent++
				default:
					warned++
				}
			}
		}
		if warned != 27 || urgent < 5 || urgent > 6 {
			t.Errorf("told %d times of a coming end and %d times of a near or past one, want 27 and 6 days: once a day", warned, urgent)
		}
		last := s.Certificates()[1]
		if last.DaysLeft() != -1 || !strings.Contains(last.Reason(), "expired at") || !strings.Contains(last.Reason(), "cc01.example.test") {
			t.Errorf("got %d, %q; want that it expired", last.DaysLeft(), last.Reason())
		}
	})
}

// Without files there is nothing to do.
func TestEmptyStore(t *testing.T) {
	for _, s := range []*trust.Store{nil, trust.New(time.Now)} {
		if s.Watches() || s.Reload().Err() != nil || s.Certificates() != nil {
			t.Error("an empty store does something")
		}
	}
}
