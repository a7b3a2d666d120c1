package courier

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxTogether is how many questions are asked at once. Beside somebody's open transaction
// the server passes over all versions of a row that there were since it began, so a
// statement about ever so many rows could take longer than it may.
const maxTogether = 64

// gatherer asks once for what many goroutines ask for at about the same time.
type gatherer[Q, A any] struct {
	moment  time.Duration // for others to come
	timeout time.Duration // of a round, without the moment
	order   func(a, b Q) int
	// ask returns an answer for each of the questions, which come in their order, whoever
	// was first.
	ask func(ctx context.Context, all []Q) ([]A, error)

	mu      sync.Mutex
	waiting []*question[Q, A]
	isBusy  bool // a round has begun, or will
	rounds  sync.WaitGroup
}

type question[Q, A any] struct {
	q        Q
	answered chan struct{} // is closed when the others are set
	a        A
	err      error
}

// one asks one question. If ctx ends before its round, it is not asked. Otherwise one
// returns with the round, so that the answer is known.
func (g *gatherer[Q, A]) one(ctx context.Context, q Q) (a A, err error) {
	own := &question[Q, A]{q: q, answered: make(chan struct{})}
	g.add(own)
	select {
	case <-own.answered:
	case <-ctx.Done():
		if g.withdraw(own) {
			return a, ctx.Err()
		}
		<-own.answered
	}
	return own.a, own.err
}

func (g *gatherer[Q, A]) add(own *question[Q, A]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, own)
	if !g.isBusy {
		g.isBusy = true
		g.rounds.Go(g.run)
	}
}

// withdraw reports whether the question was not asked, and will not be.
func (g *gatherer[Q, A]) withdraw(own *question[Q, A]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, own)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// run makes rounds until nobody waits.
func (g *gatherer[Q, A]) run() {
	for n := g.count(); n > 0; n = g.count() {
		if n < maxTogether {
			time.Sleep(g.moment)
		}
		g.round()
	}
}

// count returns how many wait. If there are none, no round follows.
func (g *gatherer[Q, A]) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isBusy = len(g.waiting) > 0
	return len(g.waiting)
}

func (g *gatherer[Q, A]) round() {
	g.mu.Lock()
	n := min(len(g.waiting), maxTogether)
	asked := slices.Clone(g.waiting[:n])
	g.waiting = slices.Delete(g.waiting, 0, n)
	g.mu.Unlock()
	if n == 0 { // all were withdrawn
		return
	}
	slices.SortFunc(asked, func(a, b *question[Q, A]) int { return g.order(a.q, b.q) })
	all := make([]Q, len(asked))
	for i, own := range asked {
		all[i] = own.q
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.timeout)
	defer cancel()
	answers, err := g.ask(ctx, all)
	for i, own := range asked {
		if own.err = err; err == nil {
			own.a = answers[i]
		}
		close(own.answered)
	}
}
