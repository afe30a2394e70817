package wire

// Deed is what an order says of itself, for who keeps account of it.
type Deed struct {
	Action string
	Reason string
	By     string
}

// Deed says what the order is.
func (o *OutageOrder) Deed() Deed { return Deed{o.Action, o.Reason, o.By} }

// Sign puts who gives the order in the place of who it says gives it.
func (o *OutageOrder) Sign(by string) { o.By = by }

// Deed says what the order is.
func (o *ElectionOrder) Deed() Deed { return Deed{o.Action, o.Reason, o.By} }

// Sign puts who gives the order in the place of who it says gives it.
func (o *ElectionOrder) Sign(by string) { o.By = by }

// Deed says what the order is.
func (o *SnapshotOrder) Deed() Deed { return Deed{o.Action, o.Reason, o.By} }

// Sign puts who gives the order in the place of who it says gives it.
func (o *SnapshotOrder) Sign(by string) { o.By = by }

// Deed says what the order is.
func (o *ReloadOrder) Deed() Deed { return Deed{"reload", o.Reason, o.By} }

// Sign puts who gives the order in the place of who it says gives it.
func (o *ReloadOrder) Sign(by string) { o.By = by }

// Account is who asks, as the admin API knows them (GET /admin/v1/whoami).
type Account struct {
	Name string `json:"name"`
	Role string `json:"role"`
	// Groups and Zones are the limits; empty means none.
	Groups []string `json:"groups,omitempty"`
	Zones  []string `json:"zones,omitempty"`
	// From is where the request came from.
	From string `json:"from"`
	// Zone is that of the connector that answers; Changes says whether the account may
	// change what concerns the whole of it.
	Zone    string `json:"zone,omitempty"`
	Changes bool   `json:"changes"`
}
