package wire

// Reset asks a desktop host to make itself as if nobody had used it
// (POST {callback}/v1/reset).
type Reset struct {
	Lease string `json:"lease"`
	Term  uint64 `json:"term"`
}
