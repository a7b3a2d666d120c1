package torture_test

import (
	"slices"
	"time"

	"leadrelay/internal/lead"
)

// simPortalTolerance is how late a lead may be while EasyBroker refuses another
// agency of its portal: less than a paused site waits for its trials.
const simPortalTolerance = 5 * time.Minute

// besideAgency reports whether EasyBroker refuses another agency of the lead's
// portal, and did so all the while since then.
func (v *simWatch) besideAgency(l *simLead, then time.Time) bool {
	w := v.world
	return !w.lifted && slices.ContainsFunc(w.plan.episodes, func(e simEpisode) bool {
		return e.trouble == simUnlinked && e.site == l.lead.Site && !e.concerns(l.lead.PropertyID) &&
			then.Sub(w.start) >= e.from && time.Since(w.start) < e.to
	})
}

// simRefusals is what EasyBroker has refused of a site since it last took one
// of its leads, or since the process began: by status, the leads and what they
// are about.
type simRefusals struct {
	life    *simLife
	taken   time.Time
	refused map[int]map[lead.RemoteID]string
}

// refusalsOf needs the world's lock, as all do.
func (v *simWatch) refusalsOf(site string) *simRefusals {
	if v.refusals == nil {
		v.refusals = map[string]*simRefusals{}
	}
	s := v.refusals[site]
	if life := v.world.carrier(v.accountOf(site)); s == nil || s.life != life {
		s = &simRefusals{life: life, refused: map[int]map[lead.RemoteID]string{}}
		v.refusals[site] = s
	}
	return s
}

// took notes that EasyBroker took a lead of the site.
func (v *simWatch) took(site string) {
	s := v.refusalsOf(site)
	s.taken, s.refused = time.Now(), map[int]map[lead.RemoteID]string{}
}

// refusal asks whether a refused lead may fail. A site of which all is refused,
// whatever the property, keeps its leads but for the first five, and those that
// are on their way by then.
func (v *simWatch) refusal(l *simLead, a *lead.Attempt, to lead.Settlement) {
	const first, lately = 5, 15*time.Minute + time.Minute
	s := v.refusalsOf(l.lead.Site)
	leads := s.refused[a.Status]
	if leads == nil {
		leads = map[lead.RemoteID]string{}
		s.refused[a.Status] = leads
	}
	properties := map[string]bool{}
	for _, property := range leads {
		properties[property] = true
	}
	if to.State == lead.Failed && len(leads) > first+v.world.plan.tune.Concurrency && len(properties) > 1 && (s.taken.IsZero() || time.Since(s.taken) > lately) {
		v.violate("pause", l.id, "it fails with %d after %d others of %d properties", a.Status, len(leads), len(properties))
	}
	leads[l.id] = l.lead.PropertyID
}
