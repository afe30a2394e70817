package site

// Balance says which machine of a delivery group a launch gets, of those that have
// room. A user's own session and own machine come before it (LHC-36, LHC-37).
type Balance string

// The policies of balancing (VPN-01, VPN-04).
const (
	// LeastLoad takes the machine with the lowest load index for its weight.
	LeastLoad Balance = "least-load"
	// RoundRobin takes them in turn, each as often as its weight says.
	RoundRobin Balance = "round-robin"
	// BreadthFirst takes the machine with the fewest sessions for its weight.
	BreadthFirst Balance = "breadth-first"
	// DepthFirst fills one machine after the other, heavy ones first.
	DepthFirst Balance = "depth-first"
)

// Balances are all policies, the default first.
func Balances() []Balance { return []Balance{LeastLoad, RoundRobin, BreadthFirst, DepthFirst} }

// Balancing is the group's policy, with the default filled in.
func (g DeliveryGroup) Balancing() Balance { return or(g.Balance, LeastLoad) }
