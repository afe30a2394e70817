package sizing

// Figures are what was measured of one connector on Host. Bench are those of
// `make bench`: a test holds them to bench.json.
type Figures struct {
	// Cores is how many the host had; clients and desktops ran on the same ones.
	Cores int `json:"cores"`
	// Machines and Users are those of the site that was measured.
	Machines int `json:"machines"`
	Users    int `json:"users"`

	// ConnectorMB is a connector's memory with that site, every machine registered.
	ConnectorMB float64 `json:"connector_mb"`
	// EngineMB is what 100,000 registrations take of it.
	EngineMB float64 `json:"engine_mb"`
	// ImportMB is what an import takes beside it.
	ImportMB float64 `json:"import_mb"`
	// SessionMB is what 100,000 sessions take.
	SessionMB float64 `json:"session_mb"`
	// ConnectionKB is what an open connection with mutual TLS takes.
	ConnectionKB float64 `json:"connection_kb"`

	// Requests a second that one connector answers by itself, of each kind.
	Registrations float64 `json:"registrations_per_s"`
	Enumerations  float64 `json:"enumerations_per_s"`
	Launches      float64 `json:"launches_per_s"`
	// Relayed is how many requests a second one connection through a peer carries:
	// the slowest way to the cloud broker there is.
	Relayed float64 `json:"relayed_per_s"`
	// CallIn and CallInTLS are how many desktops a second registered when an outage
	// began, in plain text and with mutual TLS.
	CallIn    float64 `json:"call_in_per_s"`
	CallInTLS float64 `json:"call_in_tls_per_s"`
	// TakeoverMS is from the death of the elected connector until the next one accepts.
	TakeoverMS float64 `json:"takeover_ms"`
}

// Host is where the figures come from.
const Host = "2 × Intel Xeon, clients and desktops on the same cores (docs/benchmarks.md)"

// Measured are the figures that answers rest on.
func Measured() Figures {
	return Figures{
		Cores: 2, Machines: 100_000, Users: 50_000,
		ConnectorMB: 125, EngineMB: 11.6, ImportMB: 83, SessionMB: 56, ConnectionKB: 46,
		Registrations: 48_000, Enumerations: 57_000, Launches: 16_500, Relayed: 2_030,
		CallIn: 2_010, CallInTLS: 636, TakeoverMS: 17,
	}
}
