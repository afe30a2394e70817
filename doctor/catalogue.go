package doctor

import "slices"

// Kind is a row of the catalogue: something that may be wrong, and what to do then.
// Names in braces stand for what was looked at.
type Kind struct {
	Name   string `json:"name"`
	Check  string `json:"check"`
	Result Result `json:"result"`
	Means  string `json:"means"`
	Remedy string `json:"remedy"`
}

// The checks.
const (
	checkConfig   = "configuration"
	checkListen   = "listen addresses"
	checkNames    = "names"
	checkReach    = "reach"
	checkClock    = "clock"
	checkDisk     = "data folder"
	checkCerts    = "certificates"
	checkFiles    = "file modes"
	checkLimits   = "limits"
	checkTimeouts = "time-outs"
	checkProcess  = "running process"
	checkPrograms = "programs"
)

const configFault = "config_fault"

// Catalogue is everything that can be found, in the order of the checks.
func Catalogue() []Kind {
	return slices.Concat(configKinds, tokenKinds, hostKinds, reachKinds, certificateKinds, fileKinds, limitKinds, processKinds)
}

func kindOf(name string) Kind {
	all := Catalogue()
	i := slices.IndexFunc(all, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		panic("doctor: no row " + name + " in the catalogue") // a fault of this program, which each test would meet
	}
	return all[i]
}

var configKinds = []Kind{
	{configFault, checkConfig, Error, "a key is unknown, missing or wrong, or names a file that cannot be read by this account", "correct the line and key as it says; docs/configuration.md has every key. All other checks follow when the file can be used"},
	{"file_wrong", checkConfig, Error, "a file that the configuration names holds something else", "correct {path}; docs/configuration.md says what {key} holds"},
}

var tokenKinds = []Kind{
	{"tokens_plain", checkConfig, Warning, "the tokens file holds tokens themselves: who reads it, or a copy of it, has them", "`understudy cloud tokens hash --file {path}`: they stay good"},
}

var hostKinds = []Kind{
	{"port_busy", checkListen, Error, "another program listens there", "stop what listens on {address} (`ss -ltnp` shows it), or set another address in {key}"},
	{"port_forbidden", checkListen, Error, "this account may not listen there", "set a port from 1024 on in {key}, or give the service CAP_NET_BIND_SERVICE; if only this account may not, run doctor as the service's account"},
	{"address_foreign", checkListen, Error, "this host has no such address", "in {key} write an address of this host (`ip address` lists them), or the port alone"},
	{"listen_failed", checkListen, Error, "nobody could listen there", "do what the system says of {address}, or set another address in {key}"},
	{"own_name_unknown", checkNames, Error, "this host's own name has no address", "add {host} to the DNS, or to the hosts file of each host of the zone"},
	{"own_name_elsewhere", checkNames, Warning, "this host's own name leads to another host", "correct the address of {host} in the DNS; behind address translation or a balancer this is as it should be"},
	{"name_unknown", checkNames, Error, "the name of another host has no address", "correct {key}, or add {host} to the DNS that this host asks (`getent hosts {host}` tries it)"},
	{"clock_differs", checkClock, Warning, "this host's clock and another one differ by more than 5 s", "set the clocks by one time server (`timedatectl`, `chronyc tracking`). Nothing waits by them, but certificates are judged and events are dated by them"},
	{"folder_missing", checkDisk, Error, "the data folder does not exist and cannot be made", "make {path} for the service's account, with mode 0700"},
	{"folder_open", checkDisk, Error, "others than the service's account get into the data folder", "`chmod 0700 {path}`"},
	{"not_writable", checkDisk, Error, "nothing can be written into the data folder", "let the service's account write to {path}, or mend its disk; run doctor as that account"},
	{"disk_full", checkDisk, Error, "there is no room for two more copies of the site", "free space on the disk of {path}, or move `data`"},
	{"disk_small", checkDisk, Warning, "there is no room for all records that an outage may leave", "free space on the disk of {path}, move `data`, or lower `journal.limit`"},
	{"disk_slow", checkDisk, Warning, "a write takes more than 100 ms until it is on the disk", "each launch in an outage waits for that: move {path} to a faster disk, or look for what else writes there"},
	{"disk_remote", checkDisk, Error, "the data folder is on a network file system", "move {path} to a disk of this host: databases break on it, and an outage of the network would take it along"},
	{"disk_volatile", checkDisk, Warning, "the data folder is in memory and gone with a restart of the host", "move {path} to a disk"},
}

var reachKinds = []Kind{
	{"port_refused", checkReach, Error, "the other host answers that nobody listens on the port", "start the service on {host}; if it runs, compare its `listen` with {url}, and look for a firewall that rejects port {port}"},
	{"peer_off", checkReach, Warning, "the host of a peer answers that nobody listens on the port", "start the connector on {host}; if it runs, compare its `listen` with {url}, and look for a firewall that rejects port {port}"},
	{"port_dropped", checkReach, Error, "nothing comes back: a firewall drops the port, or the host is down", "allow TCP port {port} from this host to {host}, in the firewalls of both hosts and between them; first see that {host} is up"},
	{"host_unreachable", checkReach, Error, "the network has no way to the other host", "look at this host's routes and links: {host} cannot be reached at all"},
	{"silent", checkReach, Error, "the port takes connections, and nothing answers on them", "look at the process on {host} port {port}: it hangs, or a proxy stands before one that does not run"},
	{"tls_name", checkReach, Error, "the certificate of the other side is for other names", "have a certificate with the DNS name {name} made for {host}, or correct {url}"},
	{"tls_authority", checkReach, Error, "the certificate of the other side is of an authority that is not trusted here", "put the authority that signed the certificate of {host} into {ca}"},
	{"tls_expired", checkReach, Error, "the certificate of the other side has expired or is not valid yet, by this host's clock", "renew the certificate on {host}; first see that the clocks agree"},
	{"tls_version", checkReach, Error, "the other side speaks no TLS 1.3", "let the server or proxy at {host} port {port} speak TLS 1.3"},
	{"tls_none", checkReach, Error, "the other side speaks no TLS", "correct the port in {url}: what listens there speaks no TLS"},
	{"tls_refused", checkReach, Error, "the other side does not accept this host's certificate", "compare `tls.ca_file` on {host} with the authority that signed this host's certificate, and see whether that has expired"},
	{"broken", checkReach, Error, "the connection breaks before there is an answer", "look at what is between this host and {host}, and at the log there"},
	{"token_refused", checkReach, Error, "the other side does not know the token", "put the token of this connector into {token}: the one of which the cloud broker's tokens file has the hash, or a new one of `understudy cloud tokens add`"},
	{"forbidden", checkReach, Error, "the other side knows the token, and does not let it do this", "the token must have the role `connector`; one that is another connector's own is good for that one only"},
	{"other_site", checkReach, Error, "what answers is of another site", "correct `site` in this file, or {url}"},
	{"other_zone", checkReach, Error, "the other side has this connector in another zone, or not at all", "compare `site`, `zone` and `fqdn` with the connectors of the site, here and on {host}; then publish it (`understudy site apply`)"},
	{"not_ours", checkReach, Error, "something else answers there", "correct {url}: what listens on {host} port {port} is not what is looked for"},
	{"unhealthy", checkReach, Warning, "the other side answers that it cannot do its work", "look at {host}: its log and, on a connector, `understudy status` say why"},
}

var certificateKinds = []Kind{
	{"cert_unreadable", checkCerts, Error, "a file holds no certificate or key that can be read", "put PEM into {path}: certificates, the host's own first; keys without a password"},
	{"key_mismatch", checkCerts, Error, "certificate and key do not belong together", "put the key with which the certificate was asked for into {key_path}, or the certificate that belongs to it into {path}"},
	{"cert_expired", checkCerts, Error, "a certificate has expired", "renew {path} (`understudy pki renew`, or your own authority); a running process takes it within 30 s, `understudy reload` at once"},
	{"cert_no_token", checkCerts, Error, "there is no certificate yet, and no token with which the process could get one from `pki.url`", "write the output of `understudy pki token --dir DIR --name {host}`, on the authority's host, into {token}"},
	{"cert_ends_at_once", checkCerts, Error, "a certificate expires within 3 days, or is in the last twelfth of a shorter life", "renew {path} now; a running process takes it within 30 s, `understudy reload` at once"},
	{"cert_ends", checkCerts, Warning, "a certificate expires within 30 days, or is in the last quarter of a shorter life", "renew {path}, and see why nobody has renewed it"},
	{"cert_early", checkCerts, Error, "a certificate is not valid yet, by this host's clock", "set the clock, or wait until {path} is valid"},
	{"cert_untrusted", checkCerts, Error, "the authority in tls.ca_file did not sign the certificate", "put the authority that signed {path}, and those between, into {ca}; peers will refuse it otherwise"},
	{"cert_name", checkCerts, Error, "the certificate does not name this host", "have {path} made with the DNS name {host}"},
	{"cert_usage", checkCerts, Error, "the certificate may not be used as server or as client", "have {path} made with the extended key usages serverAuth and clientAuth: each host is both"},
}

var fileKinds = []Kind{
	{"secret_readable", checkFiles, Error, "others can read a secret", "`chmod g-w,o= {path}` (owner and group keep it: the group may be how a service reads it), and replace what it holds if anybody else has been on this host"},
	{"file_writable", checkFiles, Error, "others can change a file", "`chmod {mode} {path}`"},
	{"renewal_blocked", checkFiles, Error, "the process cannot put a renewed certificate into its folder", "let the service's account write there, `chown {account} {path}`, or name files in the data folder in `tls`"},
}

var limitKinds = []Kind{
	{"few_files", checkLimits, Warning, "the process may open fewer files and connections than a zone needs", "set `LimitNOFILE={files}` in the service's unit, or `ulimit -n {files}`"},
	{"little_memory", checkLimits, Warning, "the host has less memory than a connector of this site needs", "give the host {memory} MB (`understudy size` says how that was reckoned)"},
	{"answer_slow", checkTimeouts, Warning, "an answer took more than half of its time-out", "raise {key}, or look at what is slow on the way to {host}"},
	{"deadline_short", checkTimeouts, Warning, "a peer's answer took more than a quarter of election.deadline", "raise `election.deadline` (in the site, for the whole zone), or look at the network between the connectors"},
}

var processKinds = []Kind{
	{"not_answering", checkProcess, Error, "the process runs, and its admin API does not answer", "look at its log; if it hangs, pack a support bundle before you restart it"},
	{"admin_refused", checkProcess, Warning, "the admin API refuses this account", "run doctor as the service's account or as root: the token is {path}"},
	{"missing", checkProcess, Warning, "an outage that began now would miss something", "docs/operations.md, *Is the zone ready?*, says what to do about each sentence"},
	{"sync_old", checkProcess, Warning, "the copy of the site was not confirmed for more than three sync intervals", "see `sync_failed` in docs/operations.md: network, token or publication"},
	{"no_snapshot", checkProcess, Error, "there is no usable copy of the site", "see `no_snapshot` and `sync_failed` in docs/operations.md"},
	{"gate_closed", checkProcess, Warning, "the zone would not enter HA mode by itself", "add the connectors to a StoreFront, or set `participation: always`"},
	{"alone", checkProcess, Warning, "only one connector, or none, could serve in an outage", "repair the others, or add one: `understudy peers` says what is wrong with each"},
	{"two_elected", checkProcess, Error, "the connectors of the zone do not agree on who is elected", "nothing for a few seconds; if it stays, the network of the zone is broken: see the findings of reach on each connector"},
	{"peer_silent", checkProcess, Warning, "a peer is not heard", "see `peer_lost` in docs/operations.md. If this host reaches it, the way back is closed: allow TCP port {port} from {host} to this host"},
	{"cloud_unhealthy", checkProcess, Warning, "the connector's own check of the cloud broker fails", "see the findings of reach; if those are good, look at the cloud broker's log"},
	{"version_held", checkProcess, Warning, "a version of the site is held back", "`understudy snapshots diff`, then `understudy snapshots accept`, or mend the site"},
	{"forced", checkProcess, Warning, "an operator has pinned the zone", "`understudy outage clear` when that is over"},
	{"hook_failed", checkProcess, Warning, "a hook failed the last time", "run the program by hand as the service's account; docs/operations.md says what hooks get"},
	{"journal_waits", checkProcess, Warning, "records of an outage are not handed back", "see `handback_trouble` in docs/operations.md"},
	{"program_failed", checkPrograms, Error, "a program that the file names cannot do its work", "run {path} by hand as the service's account, and mend what it says"},
	{"callback_local", checkReach, Error, "brokers on other hosts cannot reach this desktop's address", "set `listen` to an address of the network, and `callback` to {url}"},
	{"no_connector", checkReach, Error, "no connector can be reached", "see the findings above: without one the desktop can register with nobody"},
}
