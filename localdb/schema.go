package localdb

// SnapshotSchema is the schema of a snapshot. Schema 1 knew no standbys, schema 2 no
// balancing, failover modes and session limits, schema 3 no quarantine, schema 4 had a
// table for the groups of users, schema 5 did not say how launches are answered; their
// files are read still, and the next import writes the present schema.
// Rows are numbered from 1 without gaps, in the order of the stream. There are no indexes
// but those that the references need: look-ups are answered from memory, and sorting
// indexes would take two thirds of an import.
const SnapshotSchema = 6

const (
	snapshotAppID   = 0x756e6473 // "unds"
	snapshotCreates = `
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE zones (
	id       INTEGER PRIMARY KEY,
	name     TEXT NOT NULL UNIQUE,
	settings TEXT NOT NULL
);
CREATE TABLE connectors (
	id             INTEGER PRIMARY KEY,
	fqdn           TEXT NOT NULL,
	zone           TEXT NOT NULL REFERENCES zones(name),
	client_url     TEXT NOT NULL,
	peer_url       TEXT NOT NULL,
	failure_domain TEXT NOT NULL,
	standby        INTEGER NOT NULL
);
CREATE TABLE delivery_groups (
	id                  INTEGER PRIMARY KEY,
	name                TEXT NOT NULL UNIQUE,
	kind                TEXT NOT NULL,
	desktop             TEXT NOT NULL,
	reuse_in_outage     INTEGER NOT NULL,
	balance             TEXT NOT NULL,
	failover            TEXT NOT NULL,
	dynamic             INTEGER NOT NULL,
	max_sessions        INTEGER NOT NULL,
	replace_unreachable INTEGER NOT NULL,
	launch              TEXT NOT NULL
);
CREATE TABLE delivery_group_zones (
	owner    INTEGER NOT NULL REFERENCES delivery_groups(id),
	position INTEGER NOT NULL,
	name     TEXT NOT NULL REFERENCES zones(name),
	PRIMARY KEY (owner, position)
) WITHOUT ROWID;
CREATE TABLE machines (
	id             INTEGER PRIMARY KEY,
	name           TEXT NOT NULL,
	delivery_group TEXT NOT NULL REFERENCES delivery_groups(name),
	zone           TEXT NOT NULL REFERENCES zones(name),
	assigned_user  TEXT NOT NULL,
	capacity       INTEGER NOT NULL,
	weight         INTEGER NOT NULL,
	maintenance    INTEGER NOT NULL
);
CREATE TABLE applications (
	id      INTEGER PRIMARY KEY,
	name    TEXT NOT NULL UNIQUE,
	command TEXT NOT NULL,
	dynamic INTEGER NOT NULL
);
CREATE TABLE application_groups (
	owner    INTEGER NOT NULL REFERENCES applications(id),
	position INTEGER NOT NULL,
	name     TEXT NOT NULL REFERENCES delivery_groups(name),
	PRIMARY KEY (owner, position)
) WITHOUT ROWID;
CREATE TABLE users (
	id        INTEGER PRIMARY KEY,
	name      TEXT NOT NULL,
	member_of TEXT NOT NULL -- a JSON list of user groups
);
CREATE TABLE entitlements (
	id          INTEGER PRIMARY KEY,
	user        TEXT NOT NULL,
	user_group  TEXT NOT NULL,
	desktop     TEXT REFERENCES delivery_groups(name),
	application TEXT REFERENCES applications(name)
);
CREATE TABLE quarantined (
	id     INTEGER PRIMARY KEY,
	object TEXT NOT NULL,
	reason TEXT NOT NULL
);`
)

// objectTables are the tables by the names that the header's counts use.
var objectTables = map[string]string{
	"zones": "zones", "connectors": "connectors", "groups": "delivery_groups", "machines": "machines",
	"applications": "applications", "users": "users", "entitlements": "entitlements",
}
