package torture_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// simViolation is something that went against the promises.
type simViolation struct {
	rule string
	id   lead.RemoteID
	at   time.Duration
	text string
}

func (v simViolation) String() string {
	return fmt.Sprintf("%s: lead %d at %s: %s", v.rule, v.id, v.at, v.text)
}

// simWatch knows what the store must hold and what EasyBroker may hear. All of
// its methods need the world's lock.
type simWatch struct {
	world      *simWorld
	leads      map[lead.RemoteID]*simLead
	calm       time.Time               // since when nothing has kept the process from its work
	setAt      time.Time               // when the clock on the wall was last set
	refusals   map[string]*simRefusals // by site
	posts      map[int]int             // that have reached EasyBroker, by account
	paused     map[string]time.Time    // when a site was last seen to be
	violations []simViolation
}

// simLead is a lead as the watch knows it.
type simLead struct {
	id           lead.RemoteID
	lead         lead.Lead // as it was kept
	acknowledged bool
	keptAt       time.Time
	keptWrong    time.Duration // by how much the wall clock was wrong then
	keptPosts    int           // of its account then
	state        lead.State
	reason       string
	due          time.Time // zero when nothing is left to do
	number       int       // of its attempts
	begunAt      time.Time // on the wall, the last of them
	open         bool      // the last of them
	last         simSent   // how it ended
	strange      int       // answers that nobody has seen EasyBroker give
}

func (v *simWatch) violate(rule string, id lead.RemoteID, format string, args ...any) {
	found := simViolation{rule: rule, id: id, at: time.Since(v.world.start), text: fmt.Sprintf(format, args...)}
	v.violations = append(v.violations, found)
	v.world.notes(id, "VIOLATION %s: %s", rule, found.text)
}

// find returns the lead, which must be known.
func (v *simWatch) find(id lead.RemoteID) *simLead {
	l := v.leads[id]
	if l == nil {
		v.violate("row", id, "nobody has kept it")
		l = &simLead{id: id}
		v.leads[id] = l
	}
	return l
}

func (v *simWatch) site(id lead.RemoteID) string { return v.find(id).lead.Site }

func (v *simWatch) kept(id lead.RemoteID, l lead.Lead, acknowledged bool) {
	if v.leads[id] != nil {
		v.violate("row", id, "its remote_id was given twice")
	}
	now := time.Now()
	v.leads[id] = &simLead{
		id: id, lead: l, acknowledged: acknowledged, keptAt: now, keptWrong: time.Duration(v.world.offset.Load()), state: lead.Queued, due: now,
		keptPosts: v.posts[v.accountOf(l.Site)],
	}
	v.world.notes(id, "kept for %s, %s, acknowledged %t", l.Site, l.Email, acknowledged)
}

// move notes the state that a lead is in now.
func (v *simWatch) move(l *simLead, to lead.State, reason string) {
	if l.state != to && !l.state.CanBecome(to) {
		v.violate("moves", l.id, "from %s to %s", l.state, to)
	}
	v.world.notes(l.id, "%s → %s (%s)", l.state, to, reason)
	l.state, l.reason = to, reason
}

func (v *simWatch) works(err error) bool {
	if err != nil && !errors.Is(err, lead.ErrLost) {
		v.violate("store", 0, "%v", err)
	}
	return err == nil
}

func (v *simWatch) began(claims []lead.Claim, q lead.Due, err error) {
	v.works(err)
	for _, c := range claims {
		l := v.find(c.Lead.RemoteID)
		v.punctual(l)
		v.move(l, c.Lead.State, "")
		if c.Number != l.number+1 || l.open || c.Lead.State != lead.Sending {
			v.violate("intent", l.id, "attempt %d begins as %s after %d, open %t", c.Number, c.Lead.State, l.number, l.open)
		}
		l.number, l.open, l.begunAt, l.due = c.Number, true, q.Now, time.Now().Add(q.Lease)
	}
}

func (v *simWatch) looked(claims []lead.Claim, q lead.Due, err error) {
	v.works(err)
	for _, c := range claims {
		l := v.find(c.Lead.RemoteID)
		v.punctual(l)
		if l.state == lead.Sending {
			v.move(l, lead.Doubtful, "interrupted")
		}
		if c.Lead.State != l.state {
			v.violate("moves", l.id, "it is %s and comes back as %s", l.state, c.Lead.State)
		}
		l.open, l.due = false, time.Now().Add(q.Lease)
	}
}

// resumed notes that a new process has closed the attempts of the dead one. The
// store's time here is the true one: where the clock on the wall is slow, the
// courier comes to what the store has put off until now when the wall shows it.
func (v *simWatch) resumed() {
	for _, l := range v.leads {
		if l.state == lead.Sending {
			v.move(l, lead.Doubtful, "interrupted")
			l.open, l.due = false, v.dueAt(time.Now())
		}
	}
}

func (v *simWatch) settled(c lead.Claim, to lead.Settlement, err error) {
	l := v.find(c.Lead.RemoteID)
	if !v.works(err) {
		v.world.notes(l.id, "not settled: %v", err)
		return
	}
	was := l.state
	v.move(l, to.State, to.Reason)
	if to.State == lead.Failed && was != lead.Failed {
		v.failed(l)
	}
	if to.Attempt != nil {
		l.open = false
		if to.Attempt.Outcome == lead.OutcomeRefused {
			v.refusal(l, to.Attempt, to)
		}
	}
	l.due = v.dueAt(to.DueAt)
}

// dueAt is the true time at which the wall will show that one.
func (v *simWatch) dueAt(wall time.Time) time.Time {
	if wall.IsZero() {
		return time.Time{}
	}
	return time.Now().Add(wall.Sub(v.world.wall()))
}

func (v *simWatch) unclaimed(c lead.Claim, err error) {
	if v.works(err) {
		v.find(c.Lead.RemoteID).due = v.dueAt(c.WasDueAt)
	}
}

func (v *simWatch) expired(ids []lead.RemoteID, err error) {
	v.works(err)
	for _, id := range ids {
		l := v.find(id)
		v.move(l, lead.Failed, lead.ReasonDeadline)
		v.failed(l)
		l.due = time.Time{}
	}
}

// failed asks whether a lead had a reason to fail.
func (v *simWatch) failed(l *simLead) {
	var status *easybroker.StatusError
	refused := errors.As(l.last.err, &status) && l.reason != "" &&
		(status.Status == 404 || status.Status == 422 || l.strange >= 2 && status.Status == 410)
	switch {
	case refused && l.reason != lead.ReasonDeadline:
	case (strings.HasPrefix(l.reason, "EasyBroker refuses its folio") || strings.HasPrefix(l.reason, "EasyBroker says that it has")) && status != nil && status.Status == 409 && v.age(l) > time.Hour:
	case l.reason == lead.ReasonDeadline && v.age(l) >= v.world.plan.tune.Deadline:
	case strings.HasPrefix(l.reason, "several") && v.ambiguous(l):
	default:
		v.violate("fails", l.id, "for %q after %s, last answered %v", l.reason, v.age(l), l.last.err)
	}
}

// age is how old a lead may well seem to be. A process cannot know by how much
// the clock was set before it began.
func (v *simWatch) age(l *simLead) time.Duration {
	if v.world.isShared() { // the database's clock is right
		return time.Since(l.keptAt)
	}
	return time.Since(l.keptAt) + max(0, v.world.lives[0].offset-l.keptWrong)
}

// ambiguous reports whether somebody else has written the same to an account
// whose list has no remote_id.
func (v *simWatch) ambiguous(l *simLead) bool {
	if v.account(l).API == easybroker.Partner {
		return false
	}
	for _, e := range v.world.broker.entries {
		if e.RemoteID != int64(l.id) && !e.ghost && e.PropertyID == l.lead.PropertyID && e.Email == l.lead.Email {
			return true
		}
	}
	return false
}

func (v *simWatch) account(l *simLead) simAccount {
	if i := v.accountOf(l.lead.Site); i >= 0 {
		return v.world.plan.accounts[i]
	}
	return simAccount{}
}

// accountOf is the number of the site's account.
func (v *simWatch) accountOf(site string) int {
	i := slices.IndexFunc(v.world.plan.sites, func(s simSite) bool { return s.name == site })
	if i < 0 {
		return -1
	}
	return v.world.plan.sites[i].account
}

// sent asks whether a POST may reach EasyBroker now. It is late when its process
// stood still in the middle of sending it.
func (v *simWatch) sent(id lead.RemoteID, late bool) {
	l := v.find(id)
	if n := v.effects(l); n > 0 && !v.unknowable(l) {
		v.violate("once", id, "it is sent again, though EasyBroker has it")
	}
	_, attempts, err := v.world.store.Find(context.Background(), id)
	if err != nil || len(attempts) == 0 || !v.intended(l, attempts[len(attempts)-1], late) {
		v.violate("intent", id, "it is sent without an open attempt: %+v, %v", attempts, err)
	}
}

// intended reports whether the attempt may be made. Once the process stood
// still or the clock on the wall was set, the courier's other half may have
// taken the attempt for dead: then it must at least stand there as unsure.
func (v *simWatch) intended(l *simLead, a lead.Attempt, late bool) bool {
	open := a.Outcome == "" && a.EndedAt.IsZero()
	return a.Number == l.number && (open || a.Outcome == lead.OutcomeUnsure && (late || !v.setAt.IsZero()))
}

func (v *simWatch) answered(id lead.RemoteID, s simSent) {
	l := v.find(id)
	l.last = s
	if s.err == nil && !s.never {
		v.took(l.lead.Site)
	}
	var status *easybroker.StatusError
	if errors.As(s.err, &status) && status.Status == 410 {
		l.strange++
	}
}

// effects counts what EasyBroker made of the lead, and shows.
func (v *simWatch) effects(l *simLead) (n int) {
	for _, e := range v.world.broker.entries {
		if e.RemoteID == int64(l.id) && !e.ghost {
			n++
		}
	}
	return n
}

// unknowable reports whether no process can know any more when EasyBroker took
// the lead, which is a limit of the promise: the clock on the wall was wrong
// then, it was set since, and the process that saw it is gone. It still knows
// when the attempt seems to be yet to come, since that cannot be.
func (v *simWatch) unknowable(l *simLead) bool {
	const skew = 15 * time.Minute // what the courier allows for
	return !v.world.isShared() && slices.ContainsFunc(v.world.broker.entries, func(e simEntry) bool {
		return e.RemoteID == int64(l.id) && e.life != v.world.lives[0] && e.begunAt.Sub(e.sentAt).Abs() > skew &&
			v.setAt.After(e.sentAt) && !e.begunAt.After(v.world.wall())
	})
}

// swallowed reports whether EasyBroker took the lead and shows it nowhere.
func (v *simWatch) swallowed(l *simLead) bool {
	return slices.ContainsFunc(v.world.broker.entries, func(e simEntry) bool { return e.RemoteID == int64(l.id) && e.ghost })
}

// disturbed notes that nobody can be expected to be in time just now.
func (v *simWatch) disturbed() { v.disturbedUntil(time.Now()) }

func (v *simWatch) disturbedUntil(t time.Time) {
	if v.world.isShared() {
		t = t.Add(simHandOver)
	}
	if t.After(v.calm) {
		v.calm = t
	}
}

// clockSet allows all that waits to be late by as much as the clock was set. A
// process that sees it happen takes what is due later as due now; one that
// restarts before it has come to that can only tell what is due too late for
// any schedule.
func (v *simWatch) clockSet(by time.Duration) {
	longest := 7*time.Hour + slices.Max(v.world.plan.tune.Schedule)*5/4
	for _, l := range v.leads {
		if !l.due.IsZero() {
			l.due = l.due.Add(min(by.Abs(), longest))
		}
	}
	v.setAt = time.Now()
	v.disturbed()
}

// simTolerance is how late a lead may be. A worker sleeps for ten minutes at
// most, and a batch may take as long again.
const simTolerance = time.Hour

// punctual asks whether the lead's turn came in time.
func (v *simWatch) punctual(l *simLead) {
	since := v.calm
	if l.due.After(since) {
		since = l.due
	}
	if l.due.IsZero() || v.world.carrier(v.accountOf(l.lead.Site)) == nil || v.troubled(l) {
		return
	}
	switch late := time.Since(since); {
	case late > simTolerance:
		v.violate("late", l.id, "%s for %s", l.state, late)
	case late > simPortalTolerance && l.state == lead.Queued && l.acknowledged && v.besideAgency(l, since):
		v.violate("portal", l.id, "it waits for %s, and another agency of its portal is in trouble", late)
	}
}

// troubled reports whether EasyBroker is in trouble with the lead's credential,
// or was lately. It also is when it refuses what it does not show: nobody can
// tell that from an EasyBroker that is down.
func (v *simWatch) troubled(l *simLead) bool {
	w, account := v.world, v.account(l)
	now := time.Since(w.start)
	haunted := slices.ContainsFunc(w.broker.entries, func(e simEntry) bool {
		again := w.plan.accounts[e.account].again
		return e.ghost && !w.lifted && w.plan.accounts[e.account] == account && (again == simConflicts || again == simRefuses)
	})
	return haunted || slices.ContainsFunc(w.plan.episodes, func(e simEpisode) bool {
		concerns := (e.account < 0 || w.plan.accounts[e.account] == account) && e.concerns(l.lead.PropertyID)
		return concerns && now >= e.from && now < e.to+simTolerance+30*time.Minute
	})
}

// look asks whether any lead has been forgotten.
func (v *simWatch) look() {
	for _, id := range slices.Sorted(maps.Keys(v.leads)) {
		v.punctual(v.leads[id])
	}
	for account := range v.world.plan.accounts {
		v.probed(account)
	}
}

// compare asks whether the store holds what it must, and nothing else.
func (v *simWatch) compare() {
	if v.world.store == nil {
		return
	}
	rows, _, err := v.world.store.List(context.Background(), lead.Filter{Limit: 10_000})
	if !v.works(err) {
		return
	}
	seen := map[lead.RemoteID]bool{}
	for _, row := range rows {
		seen[row.RemoteID] = true
		l := v.find(row.RemoteID)
		if row.State != l.state || row.Reason != l.reason && l.state == lead.Failed {
			v.violate("moves", l.id, "the store has it %s (%s), and nobody has told", row.State, row.Reason)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(v.leads)) {
		if !seen[id] {
			v.violate("row", id, "the store does not have it, acknowledged %t", v.leads[id].acknowledged)
		}
	}
}

// rests reports whether all leads have come to an end.
func (v *simWatch) rests() bool {
	for _, l := range v.leads {
		if l.state != lead.Confirmed && l.state != lead.Failed && (l.state != lead.Delivered || l.reason != lead.ReasonMissing) {
			return false
		}
	}
	return true
}

// end asks what became of every lead, when all is over.
func (v *simWatch) end() {
	v.compare()
	for _, id := range slices.Sorted(maps.Keys(v.leads)) {
		v.ended(v.leads[id])
	}
}

func (v *simWatch) ended(l *simLead) {
	n, plain := v.effects(l), v.account(l).API == easybroker.Plain
	switch {
	case l.state == lead.Confirmed && n == 1 && (l.reason == "" || plain && l.reason == lead.ReasonTwice && v.ambiguous(l)):
	case l.state == lead.Confirmed && n == 0 && v.ambiguous(l): // somebody else's was taken for it
	case l.state == lead.Delivered && l.reason == lead.ReasonMissing && n == 0 && v.swallowed(l):
	case v.unknowable(l):
	case l.state == lead.Failed && (n == 0 || v.ambiguous(l)): // for a reason, as was asked when it failed
	default:
		v.violate("end", l.id, "it is %s (%s), and EasyBroker has %d of it", l.state, l.reason, n)
	}
}
