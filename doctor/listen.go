package doctor

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// holder is the process that has, or had, the data folder.
type holder struct {
	pid   int
	alive bool
}

// holderOf reads who has locked a data folder, without locking it.
func holderOf(dir string) holder {
	file := filepath.Join(dir, "LOCK")
	text, err := os.ReadFile(file)
	if err != nil {
		return holder{}
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return holder{}
	}
	return holder{pid: pid, alive: pid != os.Getpid() && runs(pid) && hasOpen(pid, file)}
}

// hasOpen reports whether a process has a file open; true where that cannot be seen. A
// number in the file may have become another process's.
func hasOpen(pid int, file string) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return true
	}
	want, err := os.Stat(file)
	if err != nil {
		return true
	}
	for _, e := range entries {
		if is, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && os.SameFile(is, want) {
			return true
		}
	}
	return false
}

// windowsInUse is how Windows says that an address is in use.
const windowsInUse = syscall.Errno(10048)

// listens tries an address for a moment. Where the process runs it is left alone:
// another one that starts just then must not find it taken.
func (p *patient) listens(key, address string) look {
	return func(ctx context.Context) []Finding {
		if p.held.alive {
			return []Finding{fine(checkListen, key+" "+address, "the process runs (pid %d) and has it", p.held.pid)}
		}
		if strings.HasPrefix(address, "unix:") {
			return []Finding{fine(checkListen, key+" "+address, "a socket, made at the start")}
		}
		l, err := p.Env.Listen(ctx, "tcp", address)
		if err == nil {
			err = l.Close()
		}
		return []Finding{judgeListen(key, address, err)}
	}
}

func judgeListen(key, address string, err error) Finding {
	about, p := key+" "+address, places{"key": "`" + key + "`", "address": address}
	switch {
	case err == nil:
		return fine(checkListen, about, "free")
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, windowsInUse):
		return found("port_busy", about, err.Error(), p)
	case errors.Is(err, fs.ErrPermission):
		return found("port_forbidden", about, err.Error(), p)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return found("address_foreign", about, err.Error(), p)
	}
	return found("listen_failed", about, err.Error(), p)
}

// ownName looks the host's own name up.
func (p *patient) ownName(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, p.name)
	own := map[string]bool{}
	interfaces, _ := net.InterfaceAddrs() // without them every name is elsewhere
	for _, a := range interfaces {
		if n, ok := a.(*net.IPNet); ok {
			own[n.IP.String()] = true
		}
	}
	f := judgeOwnName(p.name, addresses, err, own)
	if f.Result == Error && p.plain() {
		return []Finding{skipped(checkNames, p.name, "it does not resolve, which does not matter with insecure: true")}
	}
	return []Finding{f}
}

// plain: with insecure: true names are only names.
func (p *patient) plain() bool { return p.tls.CertFile == "" }

func judgeOwnName(name string, addresses []string, err error, own map[string]bool) Finding {
	at := places{"host": name}
	if err != nil || len(addresses) == 0 {
		return found("own_name_unknown", name, said(err, "it has no address"), at)
	}
	for _, a := range addresses {
		ip := net.ParseIP(a)
		if own[a] || ip != nil && ip.IsLoopback() {
			return fine(checkNames, name, "it is %s, which is this host", a)
		}
	}
	return found("own_name_elsewhere", name, "it is "+strings.Join(addresses, ", ")+", none of which is this host's", at)
}

func said(err error, otherwise string) string {
	if err != nil {
		return err.Error()
	}
	return otherwise
}
