package server

import (
	"math"
	"syscall"
)

// maxOpenFiles returns how many files this process may have open.
func maxOpenFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Cur
}

// connectionsFor returns how many connections a door may have if the process may have
// that many files open. There are two doors. The database and the courier need files
// too, and without one no inquiry is kept.
func connectionsFor(files uint64) int {
	const others, minConnections = 128, 32
	return int(min(max(files, others+2*minConnections)-others, math.MaxInt32) / 2)
}
