// Package notify tells other systems of leads, besides EasyBroker. What is to be told is a
// row in the store, which is written in the transaction that makes it true. A carrier claims
// the rows that are due, a few of a channel at a time, and sends them. What it sends may
// arrive twice, under the same id, and never gets lost before its time is over. A channel
// that hangs holds up its own rows alone, and nothing of it is on a lead's way to EasyBroker.
//
// Read notify.go, then hook.go and dial.go.
package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"leadrelay/internal/lead"
	"leadrelay/internal/panics"
)

// Outbox is what a carrier uses of the store.
type Outbox interface {
	Now(ctx context.Context) (time.Time, error)
	DueChannels(ctx context.Context, channels []lead.Channel, now time.Time) ([]lead.Channel, error)
	ClaimDeliveries(ctx context.Context, c lead.Channel, now time.Time, n int, lease time.Duration) ([]lead.Delivery, error)
	SettleDelivery(ctx context.Context, d lead.Delivery, end lead.DeliveryEnd) error
	TidyDeliveries(ctx context.Context, channels []lead.Channel, before time.Time) error
	HastenDeliveries(ctx context.Context, waits []time.Duration) error
}

// Result is how an attempt ended.
type Result struct {
	Taken      bool
	Gone       bool          // for good, and nothing is to be sent there any more
	Status     int           // what was answered; 0 without an answer
	RetryAfter time.Duration // that was asked for
	Why        string        // it failed, without personal data and without an address
}

// Channel is where deliveries go.
type Channel struct {
	Name lead.Channel
	Send func(ctx context.Context, d lead.Delivery, now time.Time) Result
}

// Options are how deliveries are carried.
type Options struct {
	Schedule []time.Duration // waits between attempts; the last one repeats
	Log      zerolog.Logger
}

const (
	// lasts is for how long a delivery is tried.
	lasts = 72 * time.Hour
	// patience bounds one attempt, and lease is longer than it.
	patience = 15 * time.Second
	lease    = time.Minute
	// grace is for how long an attempt goes on when the process is to stop.
	grace = 2 * time.Second
	// step is how often the store is asked for what is due.
	step = time.Second
	// atOnce is how many deliveries of a channel are under way.
	atOnce = 4
	// longestRest is the longest time for which a channel rests that takes nothing.
	longestRest = time.Minute
	// longestAsked is the longest wait that a channel can ask for.
	longestAsked = 24 * time.Hour
)

// Carrier carries deliveries to channels. Several processes may carry those of one database.
type Carrier struct {
	outbox   Outbox
	channels map[lead.Channel]*channelWorker
	names    []lead.Channel
	opt      Options
	ended    *prometheus.CounterVec
	carrying sync.WaitGroup
	step     time.Duration // a test of days takes larger ones
}

// channelWorker is a channel, and how it stands.
type channelWorker struct {
	Channel
	mu       sync.Mutex
	busy     bool
	failures int       // in a row
	restsTo  time.Time // of this process's clock
}

// New returns a carrier for the channels.
func New(outbox Outbox, channels []Channel, opt Options) *Carrier {
	c := &Carrier{outbox: outbox, channels: map[lead.Channel]*channelWorker{}, opt: opt, step: step, ended: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leadrelay_deliveries_total", Help: "Attempts to tell others than EasyBroker of a lead, by kind of channel and outcome.",
	}, []string{"channel", "outcome"})}
	for _, ch := range channels {
		if c.channels[ch.Name] == nil {
			c.channels[ch.Name], c.names = &channelWorker{Channel: ch}, append(c.names, ch.Name)
		}
	}
	return c
}

// Run carries until ctx ends, and returns when nothing is under way any more.
func (c *Carrier) Run(ctx context.Context) {
	defer c.carrying.Wait()
	tick, tidy := time.NewTicker(c.step), time.NewTicker(time.Minute)
	defer tick.Stop()
	defer tidy.Stop()
	for {
		select {
		case <-tick.C:
			c.logFailure(ctx, c.look(ctx))
		case <-tidy.C:
			c.logFailure(ctx, c.tidy(ctx))
		case <-ctx.Done():
			return
		}
	}
}

func (c *Carrier) logFailure(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		c.opt.Log.Error().Err(err).Msg("deliveries not carried")
	}
}

func (c *Carrier) tidy(ctx context.Context) error {
	now, err := c.outbox.Now(ctx)
	if err != nil {
		return err
	}
	// What is behind a channel that is off is tried no more when its time is over.
	return errors.Join(c.outbox.TidyDeliveries(ctx, c.names, now.Add(-lasts-longestAsked)), c.outbox.HastenDeliveries(ctx, longestWaits(c.opt.Schedule)))
}

// longestWaits returns for how long a delivery may wait after each attempt, of which the last
// may be under way.
func longestWaits(schedule []time.Duration) []time.Duration {
	const jittered = 1.2
	all := make([]time.Duration, len(schedule))
	for i, wait := range schedule {
		all[i] = max(lease, time.Duration(jittered*float64(wait)))
	}
	return all
}

// look asks for the channels that have something to carry, and begins to carry it.
func (c *Carrier) look(ctx context.Context) error {
	if len(c.names) == 0 {
		return nil
	}
	now, err := c.outbox.Now(ctx)
	if err != nil {
		return err
	}
	due, err := c.outbox.DueChannels(ctx, c.names, now)
	if err != nil {
		return err
	}
	for _, name := range due {
		if l := c.channels[name]; l.begin() {
			c.carrying.Go(func() {
				defer l.end()
				c.logFailure(ctx, c.carry(ctx, l))
			})
		}
	}
	return nil
}

// begin reports whether the channel is to be used now, and by nobody else of this process.
func (l *channelWorker) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy || time.Now().Before(l.restsTo) {
		return false
	}
	l.busy = true
	return true
}

func (l *channelWorker) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
}

// carry sends what is due, until nothing is or the channel fails. One that has failed gets
// one delivery at a time.
func (c *Carrier) carry(ctx context.Context, l *channelWorker) error {
	for ctx.Err() == nil {
		now, err := c.outbox.Now(ctx)
		if err != nil {
			return err
		}
		n := atOnce
		if l.isFailing() {
			n = 1
		}
		claimed, err := c.outbox.ClaimDeliveries(ctx, l.Name, now, n, lease)
		if err != nil || len(claimed) == 0 {
			return err
		}
		var sending sync.WaitGroup
		errs := make([]error, len(claimed))
		for i, d := range claimed {
			sending.Go(func() { errs[i] = c.attempt(ctx, l, d) })
		}
		sending.Wait()
		if err := errors.Join(errs...); err != nil || l.isFailing() {
			return err
		}
	}
	return nil
}

func (l *channelWorker) isFailing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failures > 0
}

// note notes how an attempt ended: who fails again and again rests longer and longer, and
// who asks for a pause has it.
func (l *channelWorker) note(r Result, schedule []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Taken {
		l.failures, l.restsTo = 0, time.Time{}
		return
	}
	rest := min(schedule[min(l.failures, len(schedule)-1)], longestRest)
	l.failures++
	l.restsTo = later(l.restsTo, time.Now().Add(max(rest, r.RetryAfter)))
}

// attempt sends a delivery and writes down how that ended. It goes on for a moment if the
// process is to stop, so that little is sent twice.
func (c *Carrier) attempt(run context.Context, l *channelWorker, d lead.Delivery) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(run), lease-patience/2)
	defer cancel()
	begun := time.Now()
	now, err := c.outbox.Now(ctx)
	if err != nil {
		return err
	}
	sending, stop := context.WithTimeout(ctx, patience)
	defer stop()
	defer context.AfterFunc(run, func() { time.AfterFunc(grace, stop) })()
	var r Result
	if caught := panics.Catch(func() { r = l.Send(sending, d, now) }); caught != nil {
		panics.Log(c.opt.Log, caught)
		r = Result{Why: caught.Error()}
	}
	r.RetryAfter = min(r.RetryAfter, longestAsked)
	l.note(r, c.opt.Schedule)
	took := time.Since(begun)
	end := c.judge(d, r, now.Add(took))
	outcome := string(end.State)
	if end.State == lead.DeliveryDue {
		outcome = "failed"
	}
	c.ended.WithLabelValues(l.Name.Kind(), outcome).Inc()
	c.opt.Log.Info().Stringer("remote_id", d.RemoteID).Str("channel", string(d.Channel)).Str("notice", string(d.Notice)).Int("attempt", d.Attempts).
		Str("outcome", outcome).Int("status", r.Status).Str("detail", r.Why).Dur("took", took).Msg("told")
	err = c.outbox.SettleDelivery(ctx, d, end)
	if errors.Is(err, lead.ErrLost) { // it took too long, and is another's now
		return nil
	}
	return err
}

// judge says what becomes of a delivery. A channel is switched off if it says that it is
// gone. If a delivery's time is over, the store switches it off if it took nothing else either.
func (c *Carrier) judge(d lead.Delivery, r Result, now time.Time) lead.DeliveryEnd {
	end := lead.DeliveryEnd{State: lead.DeliveryDue, Status: r.Status, At: now}
	switch {
	case r.Taken:
		end.State = lead.DeliveryTaken
	case r.Gone:
		end.State, end.Off = lead.DeliveryGivenUp, lead.OffGone
	case now.Sub(d.At) >= lasts:
		end.State, end.Off = lead.DeliveryGivenUp, lead.OffExpired
	default:
		wait := c.opt.Schedule[min(d.Attempts-1, len(c.opt.Schedule)-1)]
		end.DueAt = now.Add(max(jitter(wait), r.RetryAfter))
		if last := d.At.Add(lasts); end.DueAt.After(last) { // the last attempt is at the end
			end.DueAt = later(last, now.Add(r.RetryAfter))
		}
	}
	return end
}

// jitter spreads a wait by ±20 %, so that what failed together does not come back together.
func jitter(wait time.Duration) time.Duration {
	return wait + time.Duration((rand.Float64()-0.5)*0.4*float64(wait)) //nolint:gosec // nobody need guess it
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Describe implements [prometheus.Collector].
func (c *Carrier) Describe(descs chan<- *prometheus.Desc) { c.ended.Describe(descs) }

// Collect implements [prometheus.Collector].
func (c *Carrier) Collect(metrics chan<- prometheus.Metric) { c.ended.Collect(metrics) }
