//go:build race

package relaytest

// Race reports whether the tests have the race detector.
const Race = true
