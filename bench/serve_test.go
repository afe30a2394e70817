//go:build linux

package bench_test

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the peer's reads

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// measureEnumeration compares the engine with prepared reads of an indexed SQLite
// file, and its HTTP answer with a handler that has it ready.
func measureEnumeration(l *lab) {
	s := bigSite(*options.machines, site.Connector{FQDN: "cc01.bench.test", Zone: "berlin"})
	engine := broker.New(broker.Options{Broker: "cc01.bench.test", Zone: "berlin", HA: true}, site.NewIndex(s))
	db, query := enumerationDB(l, s)
	defer db.Close()
	var p pairs
	for range *options.rounds {
		ours := rateOf(1_000_000, func(i int) {
			if len(engine.Resources(userName(i%len(s.Users)), nil)) != 6 {
				panic(stop{fmt.Errorf("the engine does not list 6 resources")})
			}
		})
		peer := rateOf(20_000, func(i int) { must(enumerate(query, userName(i%len(s.Users)))) })
		p.add(ours, peer)
	}
	l.table.add(row{Name: "enumeration: engine", Value: median(p.ours), Unit: "users/s", Against: fmt.Sprintf("prepared reads of an indexed SQLite file: %.0f/s", median(p.peer)), Ratio: p.ratio()}, atLeast(20))
	enumerationOverHTTP(l)
}

func rateOf(n int, do func(int)) float64 {
	began := time.Now()
	for i := range n {
		do(i)
	}
	return float64(n) / time.Since(began).Seconds()
}

// enumerationDB is what one would make of the site to list resources with SQL.
func enumerationDB(l *lab, s *site.Site) (*sql.DB, *sql.Stmt) {
	path := filepath.Join(l.folder(), "peer.db")
	db := need(sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)"))
	db.SetMaxOpenConns(1)
	need(db.Exec(`CREATE TABLE groups(name TEXT PRIMARY KEY, desktop TEXT) WITHOUT ROWID; CREATE TABLE apps(name TEXT PRIMARY KEY, command TEXT) WITHOUT ROWID;
		CREATE TABLE ents(user TEXT, kind INTEGER, target TEXT, PRIMARY KEY(user, kind, target)) WITHOUT ROWID`))
	tx := need(db.Begin())
	for _, g := range s.Groups {
		need(tx.Exec("INSERT INTO groups VALUES (?, ?)", g.Name, g.Desktop))
	}
	for _, a := range s.Applications {
		need(tx.Exec("INSERT INTO apps VALUES (?, ?)", a.Name, a.Command))
	}
	insert := need(tx.Prepare("INSERT OR IGNORE INTO ents VALUES (?, ?, ?)"))
	defer func() { _ = insert.Close() }()
	for _, e := range s.Entitlements {
		kind, target := 0, e.Desktop
		if target == "" {
			kind, target = 1, e.Application
		}
		need(insert.Exec(e.User, kind, target))
	}
	must(tx.Commit())
	must(db.Close())
	read := need(sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1&_pragma=mmap_size(268435456)"))
	return read, need(read.Prepare(`SELECT g.name, g.desktop FROM ents e JOIN groups g ON g.name = e.target WHERE e.user = ?1 AND e.kind = 0
		UNION ALL SELECT a.name, a.command FROM ents e JOIN apps a ON a.name = e.target WHERE e.user = ?1 AND e.kind = 1`))
}

func enumerate(query *sql.Stmt, user string) error {
	rows, err := query.Query(user)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, what string
		if err := rows.Scan(&name, &what); err != nil {
			return err
		}
	}
	return rows.Err()
}

func enumerationOverHTTP(l *lab) {
	s := l.newStand(1, func(c ...site.Connector) *site.Site { return bigSite(*options.machines/10, c...) })
	s.force(s.zone[0])
	bodies := make([][]byte, *options.machines)
	for i := range bodies {
		bodies[i] = need(json.Marshal(wire.ResourcesRequest{User: userName(i % (*options.machines / 20))}))
	}
	requests := posts("/storefront/v1/resources", bodies)
	size := answerSize(clientAddress(s.zone[0]), requests[0])
	bareAt := l.loopback() + ":7480"
	listens(bareAt, l.role("fixed", bareAt, fmt.Sprint(size)))
	p, _ := compare(clientAddress(s.zone[0]), bareAt, requests, requests)
	l.table.add(row{Name: "enumeration: over HTTP", Value: median(p.ours), Unit: "requests/s", Against: fmt.Sprintf("net/http handler with a fixed body of %d bytes: %.0f/s", size, median(p.peer)), Ratio: p.ratio()}, atLeast(0.85))
}

// answerSize asks once and returns the length of the body.
func answerSize(address string, request []byte) int {
	conn := need(net.Dial("tcp", address))
	defer conn.Close()
	need(conn.Write(request))
	must(conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)))
	text, _ := io.ReadAll(conn)
	_, body, found := strings.Cut(string(text), "\r\n\r\n")
	if !found {
		panic(stop{fmt.Errorf("no answer: %q", text)})
	}
	return len(body)
}

const callers = 64

// compare sends the same to ours and the peer, round by round, after one that does
// not count.
func compare(ours, peer string, toOurs, toPeer [][]byte) (pairs, []time.Duration) {
	var p pairs
	var p99 []time.Duration
	for round := range *options.rounds + 1 {
		mine := storm{address: ours, conns: callers, requests: toOurs}.run()
		theirs := storm{address: peer, conns: callers, requests: toPeer}.run()
		if round > 0 {
			p.add(mine.rate, theirs.rate)
			p99 = append(p99, mine.p99)
		}
	}
	return p, p99
}

// measureRegistration compares a real connector in HA mode with the shortest handler
// and with what one would keep "agents with a TTL" in.
func measureRegistration(l *lab) {
	s := l.newStand(1, func(c ...site.Connector) *site.Site { return bigSite(*options.machines, c...) })
	s.force(s.zone[0])
	requests := posts("/vda/v1/registrations", registrations(*options.machines)[:min(60_000, *options.machines)])
	bareAt := l.loopback() + ":7480"
	listens(bareAt, l.role("bare", bareAt))
	ours := clientAddress(s.zone[0])
	p, _ := compare(ours, bareAt, requests, requests)
	l.table.add(row{Name: "registration: over HTTP, 64 connections", Value: median(p.ours), Unit: "requests/s", Against: fmt.Sprintf("bare net/http handler that decodes and keeps: %.0f/s", median(p.peer)), Ratio: p.ratio()}, atLeast(0.9))
	l.againstRedis(ours, requests)
	l.againstEtcd(ours, requests)
}

func (l *lab) againstRedis(ours string, requests [][]byte) {
	const name, against = "registration: against Redis", "Redis SETEX, no persistence, not pipelined"
	path, lacks := installed("redis-server", "redis-server")
	if lacks != "" {
		l.table.missing(name, against, lacks, atLeast(0.33))
		return
	}
	ip := l.loopback()
	listens(ip+":6379", l.start(nil, path, "--bind", ip, "--save", "", "--appendonly", "no", "--protected-mode", "no", "--dir", l.folder()))
	sets := make([][]byte, len(requests))
	for i, body := range registrations(len(requests)) {
		key := string(machineName(i))
		sets[i] = fmt.Appendf(nil, "*4\r\n$5\r\nSETEX\r\n$%d\r\n%s\r\n$3\r\n600\r\n$%d\r\n%s\r\n", len(key), key, len(body), body)
	}
	var p pairs
	for range *options.rounds {
		peer := storm{address: ip + ":6379", conns: callers, requests: sets, read: func(r *bufio.Reader) error { _, err := r.ReadSlice('\n'); return err }}
		p.add(storm{address: ours, conns: callers, requests: requests}.run().rate, peer.run().rate)
	}
	l.table.add(row{Name: name, Value: median(p.ours), Unit: "requests/s", Against: fmt.Sprintf("%s: %.0f/s", against, median(p.peer)), Ratio: p.ratio()}, atLeast(0.33))
}

// measureLaunch compares durable launches with the registrations of the same broker.
func measureLaunch(l *lab) {
	ip := l.loopback()
	machines := *options.machines / 5
	p := l.role("broker", ip+":7480", l.folder(), fmt.Sprint(machines))
	listens(ip+":7480", p)
	registering := posts("/vda/v1/registrations", registrations(machines))
	var launches [][]byte
	next, asked := 0, 0
	launch := func(n int) [][]byte {
		launches = launches[:0]
		for range n {
			body := need(json.Marshal(wire.LaunchRequest{User: userName(next % (machines / 2)), Resource: "desktop:group" + fmt.Sprintf("%03d", next%(machines/2)%200)}))
			launches = append(launches, post("/storefront/v1/sessions", body, fmt.Sprintf("Idempotency-Key: k%d", asked)))
			next, asked = next+1, asked+1 // a key of a round before would be answered from memory
		}
		return launches
	}
	address := ip + ":7480"
	var rates, single pairs
	var p99 []float64
	for range *options.rounds {
		// New registrations without sessions end those of the round before, which costs more
		// than a registration does.
		storm{address: address, conns: callers, requests: registering}.run()
		registered := storm{address: address, conns: callers, requests: registering}.run().rate
		next = next / (machines / 2) * (machines / 2)
		many := storm{address: address, conns: callers, requests: launch(machines / 4)}.run()
		one := storm{address: address, conns: 1, requests: launch(machines / 20)}.run()
		rates.add(many.rate, registered)
		single.add(many.rate, one.rate)
		p99 = append(p99, float64(many.p99.Microseconds())/1000)
	}
	l.table.add(row{Name: "launch: durable, over HTTP, 64 callers", Value: median(rates.ours), Unit: "launches/s", Against: fmt.Sprintf("registrations of the same broker: %.0f/s", median(rates.peer)), Ratio: rates.ratio()}, atLeast(0.28))
	l.table.add(row{Name: "launch: p99 of 64 callers", Value: median(p99), Unit: "ms"}, noMoreThan(15, "ms"))
	l.table.add(row{Name: "launch: 64 callers", Value: median(single.ours), Unit: "launches/s", Against: fmt.Sprintf("one caller, a commit for each launch: %.0f/s", median(single.peer)), Ratio: single.ratio()}, atLeast(2))
}
