package courier

import (
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"leadrelay/internal/lead"
)

// pauseSnapshot is what a site's pause knows, for the next process that carries the
// site. A site whose leads are taken hands on when the last one was: otherwise each
// hand-over would fail five more leads of a site that is refused, and could pause one
// that is not. All times are on the wall that both share.
type pauseSnapshot struct {
	Status  int       `json:"status,omitempty"` // zero if the site is not paused
	Since   time.Time `json:"since,omitzero"`
	TrialAt time.Time `json:"trial_at,omitzero"`
	Trials  int       `json:"trials,omitempty"`

	TakenAt time.Time                `json:"taken_at,omitzero"`
	Refused map[int]refusalsSnapshot `json:"refused,omitempty"` // by status
}

// refusalsSnapshot are [refusals]. The row of a lease is written every few seconds, so
// it names few properties. Any other counts as not refused.
type refusalsSnapshot struct {
	Leads      int           `json:"leads"`
	Last       lead.RemoteID `json:"last"`
	Properties []string      `json:"properties"`
}

// maxHandedOn is how many properties of a status are handed on. Two show that
// different ones are refused; the others spare the trials of a paused site.
const maxHandedOn = 16

// snapshot returns what the pause knows, and reports whether that is worth handing on.
func (p *pause) snapshot(wall time.Time) (s pauseSnapshot, matters bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	onWall := func(t time.Time) time.Time { return wall.Add(time.Until(t)).Round(0) }
	if p.paused {
		s.Status, s.Since, s.TrialAt, s.Trials = p.status, p.since, onWall(p.trialAt), p.trials
	}
	isLately := !p.takenAt.IsZero() && time.Since(p.takenAt) <= takenLately
	if isLately {
		s.TakenAt = onWall(p.takenAt).Truncate(time.Second) // it is written often
	}
	for status, r := range p.refused {
		if s.Refused == nil {
			s.Refused = map[int]refusalsSnapshot{}
		}
		properties := slices.Sorted(maps.Keys(r.properties))
		s.Refused[status] = refusalsSnapshot{r.leads, r.last, properties[:min(maxHandedOn, len(properties))]}
	}
	return s, p.paused || isLately || len(p.refused) > 0
}

// restore makes the pause what another process has handed on. It is zero if that is
// nothing.
func (p *pause) restore(s pauseSnapshot, wall time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.paused, p.status, p.since, p.trials, p.arrivals = s.Status != 0, s.Status, s.Since, s.Trials, 0
	p.trialAt = now.Add(min(s.TrialAt.Sub(wall), longestPause))
	p.extra = rate.NewLimiter(rate.Every(extraWait), extraTrials)
	p.takenAt = time.Time{}
	if !s.TakenAt.IsZero() {
		p.takenAt = now.Add(min(s.TakenAt.Sub(wall), 0))
	}
	p.refused = nil
	for status, r := range s.Refused {
		if p.refused == nil {
			p.refused = map[int]*refusals{}
		}
		p.refused[status] = &refusals{leads: r.Leads, last: r.Last, properties: map[string]bool{}}
		for _, property := range r.Properties {
			p.refused[status].properties[property] = true
		}
	}
}
