package courier

import "time"

// fullLook says when leads are looked for from the beginning. On PostgreSQL a look passes
// over the places of all leads that have left since somebody's oldest transaction began
// (decision 20). If that takes long, the others begin at what came due lately, and the full
// ones take a twentieth of the time. So a lead that comes in with an old time waits for the
// next full one, and if another process keeps it, for one of the watch before.
type fullLook struct {
	next time.Time // monotonic; zero if each look is a full one
}

const (
	lately      = time.Minute
	slowLook    = 20 * time.Millisecond // a shorter one costs nobody anything
	fullRest    = 20                    // times as long as a full look takes, there is no other
	longestRest = 10 * time.Second
)

// isDue reports whether the look that begins now is a full one.
func (f *fullLook) isDue(now time.Time) bool { return !now.Before(f.next) }

// ended notes how long a full look took.
func (f *fullLook) ended(took time.Duration) {
	f.next = time.Time{}
	if took >= slowLook {
		f.next = time.Now().Add(min(fullRest*took, longestRest))
	}
}
