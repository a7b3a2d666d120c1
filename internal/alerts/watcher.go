package alerts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"leadrelay/internal/alerts/channel"
	"leadrelay/internal/lead"
)

// Store is what a watcher uses of the store.
type Store interface {
	IsShared() bool
	TakeAlertTurn(ctx context.Context, holder string, length time.Duration) (isMine bool, err error)
	Alerts(ctx context.Context) ([]lead.Alert, error)
	SaveAlerts(ctx context.Context, holder string, all []lead.Alert) error
	ChannelTroubles(ctx context.Context) ([]lead.ChannelTrouble, error)
	OpenChannel(ctx context.Context, c lead.Channel) error
	SeeLeads(ctx context.Context, kind lead.AlertKind, sites []string) error
	Ready(ctx context.Context) error

	Now(ctx context.Context) (time.Time, error)
	Stuck(ctx context.Context, q lead.StuckQuery) ([]lead.Stuck, error)
	Reports(ctx context.Context, n int) (reports [][]byte, left int, err error)
	Disk() (free, size int64, err error)
	StatsStore
}

// Channel is where messages go. Its name tells it from the others, and not where it is.
type Channel struct {
	Name string
	Send func(ctx context.Context, m channel.Message) error
}

// Options are how people are told.
type Options struct {
	Rules    Rules
	Channels []Channel
	Lang     string                          // of the messages
	Link     string                          // where the console is, if it is known
	Refusals *Refusals                       // what the doors refuse; may be nil
	Skew     func() time.Duration            // how far our clock is ahead of EasyBroker's; may be nil
	Wall     func() time.Time                // the clock that may be set; time.Now if it is nil
	Beat     func(ctx context.Context) error // told every minute while all is well inside; may be nil
	Log      zerolog.Logger
}

// Watcher watches for trouble and tells people of it. Of the relays on a database one
// does, and the others know what it has found.
type Watcher struct {
	store    Store
	status   func() []lead.Credential
	opt      Options
	holder   string
	failures *prometheus.CounterVec

	mu     sync.Mutex
	book   book
	isMine bool // this relay tells people

	tellers []*teller
	saving  sync.Mutex // one at a time, so that nothing older is written last
	beating sync.WaitGroup

	steps int // of this relay, while it tells
	// What is read less often than every step.
	drift   *lead.Drift
	silent  []lead.Stuck
	flooded []lead.Stuck
	clock   clock
	beatAt  time.Time
	goneAt  time.Time // since when a relay that does not tell cannot reach the store

	hearing chan struct{} // a token for who reads how inquiries came
	silence silence
}

const (
	// step is how often the rules are asked.
	step = 5 * time.Second
	// turn is for how long a relay that is killed keeps the others from telling.
	turn = 30 * time.Second
	// patience bounds what is asked of the store.
	patience = 4 * time.Second
	// everyMinute is how many steps that are.
	everyMinute = int(time.Minute / step)
	// otherPatience is for how long a relay that does not tell waits with an alert of its
	// own about the store: the one that tells may be cut off just as well. A relay that has
	// the store to itself waits for nobody.
	otherPatience = 5 * time.Minute
)

// New returns a watcher. status is the courier's.
func New(store Store, status func() []lead.Credential, opt Options) *Watcher {
	if opt.Wall == nil {
		opt.Wall = time.Now
	}
	w := &Watcher{store: store, status: status, opt: opt, holder: rand.Text(), hearing: make(chan struct{}, 1), failures: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "leadrelay_alert_failures_total", Help: "Messages about trouble that a channel did not take, by channel.",
	}, []string{"channel"})}
	w.book.load(nil)
	for _, c := range opt.Channels {
		w.failures.WithLabelValues(c.Name)
		w.tellers = append(w.tellers, newTeller(w, c))
	}
	return w
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	var telling sync.WaitGroup
	defer w.beating.Wait()
	defer telling.Wait()
	for _, t := range w.tellers {
		telling.Go(func() { t.run(ctx) })
	}
	tick := time.NewTicker(step)
	defer tick.Stop()
	for {
		w.step(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// step looks once. A relay that does not tell takes over what the other has found.
func (w *Watcher) step(ctx context.Context) {
	wasMine := w.Tells()
	asking, cancel := context.WithTimeout(ctx, patience)
	isMine, err := w.store.TakeAlertTurn(asking, w.holder, turn)
	cancel()
	if ctx.Err() != nil {
		return
	}
	switch {
	case err != nil && !wasMine && w.store.IsShared() && w.isGoneFor() < otherPatience:
		return
	case err != nil: // whoever told goes on, because nobody else can be asked
		isMine = true
		w.setTells(true)
	case !isMine || !wasMine:
		w.goneAt = time.Time{}
		if !w.reload(ctx, isMine) {
			return
		}
	}
	if !isMine {
		return
	}
	w.look(ctx)
	w.save(ctx)
	for _, t := range w.tellers {
		t.wake()
	}
	w.beat(ctx)
	w.steps++
}

// isGoneFor returns for how long the store cannot be reached.
func (w *Watcher) isGoneFor() time.Duration {
	if w.goneAt.IsZero() {
		w.goneAt = time.Now()
	}
	return time.Since(w.goneAt)
}

// Tells reports whether this relay tells people of trouble, and no other of the database.
func (w *Watcher) Tells() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.isMine
}

func (w *Watcher) setTells(isMine bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isMine = isMine
}

// reload takes over what is written down.
func (w *Watcher) reload(ctx context.Context, isMine bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all, err := w.store.Alerts(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		if ctx.Err() == nil {
			w.opt.Log.Error().Err(err).Msg("alerts not read")
		}
		w.isMine = false
		return false
	}
	w.book.load(all)
	w.isMine = isMine
	return true
}

// look asks the rules about what is known now.
func (w *Watcher) look(ctx context.Context) {
	f := w.gather(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	excused := func(site string) bool { return w.book.isOpen(site, lead.AlertHeld, lead.AlertDown, lead.AlertPaused) }
	isKnown := func(kind lead.AlertKind) bool { return !f.Unknown || !isOfLeads(kind) }
	was := w.book.openIDs()
	w.book.step(time.Now(), w.opt.Rules, w.opt.Rules.signs(f, excused), isKnown)
	w.log(was)
}

// log tells the log of what has opened and closed.
func (w *Watcher) log(was map[string]bool) {
	for _, a := range w.book.all() {
		switch {
		case a.IsOpen() && !was[a.ID]:
			w.opt.Log.Warn().Str("alert", a.ID).Str("kind", string(a.Kind)).Strs("sites", a.Sites).Int("leads", a.Leads).
				Str("reason", lead.Line(a.Reason)).Time("since", a.Since).Msg("alert opened")
		case !a.IsOpen() && was[a.ID]:
			w.opt.Log.Info().Str("alert", a.ID).Str("kind", string(a.Kind)).Strs("sites", a.Sites).Msg("alert closed")
		}
	}
}

// isOfLeads reports whether the store must be read to know of such trouble.
func isOfLeads(kind lead.AlertKind) bool {
	return !slices.Contains([]lead.AlertKind{lead.AlertHeld, lead.AlertDown, lead.AlertPaused, lead.AlertStore, lead.AlertClock, lead.AlertRefused}, kind)
}

// gather asks the courier and the store.
func (w *Watcher) gather(ctx context.Context) Facts {
	f := Facts{Credentials: w.status(), Jump: w.clock.jumped(w.opt.Wall())}
	if w.opt.Refusals != nil {
		f.Refused = w.opt.Refusals.signs(time.Now())
	}
	if w.opt.Skew != nil {
		f.Skew = w.opt.Skew()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f.Unwritten = w.store.Ready(ctx) != nil
	if free, size, err := w.store.Disk(); err == nil {
		f.Free, f.Disk = free, size
	}
	now, err := w.store.Now(ctx) // by which leads are due
	if err == nil {
		f.Stuck, err = w.store.Stuck(ctx, lead.StuckQuery{Queued: w.opt.Rules.before(now, lead.AlertLate), Doubtful: w.opt.Rules.before(now, lead.AlertDoubtful)})
	}
	if err == nil {
		f.Channels, err = w.store.ChannelTroubles(ctx)
	}
	if err == nil && w.steps%everyMinute == 0 {
		w.drift, err = w.lastDrift(ctx)
	}
	if w.steps%everyMinute == 0 && err == nil && (w.opt.Rules.has(lead.AlertSilence) || w.opt.Rules.has(lead.AlertFlood)) {
		w.listen(ctx, now)
	}
	f.Drift, f.Silent, f.Flooded, f.Unknown = w.drift, w.silent, w.flooded, err != nil
	return f
}

// listen looks for sites that get no inquiries any more, or far too many. The first time there is much to
// read, and it may take some minutes until all is known.
func (w *Watcher) listen(ctx context.Context, now time.Time) {
	_ = w.hear(ctx, now, func(s *silence) {
		w.silent, w.flooded = s.silent(now, w.opt.Rules.After[lead.AlertSilence]), s.flooded(now)
	})
}

// hear lets f know how inquiries came until now.
func (w *Watcher) hear(ctx context.Context, now time.Time, f func(*silence)) error {
	select {
	case w.hearing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.hearing }()
	if err := w.silence.read(ctx, w.store, now); err != nil {
		return err
	}
	f(&w.silence)
	return nil
}

// Quiet returns the sites that have been silent for longer than usual, and of which no alert
// tells. Each relay knows them. The first who asks may ask in vain, until all is read.
func (w *Watcher) Quiet(ctx context.Context) (all []lead.Quiet) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	now, err := w.store.Now(ctx)
	if err != nil {
		return nil
	}
	_ = w.hear(ctx, now, func(s *silence) { all = s.quiet(now) })
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(all, func(q lead.Quiet) bool { return w.book.isOpen(q.Site, lead.AlertSilence) })
}

func (w *Watcher) lastDrift(ctx context.Context) (*lead.Drift, error) {
	reports, _, err := w.store.Reports(ctx, 1)
	if err != nil || len(reports) == 0 {
		return nil, err
	}
	d := new(lead.Drift)
	return d, json.Unmarshal(reports[0], d)
}

// save writes down what has changed. If it cannot, it is tried again with the next step,
// and people are told all the same.
func (w *Watcher) save(ctx context.Context) {
	w.saving.Lock()
	defer w.saving.Unlock()
	w.mu.Lock()
	unsaved, changes := w.book.unsaved()
	w.mu.Unlock()
	if len(unsaved) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := w.store.SaveAlerts(ctx, w.holder, unsaved)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.book.saved(changes)
	case errors.Is(err, lead.ErrLost):
		w.isMine = false
	}
}

// beat tells whoever watches the relay from outside that it watches.
func (w *Watcher) beat(ctx context.Context) {
	if w.opt.Beat == nil || time.Since(w.beatAt) < time.Minute || w.isStoreInTrouble() {
		return
	}
	w.beatAt = time.Now()
	w.beating.Go(func() {
		if err := w.opt.Beat(ctx); err != nil && ctx.Err() == nil {
			w.failures.WithLabelValues("heartbeat").Inc()
			w.opt.Log.Warn().Err(err).Msg("heartbeat not taken")
		}
	})
}

func (w *Watcher) isStoreInTrouble() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.book.entries[subject{lead.AlertStore, ofWriting}] != nil
}

// Alerts returns all alerts that are open, what is worst first, and then those that were
// closed within a day, the last first.
func (w *Watcher) Alerts() []lead.Alert {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.book.all()
}

// See notes that a person has looked at the leads of an alert, or has a webhook tried
// again. The alert will close. The error wraps [lead.ErrNotFound] if there is no such alert.
func (w *Watcher) See(ctx context.Context, id string) (lead.Alert, error) {
	w.mu.Lock()
	found := w.book.find(id)
	var a lead.Alert
	if found != nil {
		a = copyOf(*found)
	}
	w.mu.Unlock()
	if found == nil {
		return a, lead.ErrNotFound
	}
	if !a.IsOpen() || !a.Kind.CanBeSeen() {
		return a, nil
	}
	if a.Kind == lead.AlertHook {
		return a, w.store.OpenChannel(ctx, lead.Channel(a.Subject))
	}
	return a, w.store.SeeLeads(ctx, a.Kind, a.Sites)
}

var alertsDesc = prometheus.NewDesc("leadrelay_alerts", "Alerts that are open, by kind.", []string{"kind"}, nil)

// Describe implements [prometheus.Collector].
func (w *Watcher) Describe(descs chan<- *prometheus.Desc) {
	descs <- alertsDesc
	w.failures.Describe(descs)
}

// Collect implements [prometheus.Collector].
func (w *Watcher) Collect(metrics chan<- prometheus.Metric) {
	open := map[lead.AlertKind]int{}
	for _, a := range w.Alerts() {
		if a.IsOpen() {
			open[a.Kind]++
		}
	}
	for _, kind := range lead.AlertKinds() {
		metrics <- prometheus.MustNewConstMetric(alertsDesc, prometheus.GaugeValue, float64(open[kind]), string(kind))
	}
	w.failures.Collect(metrics)
}
