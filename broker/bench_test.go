package broker_test

import (
	"fmt"
	"strconv"
	"testing"

	"understudy/broker"
	"understudy/site"
)

// BenchmarkSelection reserves and releases with 100,000 registered hosts that have
// some sessions each.
func BenchmarkSelection(b *testing.B) {
	for _, balance := range site.Balances() {
		b.Run(string(balance), func(b *testing.B) { benchmarkSelection(b, balance, 100_000) })
	}
}

// BenchmarkSelectionBySize shows how the cost grows with the number of hosts.
func BenchmarkSelectionBySize(b *testing.B) {
	for _, hosts := range []int{100, 10_000, 100_000} {
		b.Run(strconv.Itoa(hosts), func(b *testing.B) { benchmarkSelection(b, site.LeastLoad, hosts) })
	}
}

func benchmarkSelection(b *testing.B, balance site.Balance, hosts int) {
	b.Helper()
	e := crowded(b, balance, hosts)
	request := staff("bob", "desktop:farm", "new")
	b.ReportAllocs()
	for b.Loop() {
		held, err := e.Reserve(e.now, request)
		if err != nil {
			b.Fatal(err)
		}
		e.Release(e.now, held)
	}
}

func crowded(b testing.TB, balance site.Balance, hosts int) *bench {
	b.Helper()
	weights := make([]int, hosts)
	for i := range weights {
		weights[i] = 50 + i*37%200
	}
	e := inOutage(farm(balance, weights...))
	for i := range hosts {
		r := e.registration(fmt.Sprintf("h%d", i+1))
		r.Load = i * 7919 % 9000
		for s := range i % 4 {
			r.Sessions = append(r.Sessions, broker.Session{
				ID: fmt.Sprintf("s%d-%d", i, s), User: fmt.Sprintf("u%d-%d", i, s), Resource: "desktop:farm", State: broker.Active,
			})
		}
		if _, _, err := e.Register(e.now, "lease-"+string(r.Machine), r); err != nil {
			b.Fatal(err)
		}
	}
	return e
}
