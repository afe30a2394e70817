package events

import "fmt"

// Catalogue returns every kind of event, in order of number: 503–518 are about
// syncs, 3001–3007 about the relay, 3501–3513 about election and outage, others
// are our own from 100.
func Catalogue() []Kind { return catalogue[:] }

// Lookup returns the kind of that name. Raising an event that is not in the
// catalogue is a mistake of the programmer.
func Lookup(name Name) Kind {
	for _, k := range catalogue {
		if k.Name == name {
			return k
		}
	}
	panic(fmt.Sprintf("events: %q is not in the catalogue", name))
}

var catalogue = [...]Kind{
	{100, Started, Info, "The service is running."},
	{101, Stopped, Info, "The service has stopped in an orderly way."},
	{102, LateWake, Warning, "The process was paused for longer than the deadline and starts again among its peers."},
	{110, PeerHeard, Info, "A peer of the zone is heard."},
	{111, PeerLost, Warning, "A peer of the zone is no longer heard. Look at its host and at the network between."},
	{112, ConnectorsTaken, Info, "A newer list of the zone's connectors was taken from a peer."},
	{113, ListRefused, Error, "A newer list of the zone's connectors is not taken, because under the policy majority that could let two of them serve. The reason says what is in the way."},
	{114, PeerDiffers, Warning, "A peer speaks another major version of the peer channel: it takes part in the election, and nothing is mirrored or copied between the two. Bring all connectors of the zone to one version."},
	{120, DiskFailed, Error, "The data folder cannot be written. Free space or repair the disk; until then this connector cannot serve."},
	{121, CannotServe, Warning, "This connector could not take over in an outage, for the reason given."},
	{122, ConnectionsFull, Warning, "A listener, or one source at it, has as many connections as it may have: for each new one the one that was idle for longest is closed."},
	{123, SourceHeldBack, Warning, "A source shows wrong keys or tokens, or certificates that nobody vouches for, again and again: for a while its next ones are not looked at."},
	{124, SecretExposed, Warning, "A file that holds a secret can be read by other users of this host."},
	{125, AdminOrder, Info, "Somebody gave an order over the admin API. The fields say who, from where, what it was and what became of it."},
	{126, AdminRefused, Warning, "Somebody asked the admin API for a change that is not theirs to make: without a token that is known, or beyond their role or limits."},
	{130, RegistrationRefused, Warning, "A desktop's registration was refused."},
	{131, MachineUsed, Info, "A user has connected to a pooled desktop in the outage. Unless reuse is allowed it gets no other user until it is reset."},
	{140, SiteChanged, Info, "The cloud broker has a new version of the site."},
	{141, AssignmentConflict, Warning, "A desktop says that it belongs to another user than the site says; the site holds."},
	{150, JournalFull, Error, "The outage journal is full: launches are refused until the cloud broker has its records."},
	{151, HandbackDone, Info, "The records of the outage are all with the cloud broker."},
	{152, HandbackTrouble, Warning, "Records of the outage cannot be handed back for now; it is tried again."},
	{153, RecordRejected, Error, "The cloud broker does not take a record of the outage for valid. It is kept; understudy handback list shows it."},
	{154, RecordConflict, Warning, "A desktop that was assigned in the outage was changed in the site meanwhile; the site holds. understudy handback list shows it."},
	{155, TwoSessions, Warning, "A user had two sessions of one group at the same time in the outage, given by two connectors. understudy handback list shows them."},
	{160, MirrorRefused, Warning, "State is not mirrored from the connector that serves, because the two versions do not understand each other. Bring both to one version; until then a takeover starts from what desktops report."},
	{161, MirrorBehind, Warning, "A peer that is heard does not keep up with the mirrored state. Look at its disk, its load and the network between."},
	{162, OneDisk, Warning, "A launch was answered that no peer has on its disk yet: if this host is lost now, its record is too. Told once until a peer keeps up again."},
	{170, CallInStarted, Info, "The desktops that are not registered with the broker that serves now are invited."},
	{171, CallInFinished, Info, "All desktops that had to be invited were. Those that were not reached come with their next heartbeat."},
	{180, HookDone, Info, "A command of on_elected or on_deposed has ended well."},
	{181, HookFailed, Warning, "A command of on_elected or on_deposed failed or took too long. Who follows the office by it may be led to the wrong connector."},
	{182, NameMoved, Info, "The name in DNS leads to this connector, which is elected."},
	{183, NameFailed, Warning, "The name in DNS could not be led to this connector, which is elected; it is tried again."},
	{190, TrustReloaded, Info, "Certificates, keys or tokens were read again from their files, without a restart."},
	{191, TrustUnreadable, Warning, "A file of certificates, keys or tokens cannot be used as it is; what was read before stays in use."},
	{192, CertificateExpires, Warning, "A certificate in use expires within 30 days, or is in the last quarter of a shorter life. Replace its file; told once a day."},
	{193, CertificateExpired, Error, "A certificate in use has expired, or expires within three days, a twelfth of a shorter life. Replace its file; told once a day."},
	{195, CertificateRenewed, Info, "The authority of the site has issued the first or the next certificate of this host."},
	{196, CertificateNotRenewed, Warning, "The authority of the site has issued no certificate to this host, for the reason given; it is tried again. The present certificate counts until its end."},
	{503, SyncStarted, Info, "A changed configuration is being imported."},
	{504, SyncImported, Info, "The changed configuration was imported and is in use."},
	{505, SyncFailed, Error, "The configuration could not be imported; the last good snapshot stays in use and the next sync tries again."},
	{506, SyncRecovered, Info, "Syncs succeed again."},
	{507, SyncDeferred, Info, "A new snapshot is not taken into use while the zone is in HA mode."},
	{508, SnapshotFallback, Error, "The newest snapshot is damaged; the one before it is in use."},
	{509, SnapshotFromPeer, Info, "A newer snapshot was fetched from a peer."},
	{510, NoSnapshot, Error, "There is no usable snapshot: this connector could not serve in an outage. Look at its syncs."},
	{511, DeltaRefused, Warning, "What changed could not be applied to the snapshot in use, so the whole configuration is fetched."},
	{512, ObjectsQuarantined, Warning, "Objects of the configuration are not used because they, or what they refer to, are not valid. `understudy snapshots` names them; mend them in the cloud."},
	{513, SnapshotHeld, Warning, "A new version of the site is not used because it loses more than half of the machines, groups or connectors. Look at it with `understudy snapshots diff`; if it is right, `understudy snapshots accept`."},
	{514, SnapshotAccepted, Info, "An operator accepted a version that was held back."},
	{515, SnapshotRolledBack, Warning, "An operator took the older snapshot into use again. The newer one is barred until it is accepted; a newer version ends that."},
	{517, CloudTrouble, Warning, "The cloud broker does not answer as it should."},
	{3001, RelayTrouble, Warning, "A relayed request had no usable answer."},
	{3002, GateChanged, Warning, "The participation gate opened or closed: only while it is open does trouble lead to HA mode."},
	{3003, StateChanged, Info, "The state of this connector changed."},
	{3004, CallStreamUp, Info, "The call stream to the cloud broker is up."},
	{3005, CallStreamDown, Warning, "The call stream to the cloud broker is down; the cloud broker cannot reach desktops through this connector."},
	{3006, PeerRelayStarted, Warning, "This connector does not reach the cloud broker itself, and a peer passes its requests on. Look at the network between this host and the cloud broker."},
	{3007, PeerRelayEnded, Info, "Requests of this connector go to the cloud broker directly again, or no peer passes them on any more; then trouble follows."},
	{3501, ElectionLost, Info, "This connector is no longer elected."},
	{3502, OutageBegan, Warning, "An outage began: the elected secondary broker serves."},
	{3503, OutageEnded, Info, "The outage is over: the cloud broker serves."},
	{3504, Elected, Info, "A connector was elected."},
	{3505, Handover, Info, "The office is handed over to another connector."},
	{3506, OutageForced, Warning, "An operator forced an outage."},
	{3507, OutageSummary, Info, "The outage goes on; its figures so far."},
	{3508, Promoted, Warning, "An operator let this connector serve without a majority. Another part of a broken zone may serve too; desktops keep that harmless."},
	{3509, NobodyElected, Error, "No connector of the zone is elected: an outage now would end brokering. The reason names what each one lacks."},
	{3510, OutageCleared, Info, "An operator cleared a forced outage."},
	{3511, PromotionLapsed, Info, "A majority is present again: this connector serves by it, or no longer."},
	{3512, Draining, Warning, "An operator drains this connector: another one serves if any can."},
	{3513, Undrained, Info, "This connector is an ordinary candidate again."},
}
