//go:build race

package relaytest

const isRaceTest = true
