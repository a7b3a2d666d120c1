package torture_test

import (
	"slices"
	"time"

	"leadrelay/internal/lead"
)

// reached notes that a lead has reached EasyBroker, and asks whether a fresh
// one has waited for longer than four seconds and what those took that were sent
// meanwhile. Whatever is read, sending has at least half of the pace.
func (v *simWatch) reached(id lead.RemoteID) {
	l, w := v.find(id), v.world
	account := v.accountOf(l.lead.Site)
	v.posts[account]++
	working := v.standing(account)
	if l.number > 1 || !l.acknowledged || !v.calm.Add(time.Minute).Before(l.keptAt) || working.State != lead.CredentialWorking ||
		v.since(working).After(l.keptAt) || !v.paused[l.lead.Site].Before(l.keptAt) || v.postsTroubled(account, l.keptAt) {
		return
	}
	const slowest = 1100 * time.Millisecond // to answer, where there is no trouble
	each := max(time.Duration(2/w.plan.tune.Rate*float64(time.Second)), slowest/time.Duration(w.plan.tune.Concurrency))
	most := 4*time.Second + time.Duration(v.posts[account]-l.keptPosts)*each
	if waited := time.Since(l.keptAt); waited > most {
		v.violate("fresh", id, "it has waited for %s, and %s were enough", waited, most)
	}
}

// standing is how the courier says that a credential stands. It notes the sites
// that are paused, too.
func (v *simWatch) standing(account int) (c lead.Credential) {
	life := v.world.carrier(account)
	if life == nil {
		return c
	}
	for _, one := range life.courier.Status() {
		switch {
		case one.State == lead.SitePaused:
			v.paused[one.Sites[0]] = time.Now()
		case slices.ContainsFunc(one.Sites, func(site string) bool { return v.accountOf(site) == account }):
			c = one
		}
	}
	return c
}

// since is the true time since when a credential stands as it does.
func (v *simWatch) since(c lead.Credential) time.Time {
	return time.Now().Add(c.Since.Sub(v.world.wall()))
}

// postsTroubled reports whether posts went wrong since then, or shortly before.
func (v *simWatch) postsTroubled(account int, since time.Time) bool {
	const after = 10 * time.Minute
	w := v.world
	return slices.ContainsFunc(w.plan.episodes, func(e simEpisode) bool {
		return e.trouble.concerns(false) && (e.account < 0 || e.account == account) &&
			w.start.Add(e.to+after).After(since) && !time.Now().Before(w.start.Add(e.from))
	})
}

// probed asks whether a credential that is stopped was called in time, for what
// is stopped has its next probe due, always.
func (v *simWatch) probed(account int) {
	w := v.world
	life := w.carrier(account)
	if life == nil {
		return
	}
	p := life.paces[w.plan.accounts[account].Key.Reveal()]
	if p == nil {
		return
	}
	c := v.standing(account)
	from := p.at
	if since := v.since(c); since.After(from) {
		from = since
	}
	if c.State != lead.CredentialHeld && c.State != lead.CredentialDown || !v.calm.Before(from) {
		return
	}
	const slack = 10 * time.Second
	due := from.Add(w.plan.tune.Timeout*11/10 + w.plan.tune.Probe) // the last call has ended by then, and its rest
	if p.rest.After(due) {
		due = p.rest
	}
	if late := time.Since(due); late > slack {
		v.violate("probe", 0, "a credential that is %s is not probed for %s", c.State, late)
	}
}
