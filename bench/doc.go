// Package bench holds the measurements behind docs/benchmarks.md, as test files: each
// row stands beside a limit of the machine or what a user would pick instead,
// measured in turns in the same run. `make bench` runs them; nothing imports this
// package.
package bench
