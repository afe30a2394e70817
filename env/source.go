package env

import (
	"net"
	"net/netip"
	"strconv"
)

// Source is where a connection comes from: an IPv4 address, or the first 64 bits of an
// IPv6 address, of which a host may have as many as it likes.
type Source struct{ prefix netip.Prefix }

// SourceOf tells the source of an address; one that is no IP address is none, and
// bounded by nothing of its own.
func SourceOf(address net.Addr) Source {
	if a, ok := address.(*net.TCPAddr); ok {
		return SourceAt(a.AddrPort().Addr())
	}
	return Source{}
}

// SourceFrom tells the source of a request by its RemoteAddr.
func SourceFrom(remote string) Source {
	at, _ := netip.ParseAddrPort(remote) // of none there is none
	return SourceAt(at.Addr())
}

// SourceAt is that of an address.
func SourceAt(ip netip.Addr) Source {
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return Source{}
	}
	return Source{prefix}
}

func (s Source) known() bool { return s.prefix.IsValid() }

// String is the address, or the network.
func (s Source) String() string {
	switch {
	case !s.known():
		return "this host"
	case s.prefix.Addr().Is4():
		return s.prefix.Addr().String()
	}
	return s.prefix.String()
}

// Count is how a listener is used.
type Count struct {
	// Open are the connections now, of so many sources; Largest is the source with the
	// most, which has OfLargest.
	Open, Sources, OfLargest int
	Largest                  string
	// Room and OfSource bound them.
	Room, OfSource int
	// Closed counts those that had to go for others, Refused those that found everybody
	// else being served, HeldBack secrets that were not looked at after too many wrong
	// ones, and TLS handshakes that were not begun after too many that failed.
	Closed, Refused, HeldBack uint64
}

// Count counts.
func (c *Crowd) Count() Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := Count{
		Open: c.open.Len(), Sources: len(c.sources), Room: c.room.Connections, OfSource: c.room.OfSource,
		Closed: c.closed, Refused: c.refused, HeldBack: c.guessers.heldBack.Load() + c.strangers.heldBack.Load(),
	}
	for source, q := range c.sources {
		if name := source.String(); q.Len() > n.OfLargest || q.Len() == n.OfLargest && name < n.Largest {
			n.Largest, n.OfLargest = name, q.Len()
		}
	}
	return n
}

func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return strconv.Itoa(n) + " connections"
}
