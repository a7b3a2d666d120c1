package server

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	// memoryLimit is what a machine with 64 MB can spare beside the program itself. With
	// much less, Go does little but collect: 22 MiB cost a third of the accepts.
	memoryLimit = 28 << 20
	// memoryStep is how many slots fit into memoryLimit. The limit changes in steps of
	// as many.
	memoryStep = 256
	// slotMemory is what a used slot adds to the limit: its bytes and some garbage.
	slotMemory = 19 << 10
)

// TuneMemory lets the heap grow further between collections than Go does by default,
// which saves processor time, and sets a memory limit, near which Go collects more
// often. GOGC and GOMEMLIMIT take precedence if they are set.
func TuneMemory() {
	const percent = 200
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	runtime.MemProfileRate = 0 // nobody can ask for such a profile, and its samples take 1.5 MB
	setMemoryLimit(memoryStep)
}

// setMemoryLimit sets the limit for that many slots. If the slots in use filled it,
// Go would do nothing but collect.
func setMemoryLimit(slots int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit + int64(slots-memoryStep)*slotMemory)
	}
}

// memoryByConns adjusts the memory limit to the slots that a door uses.
type memoryByConns struct{ slots int } // that the limit is set for

// adjust raises or lowers the limit if the number of used slots asks for another
// step.
func (m *memoryByConns) adjust(used int) {
	if used > m.slots || used < m.slots-2*memoryStep {
		m.slots = max(used+memoryStep-1, memoryStep) / memoryStep * memoryStep
		setMemoryLimit(m.slots)
	}
}
