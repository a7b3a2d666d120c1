package console

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadrelay/internal/lead"
)

// Counter is what the gauges use of the store.
type Counter interface {
	Counts(ctx context.Context) ([]lead.Count, error)
	Odd(ctx context.Context) (map[string]int, error)
	Reports(ctx context.Context, n int) (reports [][]byte, left int, err error)
	Free() (int64, error)
	Now(ctx context.Context) (time.Time, error)
}

// Gauges are metrics of what is stuck: leads by state, the age of the oldest that
// waits, the state of each credential, and the drift. The values of their labels are
// ids of sites and words of our own.
type Gauges struct {
	counter Counter
	status  func() []lead.Credential
	now     func() time.Time

	mu     sync.Mutex
	readAt time.Time     // when the counts were read
	ahead  time.Duration // of the clock that the leads' times are from, then
	counts []lead.Count
	odd    map[string]int
	drift  map[string]int // of the last reconciliation, by kind
}

// NewGauges returns the gauges. status is that of the courier.
func NewGauges(counter Counter, status func() []lead.Credential) *Gauges {
	return &Gauges{counter: counter, status: status, now: time.Now}
}

var (
	leadsDesc = prometheus.NewDesc("leadrelay_leads", "Leads, by site and state.", []string{"site", "state"}, nil)
	ageDesc   = prometheus.NewDesc("leadrelay_oldest_waiting_seconds",
		"Age of the oldest lead that is queued, being sent or in doubt, by site; absent when none is.", []string{"site", "state"}, nil)
	oddDesc = prometheus.NewDesc("leadrelay_leads_odd",
		"Leads that a person should look at though they are delivered: missing from EasyBroker's list, or there twice.", []string{"reason"}, nil)
	credentialDesc = prometheus.NewDesc("leadrelay_credential_state",
		"1 for the state in which a credential is: working, resting, down (the breaker is open) or held (EasyBroker refuses it).", []string{"sites", "state"}, nil)
	pausedDesc     = prometheus.NewDesc("leadrelay_site_paused", "1 for a site whose leads EasyBroker refuses one after the other, whatever their property.", []string{"site"}, nil)
	handPausedDesc = prometheus.NewDesc("leadrelay_site_paused_by_hand", "1 for a site that a person has paused.", []string{"site"}, nil)
	driftDesc      = prometheus.NewDesc("leadrelay_drift", "What the last reconciliation found, by kind; absent before the first.", []string{"kind"}, nil)
	freeDesc       = prometheus.NewDesc("leadrelay_disk_free_bytes", "Free space where the database lies.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (*Gauges) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{leadsDesc, ageDesc, oddDesc, credentialDesc, pausedDesc, handPausedDesc, driftDesc, freeDesc} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector]. A value that cannot be read is left out,
// so that it is absent instead of zero.
func (g *Gauges) Collect(metrics chan<- prometheus.Metric) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refresh()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, c := range g.counts {
		gauge(leadsDesc, float64(c.Leads), c.Site, string(c.State))
		if c.State == lead.Queued || c.State == lead.Sending || c.State == lead.Doubtful {
			gauge(ageDesc, g.now().Add(g.ahead).Sub(c.Oldest).Seconds(), c.Site, string(c.State))
		}
	}
	if g.odd != nil {
		for _, reason := range []string{lead.ReasonMissing, lead.ReasonTwice} {
			gauge(oddDesc, float64(g.odd[reason]), reason)
		}
	}
	for kind, n := range g.drift {
		gauge(driftDesc, float64(n), kind)
	}
	if free, err := g.counter.Free(); err == nil {
		gauge(freeDesc, float64(free))
	}
	g.collectCredentials(gauge)
}

func (g *Gauges) collectCredentials(gauge func(*prometheus.Desc, float64, ...string)) {
	for _, c := range g.status() {
		sites := strings.Join(c.Sites, ",")
		switch c.State {
		case lead.SitePaused:
			gauge(pausedDesc, 1, sites)
			continue
		case lead.SitePausedByHand:
			gauge(handPausedDesc, 1, sites)
			continue
		}
		for _, state := range []string{lead.CredentialWorking, lead.CredentialResting, lead.CredentialDown, lead.CredentialHeld} {
			v := 0.0
			if state == c.State {
				v = 1
			}
			gauge(credentialDesc, v, sites, state)
		}
	}
}

// refresh reads the counts unless they are fresh. A million leads take a moment.
func (g *Gauges) refresh() {
	const fresh, timeout = 5 * time.Second, 2 * time.Second
	if now := g.now(); now.Sub(g.readAt).Abs() > fresh {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if g.read(ctx) == nil {
			g.readAt = now
		}
	}
}

func (g *Gauges) read(ctx context.Context) (err error) {
	if g.counts, err = g.counter.Counts(ctx); err != nil {
		return err
	}
	if g.odd, err = g.counter.Odd(ctx); err != nil {
		return err
	}
	now, err := g.counter.Now(ctx)
	if err != nil {
		return err
	}
	g.ahead = now.Sub(g.now())
	reports, _, err := g.counter.Reports(ctx, 1)
	if err != nil || len(reports) == 0 {
		return err
	}
	var last lead.Drift
	if err := json.Unmarshal(reports[0], &last); err != nil {
		return err
	}
	g.drift = map[string]int{"unreadable": len(last.Unreadable)}
	for _, kind := range lead.DriftKinds() {
		g.drift[string(kind)] = last.Count(kind)
	}
	return nil
}
