package main

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"leadrelay/internal/alerts"
	"leadrelay/internal/config"
	"leadrelay/internal/console"
	"leadrelay/internal/courier"
	"leadrelay/internal/notify"
	"leadrelay/internal/server"
)

// generation is all of a relay that is made of its settings. A reload makes a new one, which
// takes over while the doors stay open and the store as it is; the old one ends what it has
// begun.
type generation struct {
	relay
	cfg        config.Config
	log        zerolog.Logger
	carrier    *notify.Carrier
	public     http.Handler
	operator   http.Handler
	collectors []prometheus.Collector
	over       atomic.Bool

	stopCarrying context.CancelFunc // begins no attempt any more
	stopRest     context.CancelFunc
	carried      chan struct{} // closed when the last attempt has ended
	ended        chan struct{} // closed when all else has
}

func newGeneration(cfg config.Config, r relay, metrics *server.Metrics, log zerolog.Logger) (*generation, error) {
	s := &generation{relay: r, cfg: cfg, log: log, carried: make(chan struct{}), ended: make(chan struct{})}
	var err error
	if s.token, err = operatorToken(cfg); err != nil {
		return nil, err
	}
	broker := newBroker(cfg)
	s.courier = newCourier(cfg, s.store, broker, s.tracer, metrics, log)
	s.auditor = courier.NewAuditor(s.courier, s.store)
	s.refusals = alerts.NewRefusals()
	s.alerts = newWatcher(cfg, s.relay, broker.skew, log)
	if s.carrier, err = newCarrier(cfg, s.store, log); err != nil {
		return nil, err
	}
	s.gate = console.NewGate(s.token, s.store, server.Proxies(cfg.TrustedProxies).Client, log)
	s.isEnding = func() bool { return s.over.Load() || s.drain.Begun() }
	s.collectors = []prometheus.Collector{console.NewGauges(s.store, s.courier.Status), s.alerts, s.carrier, s.gate.Logins()}
	s.public, s.operator = publicDoor(cfg, s.relay, metrics, log), operatorDoor(cfg, s.relay, metrics, log)
	return s, nil
}

// begin begins to carry leads. What must be done by one alone (to tell people of trouble,
// to erase) begins when the generation before has ended; before is closed then.
func (s *generation) begin(ctx context.Context, before <-chan struct{}) {
	life := context.WithoutCancel(ctx)
	var carry, rest context.Context
	carry, s.stopCarrying = context.WithCancel(life)
	rest, s.stopRest = context.WithCancel(life)
	go func() {
		defer close(s.carried)
		_ = s.courier.Run(carry) // which returns no error
	}()
	var parts sync.WaitGroup
	for _, part := range []func(){
		func() { warnOfStrays(rest, s.cfg, s.store, s.log) },
		func() { sweep(rest, s.cfg.Retention, s.store, s.log) },
		func() { newJobRunner(s.store, s.auditor, s.log).run(rest) },
		func() { s.alerts.Run(rest) },
		func() { s.carrier.Run(rest) },
		func() { reconcileDaily(rest, s.cfg.Alerts.Reconcile, s.relay, s.log) },
	} {
		parts.Go(func() {
			<-before
			part()
		})
	}
	go func() {
		parts.Wait()
		close(s.ended)
	}()
}

// end ends the generation: it begins nothing any more, and does not wait.
func (s *generation) end() {
	s.over.Store(true)
	s.stopCarrying()
	s.stopRest()
}

// generations are those of a running relay, one after the other.
type generations struct {
	base             relay
	metrics          *server.Metrics
	log              zerolog.Logger
	public, operator *lateHandler
	read             func() (config.Config, error) // nil if there is nothing to read
	tell             func(state string)            // systemd
	failed           prometheus.Gauge

	mu        sync.Mutex
	now       *generation
	isStopped bool
	couriers  sync.WaitGroup // of all generations
}

// start has the first generation serve, and calls opened before it carries anything.
func (s *generations) start(ctx context.Context, cfg config.Config, opened func(relay)) error {
	s.base.reload = s.reload
	first, err := newGeneration(cfg, s.base, s.metrics, s.log)
	if err != nil {
		return err
	}
	before := make(chan struct{})
	close(before)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takeOver(first)
	opened(first.relay)
	s.carry(ctx, before)
	return nil
}

// takeOver has a generation serve from now on. Requests that are being answered are the old
// one's; no door is closed meanwhile.
func (s *generations) takeOver(next *generation) {
	s.base.store.Subscribe(subscriptions(next.cfg.Sites))
	s.base.store.BlockFor(time.Duration(next.cfg.Retention.Blocked))
	s.public.set(next.public)
	s.operator.set(next.operator)
	for _, c := range next.collectors {
		s.metrics.Replace(c)
	}
	s.now = next
}

// carry has the generation that serves begin to carry leads. See [generation.begin].
func (s *generations) carry(ctx context.Context, before <-chan struct{}) {
	now := s.now
	now.begin(ctx, before)
	s.couriers.Go(func() { <-now.carried })
}

// stopCarrying ends the generation: no attempt begins any more, and no generation takes over.
func (s *generations) stopCarrying() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isStopped = true
	if s.now != nil {
		s.now.end()
	}
}

// drain returns for how long the relay may drain.
func (s *generations) drain() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.cfg.Drain
}
