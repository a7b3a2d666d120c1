package server

import (
	"math"
	"syscall"
)

// files is how many files this process may have open.
func files() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return limit.Cur
}

// connectionsFor is how many connections a door may have with so many files. There
// are two doors, and the database and the courier need files, too: without one, no
// inquiry is kept.
func connectionsFor(files uint64) int {
	const others, fewest = 128, 32
	return int(min(max(files, others+2*fewest)-others, math.MaxInt32) / 2)
}
