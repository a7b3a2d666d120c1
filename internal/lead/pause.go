package lead

import "time"

// Pause is a pause of a site that a person has ordered. Until it ends, its leads are
// taken and wait. Compare [SitePaused], which the courier decides by itself.
type Pause struct {
	Site         string
	Since, Until time.Time
	Why          string // for people; no personal data
}

// IsOn reports whether the site is paused now.
func (p Pause) IsOn(now time.Time) bool { return now.Before(p.Until) }

// Extend returns a deadline of leads of the site together with the time for which the
// pause has kept them. A lead that came during the pause, or after it, cannot have
// reached the deadline if one from before has not.
func (p Pause) Extend(deadline time.Duration, now time.Time) time.Duration {
	if !p.Until.After(now.Add(-deadline)) {
		return deadline // all of them have, if they have waited for so long
	}
	end := p.Until
	if now.Before(end) {
		end = now
	}
	return deadline + max(0, end.Sub(p.Since))
}
