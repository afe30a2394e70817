//go:build linux

package bench_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// etcd is spoken to by gRPC, written by hand: two messages of a few fields.
type etcd struct {
	url    string
	client *http.Client
}

func newEtcd(address string) *etcd {
	t := &http.Transport{Protocols: new(http.Protocols)}
	t.Protocols.SetUnencryptedHTTP2(true)
	return &etcd{url: "http://" + address, client: &http.Client{Transport: t, Timeout: 10 * time.Second}}
}

// call makes one unary call and returns the message of its answer.
func (e *etcd) call(method string, message []byte) ([]byte, error) {
	frame := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	req, err := http.NewRequest(http.MethodPost, e.url+method, bytes.NewReader(append(frame, message...)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	resp, err := e.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	status := resp.Trailer.Get("Grpc-Status")
	if status == "" {
		status = resp.Header.Get("Grpc-Status")
	}
	if status != "0" || len(body) < 5 {
		return nil, fmt.Errorf("%s: grpc status %q: %s", method, status, resp.Trailer.Get("Grpc-Message"))
	}
	return body[5:], nil
}

// register grants a lease and puts the value under it.
func (e *etcd) register(key string, value []byte) error {
	answer, err := e.call("/etcdserverpb.Lease/LeaseGrant", varintField(nil, 1, 600))
	if err != nil {
		return err
	}
	put := bytesField(nil, 1, []byte(key))
	put = bytesField(put, 2, value)
	put = varintField(put, 3, leaseID(answer))
	_, err = e.call("/etcdserverpb.KV/Put", put)
	return err
}

func (e *etcd) put(key string) error {
	_, err := e.call("/etcdserverpb.KV/Put", bytesField(bytesField(nil, 1, []byte(key)), 2, []byte("x")))
	return err
}

func varintField(b []byte, field, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, field<<3), v)
}

func bytesField(b []byte, field uint64, v []byte) []byte {
	b = binary.AppendUvarint(b, field<<3|2)
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// leaseID is field 2 of a grant's answer, after the header in field 1.
func leaseID(answer []byte) uint64 {
	for len(answer) > 0 {
		tag, n := binary.Uvarint(answer)
		answer = answer[n:]
		v, n := binary.Uvarint(answer)
		answer = answer[n:]
		if tag == 2<<3 {
			return v
		}
		if tag&7 == 2 {
			answer = answer[v:]
		}
	}
	return 0
}

const etcdPackage = "etcd-server"

func (l *lab) againstEtcd(ours string, requests [][]byte) {
	const name, against = "registration: against etcd", "etcd (one node), grant and put with the lease"
	path, lacks := installed("etcd", etcdPackage)
	if lacks != "" {
		l.table.missing(name, against, lacks, atLeast(8))
		return
	}
	ip := l.loopback()
	server := l.start(nil, path, "--data-dir", l.folder(), "--listen-client-urls", "http://"+ip+":2379", "--advertise-client-urls", "http://"+ip+":2379",
		"--listen-peer-urls", "http://"+ip+":2380", "--logger", "zap", "--log-level", "error")
	listens(ip+":2379", server)
	peers := make([]*etcd, 8)
	for i := range peers {
		peers[i] = newEtcd(ip + ":2379")
	}
	until("etcd has a leader", 10*time.Second, func() bool { return peers[0].put("probe") == nil })
	var p pairs
	for range *options.rounds {
		peer := etcdRate(peers, min(20_000, len(requests)))
		// What etcd has left to do after its last answer is not ours to wait for.
		server.signal(syscall.SIGSTOP)
		p.add(storm{address: ours, conns: callers, requests: requests}.run().rate, peer)
		server.signal(syscall.SIGCONT)
	}
	l.table.add(row{Name: name, Value: median(p.ours), Unit: "requests/s", Against: fmt.Sprintf("%s: %.0f/s", against, median(p.peer)), Ratio: p.ratio()}, atLeast(8))
}

// etcdRate registers with 256 callers over eight connections.
func etcdRate(peers []*etcd, n int) float64 {
	bodies := registrations(n)
	var next atomic.Int64
	var group sync.WaitGroup
	errs := make([]error, 256)
	began := time.Now()
	for c := range errs {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[c] == nil; i = int(next.Add(1)) - 1 {
				errs[c] = peers[c%len(peers)].register(string(machineName(i)), bodies[i])
			}
		})
	}
	group.Wait()
	for _, err := range errs {
		must(err)
	}
	return float64(n) / time.Since(began).Seconds()
}
