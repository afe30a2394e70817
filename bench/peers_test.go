//go:build linux

package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// etcdTakeover kills the leader of three nodes with default settings and waits for
// the next write.
func (l *lab) etcdTakeover(ours []float64) {
	name, limit := "takeover: against etcd", atMost(0.05)
	const against = "etcd, 3 nodes with defaults, kill -9 of the leader → next write"
	path, lacks := installed("etcd", etcdPackage)
	if lacks != "" {
		l.table.missing(name, against, lacks, limit)
		return
	}
	c := l.newEtcdCluster(path)
	var peer []float64
	for range *options.rounds {
		peer = append(peer, ms(c.failover()))
	}
	l.table.add(row{Name: name, Value: median(ours), Unit: "ms", Against: fmt.Sprintf("%s: %.0f ms", against, median(peer)), Ratio: median(ours) / median(peer)}, limit)
}

type etcdCluster struct {
	l       *lab
	path    string
	ips     []string
	dirs    []string
	procs   []*proc
	clients []*etcd
}

func (l *lab) newEtcdCluster(path string) *etcdCluster {
	c := &etcdCluster{l: l, path: path, procs: make([]*proc, 3)}
	for range 3 {
		c.ips, c.dirs = append(c.ips, l.loopback()), append(c.dirs, l.folder())
	}
	for i := range 3 {
		c.begin(i, "new")
	}
	for _, ip := range c.ips {
		client := newEtcd(ip + ":2379")
		// A write that waits for a leader is answered only after seconds: it is asked anew.
		client.client.Timeout = 100 * time.Millisecond
		c.clients = append(c.clients, client)
	}
	return c
}

func (c *etcdCluster) begin(i int, state string) {
	var all []string
	for n, ip := range c.ips {
		all = append(all, fmt.Sprintf("n%d=http://%s:2380", n, ip))
	}
	c.procs[i] = c.l.start(nil, c.path, "--name", fmt.Sprintf("n%d", i), "--data-dir", c.dirs[i], "--initial-cluster", strings.Join(all, ","), "--initial-cluster-state", state,
		"--listen-client-urls", "http://"+c.ips[i]+":2379", "--advertise-client-urls", "http://"+c.ips[i]+":2379",
		"--listen-peer-urls", "http://"+c.ips[i]+":2380", "--initial-advertise-peer-urls", "http://"+c.ips[i]+":2380", "--logger", "zap", "--log-level", "error")
}

// leader asks each node whether it leads.
func (c *etcdCluster) leader() int {
	for i, ip := range c.ips {
		var status struct {
			Header struct {
				MemberID string `json:"member_id"`
			} `json:"header"`
			Leader string `json:"leader"`
		}
		resp, err := http.Post("http://"+ip+":2379/v3/maintenance/status", "application/json", strings.NewReader("{}"))
		if err != nil {
			continue
		}
		err = json.NewDecoder(resp.Body).Decode(&status)
		resp.Body.Close()
		if err == nil && status.Leader != "" && status.Leader != "0" && status.Leader == status.Header.MemberID {
			return i
		}
	}
	return -1
}

func (c *etcdCluster) failover() time.Duration {
	led := -1
	until("etcd has a leader", 30*time.Second, func() bool { led = c.leader(); return led >= 0 })
	for _, one := range c.clients {
		until("each node of etcd writes", 20*time.Second, func() bool { return one.put("probe") == nil })
	}
	began := time.Now()
	c.procs[led].kill()
	until("etcd writes again", 30*time.Second, func() bool { return c.clients[(led+1)%3].put("probe") == nil })
	took := time.Since(began)
	c.begin(led, "existing")
	return took
}

// against adds a row of a peer's takeovers.
func (l *lab) against(name, peer string, ours, theirs []float64, limit bar) {
	l.table.add(row{Name: name, Value: median(ours), Unit: "ms", Against: fmt.Sprintf("%s: %.0f ms", peer, median(theirs)), Ratio: median(ours) / median(theirs)}, limit)
}

// memberlistTakeover kills one of three members and waits until both others know.
func (l *lab) memberlistTakeover(ours []float64) {
	path := filepath.Join(l.dir, "memberlist")
	build := exec.Command("go", "build", "-o", path, ".")
	build.Dir = filepath.Join("testdata", "memberlist")
	out, err := build.CombinedOutput()
	for _, kind := range []string{"tuned", "lan"} {
		name, peer, limit := "takeover: against memberlist, "+kind, "hashicorp/memberlist, 3 members, kill -9 of one → both others are told", atMost(0.05)
		if err != nil {
			l.table.missing(name, peer, "it cannot be built: "+string(bytes.TrimSpace(out)), limit)
			continue
		}
		var took []float64
		for range *options.rounds {
			took = append(took, ms(l.memberLost(path, kind)))
		}
		l.against(name, peer, ours, took, limit)
	}
}

func (l *lab) memberLost(path, kind string) time.Duration {
	var members []*proc
	first := ""
	for i := range 3 {
		ip := l.loopback()
		args := []string{kind, fmt.Sprintf("n%d", i), ip}
		if first == "" {
			first = ip
		} else {
			args = append(args, first)
		}
		members = append(members, l.start(nil, path, args...))
		listens(ip+":7946", members[i])
	}
	said := func(p *proc, word string) bool { return strings.Contains(string(need(os.ReadFile(p.log))), word+"\n") }
	until("the members know each other", 20*time.Second, func() bool {
		return said(members[0], "join n2") && said(members[1], "join n2") && said(members[2], "join n1")
	})
	rest(2 * time.Second)
	began := time.Now()
	members[0].kill()
	until("the members know who is gone", 30*time.Second, func() bool { return said(members[1], "leave n0") && said(members[2], "leave n0") })
	took := time.Since(began)
	members[1].kill()
	members[2].kill()
	return took
}

// keepalivedTakeover kills the master of two, each in a network namespace, and waits
// for the address at the other.
func (l *lab) keepalivedTakeover(ours []float64) {
	for _, c := range []struct {
		name, advert string
		limit        bar
	}{{"advert 0.1 s", "0.1", atMost(0.2)}, {"advert 1 s", "1", atMost(0.05)}} {
		name, peer := "takeover: against keepalived, "+c.name, "keepalived, 2 hosts, kill -9 of the master → the address is at the other"
		path, lacks := installed("keepalived", "keepalived")
		if lacks == "" && os.Getuid() != 0 {
			lacks = "network namespaces need root"
		}
		if lacks != "" {
			l.table.missing(name, peer, lacks, c.limit)
			continue
		}
		k := l.newKeepalived(path, c.advert)
		var took []float64
		for range *options.rounds {
			took = append(took, ms(k.failover()))
		}
		l.against(name, peer, ours, took, c.limit)
		l.endAll()
	}
}

// keepalived are two hosts on one wire.
type keepalived struct {
	l      *lab
	path   string
	spaces [2]string
	files  [2]string
	procs  [2]*proc
}

func (l *lab) newKeepalived(path, advert string) *keepalived {
	k := &keepalived{l: l, path: path}
	dir := l.folder()
	for i := range k.spaces {
		k.spaces[i] = fmt.Sprintf("usb%d-%d", os.Getpid(), i)
		ip("netns", "add", k.spaces[i])
		l.atEnd(func() { _ = exec.Command("ip", "netns", "del", k.spaces[i]).Run() })
		k.files[i] = filepath.Join(dir, fmt.Sprintf("keepalived%d.conf", i))
		must(os.WriteFile(k.files[i], fmt.Appendf(nil, "global_defs {\n vrrp_version 3\n}\nvrrp_instance bench {\n interface wire\n state BACKUP\n virtual_router_id 7\n priority %d\n advert_int %s\n virtual_ipaddress {\n 10.250.0.9/24\n }\n}\n", 150-50*i, advert), 0o600))
	}
	ip("link", "add", "wire", "netns", k.spaces[0], "type", "veth", "peer", "name", "wire", "netns", k.spaces[1])
	for i, space := range k.spaces {
		ip("-n", space, "addr", "add", fmt.Sprintf("10.250.0.%d/24", i+1), "dev", "wire")
		ip("-n", space, "link", "set", "wire", "up")
		ip("-n", space, "link", "set", "lo", "up")
		k.begin(i)
	}
	return k
}

func ip(args ...string) {
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		panic(stop{fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)})
	}
}

func (k *keepalived) begin(i int) {
	pid := filepath.Join(k.l.folder(), "keepalived") // that of a killed one would say that it runs
	k.procs[i] = k.l.start(nil, "ip", "netns", "exec", k.spaces[i], k.path, "--dont-fork", "--log-console", "--vrrp", "--use-file", k.files[i], "--pid", pid+".pid", "--vrrp_pid", pid+"-vrrp.pid")
}

func (k *keepalived) has(i int) bool {
	out, err := exec.Command("ip", "-n", k.spaces[i], "-o", "addr", "show", "dev", "wire").Output()
	return err == nil && bytes.Contains(out, []byte("10.250.0.9/"))
}

// failover kills the first, and then has it take the address back.
func (k *keepalived) failover() time.Duration {
	until("the first has the address alone", 30*time.Second, func() bool { return k.has(0) && !k.has(1) })
	rest(time.Second)
	parent := k.procs[0].cmd.Process.Pid
	children := strings.Fields(string(need(os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent)))))
	began := time.Now()
	for _, pid := range slices.Backward(append([]string{strconv.Itoa(parent)}, children...)) {
		must(syscall.Kill(need(strconv.Atoi(pid)), syscall.SIGKILL))
	}
	until("the other has the address", 30*time.Second, func() bool { return k.has(1) })
	took := time.Since(began)
	ip("-n", k.spaces[0], "addr", "del", "10.250.0.9/24", "dev", "wire")
	k.begin(0)
	return took
}
