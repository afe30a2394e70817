package xmlservice

// User is who has been let in, by the names that the site uses.
type User struct {
	Name   string
	Groups []string
}

// Claim is what a request says of its user.
type Claim struct {
	Credentials
	// Source is the address that the request came from.
	Source string
	// Trusted says that the caller has shown who it is, and speaks for users.
	Trusted bool
}

// Refusal is why a user was not let in.
type Refusal struct {
	// ID is what the XML Service says; Detail is for this side's log.
	ID     ErrorID
	Detail string
	// User is whom the password was tried on, where that is known: a directory takes a
	// name in many spellings.
	User string
}

// Error tells it to an operator; the client gets the ID alone.
func (r *Refusal) Error() string { return string(r.ID) + ": " + r.Detail }
