package courier

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// pacer keeps the calls of a credential within its rate, and divides them between
// leads and reads of the list. While leads wait, reads get every second call and
// no more. Otherwise they may have all of them.
type pacer struct {
	calls *rate.Limiter // all of them
	reads *rate.Limiter // reads while leads wait

	leadsWait atomic.Bool
	reading   chan struct{} // held by the next read, so that only one call is reserved ahead
}

func newPacer(perSecond float64) *pacer {
	return &pacer{
		calls:   rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond))),
		reads:   rate.NewLimiter(rate.Limit(perSecond/2), 1),
		reading: make(chan struct{}, 1),
	}
}

// drain uses up all calls that may be made now, because another process may have
// just made them.
func (p *pacer) drain() {
	for _, l := range []*rate.Limiter{p.calls, p.reads} {
		now := time.Now()
		l.AllowN(now, int(min(l.TokensAt(now), math.MaxInt32)))
	}
}

// sends returns how many sends may begin now, or how long it takes until one may.
// It uses up no call, because the caller does not know yet whether a lead is due.
func (p *pacer) sends() (n int, wait time.Duration) {
	tokens := p.calls.Tokens()
	if tokens >= 1 {
		return int(min(tokens, math.MaxInt32)), 0
	}
	return 0, time.Duration((1-tokens)/float64(p.calls.Limit())*float64(time.Second)) + time.Microsecond
}

// send waits until one send may begin.
func (p *pacer) send(ctx context.Context) error { return p.calls.Wait(ctx) }

// read waits until one read may begin.
func (p *pacer) read(ctx context.Context) error {
	select {
	case p.reading <- struct{}{}:
		defer func() { <-p.reading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.leadsWait.Load() {
		if err := p.reads.Wait(ctx); err != nil {
			return err
		}
	}
	return p.calls.Wait(ctx)
}
