package server

import (
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
)

const (
	// memoryLimit is what a machine of 64 MB can spare.
	memoryLimit = 37 << 20
	// connectionsStep is how many connections fit into it, and how many come or
	// go before it changes.
	connectionsStep = 256
	// connectionMemory is what a connection holds, with room to collect in.
	connectionMemory = 48 << 10
)

// TuneMemory trades memory that a small relay has for processor time that it
// wants: collect half as often while the heap is small, and more often as it
// nears the limit. GOGC and GOMEMLIMIT win where they are set.
func TuneMemory() {
	const percent = 200
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	limitMemory(connectionsStep)
}

// limitMemory sets the limit for so many connections. Under one that they fill,
// the processors would do nothing but collect.
func limitMemory(connections int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit + int64(connections-connectionsStep)*connectionMemory)
	}
}

// room counts a door's connections and gives them memory in steps.
type room struct {
	mu          sync.Mutex
	open, given int
}

// change is told of every connection that comes, rests, works or goes.
func (r *room) change(_ net.Conn, state http.ConnState) {
	if state == http.StateActive || state == http.StateIdle {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if state == http.StateNew {
		r.open++
	} else {
		r.open--
	}
	if r.open > r.given || r.open < r.given-2*connectionsStep {
		r.given = (r.open/connectionsStep + 1) * connectionsStep
		limitMemory(r.given)
	}
}
