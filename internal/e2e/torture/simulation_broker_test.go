package torture_test

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// simTrouble is a way in which calls to EasyBroker go wrong.
type simTrouble string

const (
	simDown       simTrouble = "nothing gets through"
	simError      simTrouble = "500"
	simHang       simTrouble = "no answer"
	simReset      simTrouble = "the connection breaks"
	simThrottle   simTrouble = "429"
	simRevoked    simTrouble = "401"
	simForbidden  simTrouble = "403"
	simRedirect   simTrouble = "302"
	simUnreadable simTrouble = "an unreadable answer"
	simProxy      simTrouble = "408"
	simNoProperty simTrouble = "404"
	simUnlinked   simTrouble = "404, for one agency's properties"
	simStrange    simTrouble = "410"
	simSwallow    simTrouble = "200, and never listed"
	simSlow       simTrouble = "it takes its time"
	simListError  simTrouble = "the list answers 500"
	simListGone   simTrouble = "the list is unreadable"
	simListMoves  simTrouble = "the list moves"
	simListNoEnd  simTrouble = "the list never ends"
	simListShort  simTrouble = "the list ends before its total"
	simListOver   simTrouble = "the list hides its end behind a next page"
)

func simTroubles() []simTrouble {
	return []simTrouble{
		simDown, simError, simError, simHang, simHang, simReset, simThrottle, simRevoked, simForbidden, simRedirect,
		simUnreadable, simProxy, simNoProperty, simStrange, simSwallow, simSlow, simListError, simListGone, simListMoves,
		simListNoEnd, simListNoEnd, simListShort, simListOver, simListOver,
	}
}

var (
	errSimReset   = errors.New("reset")
	errSimRefused = errors.New("connection refused")

	errSimLeaseLost = errors.New("the lease is lost")
)

// simBook is what EasyBroker has, and what it has answered.
type simBook struct {
	entries []simEntry
}

// simEntry is a contact request. It may take effect some time after it came.
type simEntry struct {
	easybroker.ContactRequest
	account int
	at      time.Time
	lag     time.Duration
	ghost   bool // it is in no list, ever

	life            *simLife
	begunAt, sentAt time.Time // on the wall, and truly
}

// simSent is what EasyBroker makes of a POST.
type simSent struct {
	err     error
	after   time.Duration // when it answers
	never   bool          // it does not
	taken   bool
	takenIn time.Duration // when it takes effect
	ghost   bool
}

// simBroker is EasyBroker as one life of the process sees it.
type simBroker struct {
	world *simWorld
	life  *simLife
}

// Create implements [courier.Broker].
func (b *simBroker) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	w := b.world
	w.freezeSender(b.life)
	if err := w.pass(b.life, "post", cr.RemoteID); err != nil {
		return easybroker.Receipt{}, err
	}
	if !w.maySend(ctx) {
		return easybroker.Receipt{}, &easybroker.NotSentError{Err: errSimLeaseLost}
	}
	// A process that stood still for too long sees that its time is over, and
	// yet what it had already written to a socket may leave.
	if err := ctx.Err(); err != nil && w.roll("thaw", cr.RemoteID).IntN(2) == 0 {
		return easybroker.Receipt{}, &easybroker.NotSentError{Err: err}
	}
	deadline, _ := ctx.Deadline()
	s, err := b.receive(a, cr, time.Until(deadline))
	if err != nil {
		return easybroker.Receipt{}, err
	}
	return easybroker.Receipt{Status: 200}, b.answer(ctx, "answer", cr.RemoteID, s)
}

// receive takes a POST that has left the process, with so much time left to
// answer.
func (b *simBroker) receive(a easybroker.Account, cr easybroker.ContactRequest, timeout time.Duration) (simSent, error) {
	w := b.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := b.life.alive(); err != nil {
		return simSent{}, err
	}
	id, account := lead.RemoteID(cr.RemoteID), w.account(a)
	w.pace(b.life, a)
	w.watch.sent(id, timeout <= 0)
	w.watch.reached(id)
	s := w.take(account, cr, max(timeout, time.Second), w.roll("taken", cr.RemoteID))
	w.notes(id, "POST: taken %t (ghost %t) in %s, answered %t in %s: %v", s.taken, s.ghost, s.takenIn, !s.never, s.after, s.err)
	if s.taken {
		w.broker.entries = append(w.broker.entries, simEntry{
			ContactRequest: cr, account: account, at: time.Now().Add(s.takenIn), ghost: s.ghost,
			lag: w.lag(account, w.roll("lag", cr.RemoteID)), life: b.life, begunAt: w.watch.find(id).begunAt, sentAt: time.Now(),
		})
	}
	w.watch.answered(id, s)
	w.rest(b.life, a, s)
	return s, nil
}

// lag is often either nothing or all that it may be.
func (w *simWorld) lag(account int, r *rand.Rand) time.Duration {
	lag := w.plan.accounts[account].lag
	if w.sabotage.lag > 0 {
		return w.sabotage.lag * w.plan.tune.MaxListLag
	}
	return simPick(r, 0, 0, lag, time.Duration(r.Int64N(int64(lag)+1)))
}

// answer waits until EasyBroker answers or the process gives up.
func (b *simBroker) answer(ctx context.Context, kind string, key int64, s simSent) error {
	w := b.world
	if s.never {
		s.after = time.Hour
	}
	if err := b.life.sleep(ctx, s.after); err != nil {
		return err
	}
	if err := w.pass(b.life, kind, key); err != nil {
		return err
	}
	// After a freeze there may be both an answer and a time that is over.
	if err := ctx.Err(); err != nil && (s.never || w.roll("late", key).IntN(2) == 0) {
		return &easybroker.UnansweredError{Err: err}
	}
	return s.err
}

// account finds the credential. It needs no lock.
func (w *simWorld) account(a easybroker.Account) int {
	return slices.IndexFunc(w.plan.accounts, func(known simAccount) bool { return known.Account == a })
}

// trouble is what is wrong with a call at this time; site and property are
// empty for the list.
func (w *simWorld) trouble(account int, site, property string, r *rand.Rand) simTrouble {
	now := time.Since(w.start)
	for _, e := range w.plan.episodes {
		if w.lifted || now < e.from || now >= e.to || e.account >= 0 && e.account != account || e.site != "" && e.site != site || !e.concerns(property) {
			continue
		}
		if r.Float64() < e.fraction && e.trouble.concerns(site == "") {
			return e.trouble
		}
	}
	return ""
}

// concerns reports whether the list suffers, or the posts do.
func (t simTrouble) concerns(list bool) bool {
	switch t {
	case simNoProperty, simUnlinked, simStrange, simSwallow, simForbidden, simProxy:
		return !list
	case simListError, simListGone, simListMoves, simListNoEnd, simListShort, simListOver:
		return list
	}
	return true
}

// take decides what becomes of a POST. It needs the lock.
func (w *simWorld) take(account int, cr easybroker.ContactRequest, timeout time.Duration, r *rand.Rand) simSent {
	known := slices.ContainsFunc(w.broker.entries, func(e simEntry) bool { return e.RemoteID == cr.RemoteID })
	trouble := w.trouble(account, w.watch.site(lead.RemoteID(cr.RemoteID)), cr.PropertyID, r)
	s := simSent{taken: true, after: simBetween(r, 10*time.Millisecond, time.Second)}
	s.takenIn = simBetween(r, 0, s.after)
	switch again := w.plan.accounts[account].again; {
	case trouble != "":
		s.suffer(trouble, timeout, r)
	case known && !w.lifted && again == simIgnores:
		s.taken = false
	case known && !w.lifted && again == simConflicts:
		s.taken, s.err = false, &easybroker.StatusError{Status: 409}
	case known && !w.lifted && again == simRefuses:
		s.taken, s.err = false, &easybroker.StatusError{Status: 422, NamesRemoteID: true, Reason: "remote_id ya existe"}
	case !w.lifted && cr.RemoteID%37 == 0: // one that EasyBroker does not like
		s.taken, s.err = false, &easybroker.StatusError{Status: 422, Reason: "email no es válido"}
	}
	return s
}

// suffer changes what becomes of a POST in a time of trouble.
func (s *simSent) suffer(t simTrouble, timeout time.Duration, r *rand.Rand) {
	perhaps := r.IntN(2) == 0
	s.taken = false
	switch t {
	case simDown:
		s.err = &easybroker.NotSentError{Err: errSimRefused}
	case simError:
		s.taken, s.err = perhaps, &easybroker.StatusError{Status: simPick(r, 500, 502, 503, 504)}
	case simHang:
		s.taken, s.never, s.takenIn = perhaps, true, time.Duration(r.Int64N(int64(timeout)))
	case simReset:
		s.taken, s.err = perhaps, &easybroker.UnansweredError{Err: errSimReset}
	case simThrottle:
		s.err = &easybroker.StatusError{Status: 429, RetryAfter: simPick(r, 0, time.Second, time.Minute, 15*time.Minute)}
	case simRevoked:
		s.err = &easybroker.StatusError{Status: 401}
	case simForbidden:
		s.err = &easybroker.StatusError{Status: 403}
	case simRedirect:
		s.taken, s.err = r.IntN(4) == 0, &easybroker.StatusError{Status: 302}
	case simUnreadable:
		s.taken, s.err = perhaps, &easybroker.UnreadableError{Status: 200, Why: "it is HTML"}
	case simProxy:
		s.taken, s.err = perhaps, &easybroker.StatusError{Status: 408}
	case simNoProperty:
		s.err = &easybroker.StatusError{Status: simPick(r, 404, 422), Reason: "no existe la propiedad"}
	case simUnlinked:
		s.err = &easybroker.StatusError{Status: 404, Reason: "no existe la propiedad"}
	case simStrange:
		s.err = &easybroker.StatusError{Status: 410}
	case simSwallow:
		s.taken, s.ghost = true, true
		if perhaps {
			s.err = &easybroker.StatusError{Status: 500}
		}
	case simSlow:
		s.taken, s.after = true, simBetween(r, timeout/2, timeout*11/10)
		s.takenIn = simBetween(r, 0, timeout)
	}
}

// List implements [courier.Broker].
func (b *simBroker) List(ctx context.Context, a easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	w := b.world
	kind := "list " + a.Key.Reveal() + q.PropertyID
	if err := w.pass(b.life, kind, int64(q.Page)); err != nil {
		return easybroker.Page{}, err
	}
	if err := ctx.Err(); err != nil || !w.maySend(ctx) {
		return easybroker.Page{}, &easybroker.NotSentError{Err: cmp.Or(err, errSimLeaseLost)}
	}
	page, s, err := b.look(kind, a, q)
	if err != nil {
		return easybroker.Page{}, err
	}
	if err := b.answer(ctx, "answer "+kind, int64(q.Page), s); err != nil {
		return easybroker.Page{}, err
	}
	return page, nil
}

// look reads the list for the process.
func (b *simBroker) look(kind string, a easybroker.Account, q easybroker.Query) (easybroker.Page, simSent, error) {
	w := b.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := b.life.alive(); err != nil {
		return easybroker.Page{}, simSent{}, err
	}
	w.pace(b.life, a)
	r, account := w.roll("read "+kind, int64(q.Page)), w.account(a)
	s := simSent{after: simBetween(r, 10*time.Millisecond, w.plan.accounts[account].listTakes)}
	trouble := w.trouble(account, "", "", r)
	switch trouble {
	case "", simListMoves, simListNoEnd, simListShort, simListOver:
	case simListError:
		s.err = &easybroker.StatusError{Status: 500}
	case simListGone:
		s.err = &easybroker.UnreadableError{Status: 200, Why: "it is HTML"}
	case simSlow:
		s.after = simBetween(r, 0, w.plan.tune.Timeout*11/10)
	default:
		s.suffer(trouble, w.plan.tune.Timeout, r)
	}
	page := w.page(account, q, trouble == simListMoves && r.IntN(2) == 0)
	w.breakWord(&page, q, trouble, account)
	w.rest(b.life, a, s)
	w.notes(0, "GET %s page %d: %d of %d in %s: %v", kind, q.Page, len(page.Content), page.Total, s.after, s.err)
	return page, s, nil
}

// page shows what the list has, newest first. When it moves, it shows the last
// one of the page before once more, and leaves out one of its own.
func (w *simWorld) page(account int, q easybroker.Query, moves bool) easybroker.Page {
	all := w.listed(account, q)
	size := min(q.Limit, w.plan.accounts[account].pageCap)
	from := min((q.Page-1)*size, len(all))
	to := min(from+size, len(all))
	p := easybroker.Page{Total: len(all), More: to < len(all), Date: time.Now().Truncate(time.Second)}
	if moves && from > 0 && to > from {
		from, to = from-1, to-1
	}
	p.Content = all[from:to]
	return p
}

// breakWord lets a page say of those behind it what is not so. A list that never
// ends is in every window, or says the same for ever.
func (w *simWorld) breakWord(p *easybroker.Page, q easybroker.Query, t simTrouble, account int) {
	switch t {
	case simListNoEnd:
		p.Total, p.More = p.Total+1e6, true
		if len(p.Content) == 0 && w.plan.seed%4 > 0 {
			p.Content = []easybroker.Listed{{RemoteID: int64(q.Page), PropertyID: q.PropertyID, HappenedAt: q.After.Add(time.Second)}}
		}
	case simListShort:
		p.Content, p.More = p.Content[:len(p.Content)/2], false
		p.Total = max(p.Total, 1)
	case simListOver:
		p.Total, p.More = min(p.Total/2, q.Limit, w.plan.accounts[account].pageCap), q.Page == 1
		p.Content = p.Content[:min(len(p.Content), p.Total)]
		if q.Page > 1 {
			p.Content = nil
		}
	}
}

func (w *simWorld) listed(account int, q easybroker.Query) []easybroker.Listed {
	var all []easybroker.Listed
	now := time.Now()
	for _, e := range w.broker.entries {
		switch {
		case e.account != account, e.ghost, e.at.Add(e.lag).After(now), e.at.Before(q.After.Truncate(time.Second)):
			continue
		case q.PropertyID != "" && q.PropertyID != e.PropertyID:
			continue
		}
		item := easybroker.Listed{
			PropertyID: e.PropertyID, Name: e.Name, Email: e.Email, Phone: e.Phone, Message: e.Message, HappenedAt: e.at.UTC().Truncate(time.Millisecond),
		}
		if w.plan.accounts[account].API == easybroker.Partner {
			item.RemoteID = e.RemoteID
		}
		all = append(all, item)
	}
	slices.SortStableFunc(all, func(a, b easybroker.Listed) int { return b.HappenedAt.Compare(a.HappenedAt) })
	return all
}

// simPace counts the calls of a credential that are still to come.
type simPace struct {
	left float64
	at   time.Time // of the last one
	rest time.Time // until when it was asked to call no more
}

// rest notes for how long an answer asks a credential to rest.
func (w *simWorld) rest(life *simLife, a easybroker.Account, s simSent) {
	var status *easybroker.StatusError
	if !errors.As(s.err, &status) {
		return
	}
	if p, until := life.paces[a.Key.Reveal()], time.Now().Add(s.after+status.RetryAfter); until.After(p.rest) {
		p.rest = until
	}
}

// pace notes a call. What stood still, or waited for the disk, after its turn
// had come may call at once: one for each attempt at a time, and one for the
// list.
func (w *simWorld) pace(life *simLife, a easybroker.Account) {
	rate := w.plan.tune.Rate / max(1, w.sabotage.hurry)
	most := max(1, rate) + float64((w.plan.tune.Concurrency+1)*w.plan.replicas)
	p := life.paces[a.Key.Reveal()]
	now := time.Now()
	if p == nil {
		p = &simPace{left: most, at: now}
		life.paces[a.Key.Reveal()] = p
	}
	w.watch.calledBy(life, w.account(a))
	w.watch.probed(w.account(a))
	p.left, p.at = min(most, p.left+rate*now.Sub(p.at).Seconds())-1, now
	if p.left < 0 {
		w.watch.violate("pace", 0, "more than %v calls a second with %s", rate, a.Key.Reveal())
	}
}
