package server

import (
	"os"
	"runtime/debug"
)

// TuneMemory trades memory that a small relay has for processor time that it
// wants: collect half as often while the heap is small, and more often as it
// nears what a machine of 64 MB can spare. GOGC and GOMEMLIMIT win where they
// are set.
func TuneMemory() {
	const percent, limit = 200, 40 << 20
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
	}
}
