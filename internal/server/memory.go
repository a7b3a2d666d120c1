package server

import (
	"os"
	"runtime/debug"
)

const (
	// memoryLimit is what a machine of 64 MB can spare.
	memoryLimit = 32 << 20
	// placesStep is how many places of a door fit into it, and how many are taken
	// or left before it changes.
	placesStep = 256
	// placeMemory is what a place holds, with room to collect in.
	placeMemory = 17 << 10
)

// TuneMemory trades memory that a small relay has for processor time that it
// wants: collect half as often while the heap is small, and more often as it
// nears the limit. GOGC and GOMEMLIMIT win where they are set.
func TuneMemory() {
	const percent = 200
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	limitMemory(placesStep)
}

// limitMemory sets the limit for so many places. Under one that they fill, the
// processors would do nothing but collect.
func limitMemory(places int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit + int64(places-placesStep)*placeMemory)
	}
}

// memory is what a door's places have been given, in steps.
type memory struct{ places int }

// fit gives memory for so many places that are taken.
func (m *memory) fit(taken int) {
	if taken > m.places || taken < m.places-2*placesStep {
		m.places = max(taken+placesStep-1, placesStep) / placesStep * placesStep
		limitMemory(m.places)
	}
}
