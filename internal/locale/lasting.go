package locale

import (
	"fmt"
	"time"
)

// Moment says when something happened, in the zone of the process, as the console does. The
// zone is named, because whoever reads it may be in another.
func Moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") }

// Lasting says how long something took, in units that both languages write alike: 15 min,
// 9 h 5 min, 2 d 3 h.
func Lasting(d time.Duration) string {
	switch d = d.Round(time.Minute); {
	case d < time.Hour:
		return fmt.Sprintf("%d min", max(1, int(d.Minutes())))
	case d < 48*time.Hour:
		return two(int(d.Hours()), "h", int(d.Minutes())%60, "min")
	default:
		return two(int(d.Hours())/24, "d", int(d.Hours())%24, "h")
	}
}

// two writes a length in two units, and leaves the smaller one out if it is nothing.
func two(large int, unit string, small int, smaller string) string {
	if small == 0 {
		return fmt.Sprintf("%d %s", large, unit)
	}
	return fmt.Sprintf("%d %s %d %s", large, unit, small, smaller)
}
