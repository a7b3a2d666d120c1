package server

import (
	"net/http"
	"runtime"
	"time"
)

// Turns bounds how many requests do something costly at once. The others wait for
// their turn, and their connections may be closed meanwhile if slots are needed.
type Turns struct{ free chan struct{} }

// maxWaitForTurn is how long a request waits for its turn.
const maxWaitForTurn = 2 * time.Second

// NewTurns returns turns for half of the processors, so that the other half is there
// for requests that need none.
func NewTurns() *Turns {
	t := &Turns{free: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	for range cap(t.free) {
		t.free <- struct{}{}
	}
	return t
}

// Take waits for a turn, which end gives back. It reports false if there are too many
// who wait. If the connection is closed meanwhile, it aborts the handler.
func (t *Turns) Take(r *http.Request) (end func(), ok bool) {
	select {
	case <-t.free:
		return t.end, true
	default:
	}
	c, _ := r.Context().Value(connKey{}).(*trackedConn)
	if c == nil { // the request has no door
		return t.wait(r.Context().Done())
	}
	c.setPhase(queued)
	end, ok = t.wait(c.closed)
	if _, open := c.setPhase(handling); !open {
		if ok {
			end()
		}
		panic(http.ErrAbortHandler)
	}
	return end, ok
}

func (t *Turns) wait(closed <-chan struct{}) (end func(), ok bool) {
	timer := time.NewTimer(maxWaitForTurn)
	defer timer.Stop()
	select {
	case <-t.free:
		return t.end, true
	case <-timer.C:
	case <-closed:
	}
	return nil, false
}

func (t *Turns) end() { t.free <- struct{}{} }
