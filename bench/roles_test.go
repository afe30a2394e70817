//go:build linux

package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/cmd/understudy/cli"
	"understudy/credentials"
	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/storefront"
	"understudy/vda"
	"understudy/wire"
)

// roleEnv makes this program another one than the tests.
const roleEnv = "UNDERSTUDY_BENCH_ROLE"

// play is the main of a role.
func play(role string) (code int) {
	defer func() {
		if s, failed := recover().(stop); failed {
			fmt.Fprintln(os.Stderr, s.err)
			code = 1
		}
	}()
	args := os.Args[1:]
	switch role {
	case "group":
		playGroup(args)
	case "import":
		playImport(args)
	case "bare":
		serve(args[0], http.HandlerFunc(newBare().register))
	case "fixed":
		serve(args[0], fixed(need(strconv.Atoi(args[1]))))
	case "broker":
		playBroker(args[0], args[1], need(strconv.Atoi(args[2])))
	case "beats":
		playBeats(args[0], args[1:])
	case "understudy":
		return playUnderstudy(args)
	default:
		panic(stop{fmt.Errorf("there is no role %q", role)})
	}
	return 0
}

func serve(address string, h http.Handler) {
	server := &http.Server{Addr: address, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	must(server.ListenAndServe())
}

// playBeats sends what heartbeats are as short as it can: ten lines a second to each
// peer, whose lines it reads and does not look at.
func playBeats(address string, peers []string) {
	listener := need(net.Listen("tcp", address))
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				lines := bufio.NewReaderSize(conn, 64<<10)
				for err := error(nil); err == nil; _, err = lines.ReadSlice('\n') {
				}
			}()
		}
	}()
	conns := make([]net.Conn, len(peers))
	for i, peer := range peers {
		until(peer+" listens", 10*time.Second, func() (ok bool) {
			conn, err := net.Dial("tcp", peer)
			conns[i] = conn
			return err == nil
		})
	}
	line := append(bytes.Repeat([]byte("x"), 1300), '\n')
	for range time.Tick(100 * time.Millisecond) {
		for _, conn := range conns {
			need(conn.Write(line))
		}
	}
}

// playUnderstudy is the real program, which gives memory back when it is asked to.
func playUnderstudy(args []string) int {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			debug.FreeOSMemory()
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return cli.Run(ctx, args, os.Stdout, os.Stderr)
}

// bare is a handler as short as it can be that decodes and keeps registrations.
type bare struct {
	shards [256]struct {
		mu   sync.Mutex
		kept map[site.FQDN]wire.Registration
	}
}

func newBare() *bare {
	b := &bare{}
	for i := range b.shards {
		b.shards[i].kept = map[site.FQDN]wire.Registration{}
	}
	return b
}

func (b *bare) register(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var reg wire.Registration
	if err == nil {
		err = json.Unmarshal(body, &reg)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sum := 0
	for _, c := range []byte(reg.Machine) {
		sum = sum*31 + int(c)
	}
	shard := &b.shards[sum&(len(b.shards)-1)]
	shard.mu.Lock()
	shard.kept[reg.Machine] = reg
	shard.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(bareAnswer)
}

// bareAnswer is as long as a lease.
var bareAnswer = []byte(`{"lease":"abcdefghijklmnopqrstuvwxyz234567","broker":"cc01.bench.test","term":1,"interval":"5m0s","lifetime":"10m0s","connectors":["http://127.1.1.1:7480"]}`)

// fixed answers with so many bytes.
func fixed(size int) http.Handler {
	body := bytes.Repeat([]byte("x"), size)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

// imported is what a role of import says.
type imported struct {
	Seconds float64 `json:"seconds"`
	Memory  float64 `json:"memory_mb"` // more than before
}

// playImport builds and swaps a stream in a new data folder.
func playImport(args []string) {
	text := need(os.ReadFile(args[0]))
	snapshots, _, err := localdb.OpenSnapshots(args[1], env.Real())
	must(err)
	debug.FreeOSMemory()
	before := memory(os.Getpid(), "VmRSS")
	began := time.Now()
	reader := need(wire.NewConfigReader(bytes.NewReader(text)))
	built := need(snapshots.Build(context.Background(), reader, "bench"))
	must(snapshots.Swap(built))
	took := time.Since(began)
	_ = json.NewEncoder(os.Stdout).Encode(imported{took.Seconds(), memory(os.Getpid(), "VmHWM") - before})
}

// agreeing answers every prepare at once, in this process.
type agreeing struct{ answer json.RawMessage }

func (a agreeing) Call(_ context.Context, call wire.Call) (wire.CallAnswer, error) {
	return wire.CallAnswer{ID: call.ID, Status: http.StatusCreated, Body: a.answer}, nil
}

// playBroker serves the connector's own APIs over an engine and a journal, with all
// machines registered; it tells how much they take.
func playBroker(address, dir string, machines int) {
	state, err := localdb.OpenState(dir, localdb.StateOptions{Env: env.Real(), Origin: "cc01.bench.test"})
	must(err)
	index := site.NewIndex(bigSite(machines, site.Connector{FQDN: "cc01.bench.test", Zone: "berlin"}))
	engine := broker.New(broker.Options{Broker: "cc01.bench.test", Zone: "berlin", HA: true}, index)
	before := heap()
	for i := range machines {
		_, _, err := engine.Register(time.Now(), env.Token(env.Real().Rand("leases")), broker.Registration{
			Machine: machineName(i), Zone: "berlin", Callback: "http://127.0.0.1:7485/m/" + string(machineName(i)), Capacity: 20,
		})
		must(err)
	}
	fmt.Printf("registrations take %.3f MB\n", heap()-before)
	router := chi.NewRouter()
	desks := need(vda.New(vda.Options{Engine: engine, Recorder: state, Rand: env.Real().Rand("leases")}))
	fronts := need(storefront.New(storefront.Options{
		Engine: engine, Caller: agreeing{need(json.Marshal(wire.Prepared{Address: "10.0.0.1", Port: 3389, Protocol: "rdp"}))},
		Recorder: state, Rand: env.Real().Rand("tickets"), Authority: "STA1", Zone: "berlin",
		XML: storefront.XML{Users: credentials.New(credentials.Options{TrustFronts: true})},
	}))
	desks.Routes(router)
	fronts.Routes(router)
	known := storefront.Front{Trusts: func(*http.Request) bool { return true }, OnUse: func() {}}
	router.With(known.InXML).Post(storefront.XMLPath, fronts.XMLService)
	serve(address, router)
}

// heap is what is in use after a collection, in MB.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// listens waits until a server takes connections.
func listens(address string, p *proc) {
	until(address+" listens", 60*time.Second, func() bool {
		select {
		case <-p.done:
			text, _ := os.ReadFile(p.log)
			panic(stop{errors.New("a server has ended: " + string(text[max(0, len(text)-500):]))})
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}
