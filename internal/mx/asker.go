package mx

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/lead"
)

const (
	// mostAtOnce is how many questions are under way, and mostWaiting how many
	// wait for that. Few leads need one.
	mostAtOnce  = 32
	mostWaiting = 64
	// mostOfOne is how many of them are about the names that one registrant has, who
	// may have a server for them that never answers.
	mostOfOne = 2
	// patience is what a question gets. Go's resolver asks again after five seconds.
	patience = 6 * time.Second
)

// Store is the part of the store that is needed. Quarantine reports whether the
// lead was still held until that time.
type Store interface {
	Quarantine(ctx context.Context, id lead.RemoteID, until time.Time, reason string) (bool, error)
}

// Options are the tunables of an [Asker]; the zero value works.
type Options struct {
	Resolver Resolver // the machine's own when nil
	Log      zerolog.Logger
}

// Asker asks about the mail domains of leads that are held for it, a few at a
// time. It is safe for concurrent use.
type Asker struct {
	store     Store
	resolver  Resolver
	log       zerolog.Logger
	questions chan question

	mu sync.Mutex
	of map[string]int // questions that wait or are under way, by whose they are
}

// question is all that is needed of a lead.
type question struct {
	id           lead.RemoteID
	site, domain string
	owner        string    // see ownerOf
	reason       string    // why the lead is set apart if there is no mail
	until        time.Time // the lead goes out then
}

// New returns an asker. It asks nobody before it runs.
func New(s Store, opt Options) *Asker {
	a := &Asker{store: s, resolver: opt.Resolver, log: opt.Log, questions: make(chan question, mostWaiting), of: map[string]int{}}
	if a.resolver == nil {
		a.resolver = &net.Resolver{PreferGo: true} // it tells what is absent from what failed
	}
	return a
}

// Ask has a kept lead set apart for the reason, if its mail domain takes no mail
// and that is found out before the lead is due. It never waits: when too many
// wait already, or too many of one owner's domains, the lead goes out unasked.
func (a *Asker) Ask(l lead.Lead, reason string) {
	_, domain, _ := strings.Cut(l.Email, "@")
	domain = strings.Clone(domain) // or a whole body would wait with it
	q := question{id: l.RemoteID, site: l.Site, domain: domain, owner: ownerOf(domain), reason: reason, until: l.DueAt}
	if !a.admit(q.owner) {
		return
	}
	select {
	case a.questions <- q:
	default:
		a.dismiss(q.owner)
	}
}

// ownerOf is the part of a domain that somebody has registered. Below it he may
// have as many names as he likes.
func ownerOf(domain string) string {
	name, ok := absolute(domain)
	if owner, err := publicsuffix.EffectiveTLDPlusOne(strings.TrimSuffix(name, ".")); ok && err == nil {
		return owner
	}
	return ""
}

// admit counts one more question about an owner's domains, if he may have one.
func (a *Asker) admit(owner string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[owner] == mostOfOne {
		return false
	}
	a.of[owner]++
	return true
}

// dismiss ends what admit began.
func (a *Asker) dismiss(owner string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[owner]--; a.of[owner] == 0 {
		delete(a.of, owner)
	}
}

// Run asks until ctx ends. What is not answered by then stays unanswered.
func (a *Asker) Run(ctx context.Context) error {
	var hands errgroup.Group
	for range mostAtOnce {
		hands.Go(func() error { a.work(ctx); return nil })
	}
	return hands.Wait()
}

func (a *Asker) work(ctx context.Context) {
	for {
		select {
		case q := <-a.questions:
			a.answer(ctx, q)
			a.dismiss(q.owner)
		case <-ctx.Done():
			return
		}
	}
}

// ask is ask with some patience.
func (a *Asker) ask(ctx context.Context, domain string) Answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return ask(ctx, a.resolver, domain)
}

// answer looks a domain up. One whose lead is due by now is left alone.
func (a *Asker) answer(ctx context.Context, q question) {
	ctx, cancel := context.WithDeadline(ctx, q.until)
	defer cancel()
	if ctx.Err() != nil {
		return
	}
	begun := time.Now()
	answer := a.ask(ctx, q.domain)
	event := a.log.Info().Int64("remote_id", int64(q.id)).Str("site", q.site).Str("mail", string(answer)).Dur("took", time.Since(begun))
	if answer == NoMail {
		switch apart, err := a.store.Quarantine(ctx, q.id, q.until, q.reason); {
		case err != nil:
			event = event.AnErr("cause", err)
		case apart:
			event = event.Str("state", string(lead.Quarantined)).Str("reason", q.reason)
		}
	}
	event.Msg("mail domain looked up")
}
