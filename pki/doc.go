// Package pki is a small certificate authority for sites that have none, and what
// hosts do to get their certificates from it and keep them: an Authority lies in a
// folder with its key and its ledger, a Server issues to whoever shows a one-time
// token or a certificate that is still valid, and a Keeper enrols a host and renews
// its certificate in time. It knows nothing of what the certificates are used for.
// The commands call it; a site with an authority of its own needs none of it.
package pki
