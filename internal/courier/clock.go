package courier

import (
	"sync"
	"time"
)

// clock is the wall clock, watched. What the database holds are times of the
// wall, and those can be set; how long something really took is told by the
// monotonic clock of the process. Where the two disagree, somebody has set the
// wall clock, and no conclusion from the times in the database is safe for a
// while.
type clock struct {
	now func() time.Time

	mu     sync.Mutex
	wall   time.Time // at the last look
	mono   time.Time
	steady time.Time // monotonic: since when nothing odd was seen
	jumped time.Time // monotonic: when the wall clock was last seen to be set; zero if never
	jumps  int
}

func newClock(now func() time.Time) *clock {
	k := &clock{now: now, wall: now(), mono: time.Now()}
	k.steady = k.mono
	return k
}

// read returns the time on the wall.
func (k *clock) read() time.Time {
	const set = 30 * time.Second // what NTP corrects by itself is far less
	wall, mono := k.now().Round(0), time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	drift := wall.Sub(k.wall.Round(0)) - mono.Sub(k.mono)
	if drift > set || drift < -set {
		k.steady, k.jumped = mono, mono
		k.jumps++
	}
	k.wall, k.mono = wall, mono
	return wall
}

// disturb notes that this process stood still, or was taken for dead.
func (k *clock) disturb() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.steady = time.Now()
}

// steadyFor is for how long the process has run, and time with it, so that
// what it wrote down can be believed.
func (k *clock) steadyFor() time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	return time.Since(k.steady)
}

// since is how long ago a time on the wall was, as far as this process can
// vouch for it.
func (k *clock) since(then time.Time) time.Duration {
	age := k.read().Sub(then)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.jumped.IsZero() {
		return age
	}
	return min(age, time.Since(k.jumped))
}

// jumpsSeen counts how often the wall clock was set.
func (k *clock) jumpsSeen() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.jumps
}
