// Package wallclock watches the wall clock. The times in the database are wall
// times, and the wall clock can be set. The monotonic clock of the process tells
// how long something really took. If the two disagree, somebody has set the wall
// clock, and for a while no conclusion from the times in the database is safe.
package wallclock

import (
	"sync"
	"time"
)

// Clock is a wall clock that notices when it is set. It is safe for concurrent
// use.
type Clock struct {
	now func() time.Time

	mu          sync.Mutex
	remote      time.Time // on the clock that this one follows; zero if it follows none
	heardAt     time.Time // monotonic: when that was
	wall        time.Time // at the last reading
	mono        time.Time // at the last reading
	steadySince time.Time // monotonic: nothing odd has been seen since then
	jumpedAt    time.Time // monotonic: when the last jump was seen; zero if there was none
	jumps       int
}

// New returns a clock that reads the wall time from now.
func New(now func() time.Time) *Clock {
	c := &Clock{now: now, wall: now(), mono: time.Now()}
	c.steadySince = c.mono
	return c
}

// Read returns the wall time. It compares the wall clock with the monotonic one
// and notes a jump if they have drifted apart since the last reading.
func (c *Clock) Read() time.Time {
	const jump = 30 * time.Second // NTP corrects far less by itself
	wall := c.now().Round(0)
	c.mu.Lock()
	defer c.mu.Unlock()
	mono := time.Now()
	if !c.remote.IsZero() {
		wall = c.remote.Add(mono.Sub(c.heardAt))
	}
	drift := wall.Sub(c.wall.Round(0)) - mono.Sub(c.mono)
	if drift > jump || drift < -jump {
		c.steadySince, c.jumpedAt = mono, mono
		c.jumps++
	}
	c.wall, c.mono = wall, mono
	return wall
}

// Follow makes the clock show the time of another machine, which has just said what
// time it is. The clock of this machine has no part in it from then on. So the first
// time is no jump, however wrong that was. A later one may be.
func (c *Clock) Follow(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	isFirst := c.remote.IsZero()
	c.remote, c.heardAt = now.Round(0), time.Now()
	if isFirst {
		c.wall, c.mono = c.remote, c.heardAt
	}
}

// Disturb notes that this process stood still, or was taken for dead: what it
// has written down may be incomplete.
func (c *Clock) Disturb() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steadySince = time.Now()
}

// SteadyFor returns for how long the process has run undisturbed and its wall
// clock has not been set. What was written down in that time can be believed.
func (c *Clock) SteadyFor() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.steadySince)
}

// Since returns how long ago a wall time was. If the clock has been set, it
// returns no more than the time since the last jump, because this process can
// vouch for no more.
func (c *Clock) Since(then time.Time) time.Duration {
	age := c.Read().Sub(then)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jumpedAt.IsZero() {
		return age
	}
	return min(age, time.Since(c.jumpedAt))
}

// Jumps returns how often the wall clock was seen to be set.
func (c *Clock) Jumps() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.jumps
}
