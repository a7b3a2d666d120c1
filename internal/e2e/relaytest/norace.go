//go:build !race

package relaytest

const isRaceTest = false
