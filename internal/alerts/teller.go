package alerts

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"leadrelay/internal/lead"
)

// teller tells one channel. A channel that hangs or refuses keeps nobody waiting but
// itself.
type teller struct {
	watcher *Watcher
	channel Channel
	woken   chan struct{}
	brake   *rate.Limiter
}

const (
	// A channel that failed is tried again after firstWait, then ever less often.
	firstWait, longestWait = 15 * time.Second, 10 * time.Minute
	// In a storm a channel gets a message every calm, with all that has happened.
	calm, atOnce = 5 * time.Minute, 20
)

func newTeller(w *Watcher, c Channel) *teller {
	return &teller{watcher: w, channel: c, woken: make(chan struct{}, 1), brake: rate.NewLimiter(rate.Every(calm), atOnce)}
}

// wake lets the teller look whether there is something to tell.
func (t *teller) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// run tells the channel until ctx ends.
func (t *teller) run(ctx context.Context) {
	wait := firstWait
	for {
		select {
		case <-t.woken:
		case <-ctx.Done():
			return
		}
		if t.tell(ctx) {
			wait = firstWait
			continue
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, longestWait)
		t.wake()
	}
}

// tell sends a message if there is something to tell, and reports whether that worked.
func (t *teller) tell(ctx context.Context) bool {
	all := t.watcher.untold(t.channel.Name)
	if len(all) == 0 || !t.brake.Allow() {
		return true
	}
	opt := t.watcher.opt
	err := t.channel.Send(ctx, Compose(opt.Lang, all, opt.Link))
	switch {
	case err == nil:
		t.watcher.told(ctx, t.channel.Name, all)
		return true
	case ctx.Err() != nil:
		return false
	}
	t.watcher.failures.WithLabelValues(t.channel.Name).Inc()
	opt.Log.Warn().Err(err).Str("channel", t.channel.Name).Int("alerts", len(all)).Msg("alerts not told; it is tried again")
	return false
}

// untold returns what a channel must be told now.
func (w *Watcher) untold(channel string) []lead.Alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.isMine {
		return nil
	}
	return untold(w.book.all(), channel, time.Now())
}

// told notes what a channel was told, and writes it down at once, so that it is told once
// though the process may end.
func (w *Watcher) told(ctx context.Context, channel string, all []lead.Alert) {
	w.mu.Lock()
	w.book.tell(channel, all, time.Now())
	w.mu.Unlock()
	w.save(context.WithoutCancel(ctx))
}
