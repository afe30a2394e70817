// Package sim runs a whole site under simulation: cloud brokers, connectors,
// desktops and StoreFronts are the real ones, in a bubble of testing/synctest, over
// a network and a clock that a plan owns. A plan is drawn from a seed and holds the
// faults too; one seed always gives one trace. Nothing here decides for the product:
// what is checked are its invariants. Tests call it, and make sim runs many.
package sim
