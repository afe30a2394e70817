// Package e2e holds the scenarios that run the real binary as separate processes,
// on loopback addresses or in network namespaces. It has no code of its own beside
// its tests, which need Linux.
package e2e
