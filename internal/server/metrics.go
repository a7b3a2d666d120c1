package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// Metrics are the relay's metrics. The values of labels are closed sets: none contains
// personal data or anything that a client wrote.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
	accepted *prometheus.CounterVec
	attempts *prometheus.CounterVec
	refusals *prometheus.CounterVec
	attempt  prometheus.Histogram
	lag      prometheus.Histogram
}

// NewMetrics returns metrics with a registry of their own, so that two relays in one
// process do not share them.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadrelay_http_requests_total", Help: "Requests answered, by door, route, method and status.",
		}, []string{"door", "route", "method", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "leadrelay_http_request_seconds", Help: "Time from a request's headers to the end of its answer.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"door"}),
		accepted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadrelay_leads_accepted_total", Help: "Leads on disk, by site.",
		}, []string{"site"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadrelay_attempts_total", Help: "Attempts to deliver a lead, by outcome.",
		}, []string{"outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "leadrelay_refusals_total",
			Help: "Leads that EasyBroker refused, by site, status and what that is about: the lead, which mostly means its property, its remote_id, or the site.",
		}, []string{"site", "status", "about"}),
		attempt: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "leadrelay_attempt_seconds", Help: "Time of an attempt, from its intent to its end.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15, 30},
		}),
	}
	m.lag = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "leadrelay_list_lag_seconds", Help: "Time from an attempt until EasyBroker's list was seen to have it: no more than its lag and our patience.",
		Buckets: []float64{10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600, 21600},
	})
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "leadrelay_build_info", Help: "Always 1; the version is the label."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.registry.MustRegister(m.requests, m.took, m.accepted, m.attempts, m.refusals, m.attempt, m.lag, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Accepted counts a lead that was kept.
func (m *Metrics) Accepted(site string) { m.accepted.WithLabelValues(site).Inc() }

// Attempt counts an attempt that ended.
func (m *Metrics) Attempt(outcome string, took time.Duration) {
	m.attempts.WithLabelValues(outcome).Inc()
	m.attempt.Observe(took.Seconds())
}

// Refused counts a lead that EasyBroker refused.
func (m *Metrics) Refused(site string, status int, about string) {
	m.refusals.WithLabelValues(site, strconv.Itoa(status), about).Inc()
}

// Seen records how long after its attempt a lead was seen in EasyBroker's list.
func (m *Metrics) Seen(after time.Duration) { m.lag.Observe(after.Seconds()) }

// Register adds the metrics of another package.
func (m *Metrics) Register(c prometheus.Collector) { m.registry.MustRegister(c) }

// Replace adds the metrics of another package, in place of those of the same names.
func (m *Metrics) Replace(c prometheus.Collector) {
	m.registry.Unregister(c) // a collector is known by the names of its metrics
	m.registry.MustRegister(c)
}

// Describe sends what each metric is called, and which labels it has.
func (m *Metrics) Describe(descs chan<- *prometheus.Desc) { m.registry.Describe(descs) }

// requestsOf returns a function that counts a request of the door and its duration.
func (m *Metrics) requestsOf(door string) func(route, method string, status int, took time.Duration) {
	durations := sync.OnceValue(func() prometheus.Observer { return m.took.WithLabelValues(door) })
	return func(route, method string, status int, took time.Duration) {
		m.requests.WithLabelValues(door, route, method, strconv.Itoa(status)).Inc()
		durations().Observe(took.Seconds())
	}
}

// Handler returns the handler that Prometheus scrapes. sitesOf returns the sites that
// whoever asks may see, or nil for all: they see the series of these sites alone.
func (m *Metrics) Handler(sitesOf func(*http.Request) []string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var all prometheus.Gatherer = m.registry
		if sites := sitesOf(r); sites != nil {
			all = prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return ofSites(m.registry, sites) })
		}
		promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// ofSites gathers the series that have a site among their labels, or several, of which
// those are named that are there.
func ofSites(all prometheus.Gatherer, sites []string) (theirs []*dto.MetricFamily, err error) {
	families, err := all.Gather()
	for _, family := range families {
		family.Metric = slices.DeleteFunc(family.Metric, func(m *dto.Metric) bool { return !narrow(m, sites) })
		if len(family.Metric) > 0 {
			theirs = append(theirs, family)
		}
	}
	return theirs, err
}

// narrow leaves the sites in a series' labels that are there, and reports whether one is.
// The labels themselves are the registry's.
func narrow(m *dto.Metric, sites []string) bool {
	i := slices.IndexFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == "site" || l.GetName() == "sites" })
	if i < 0 {
		return false
	}
	left := slices.DeleteFunc(strings.Split(m.Label[i].GetValue(), ","), func(site string) bool { return !slices.Contains(sites, site) })
	m.Label = slices.Clone(m.Label)
	m.Label[i] = &dto.LabelPair{Name: m.Label[i].Name, Value: new(strings.Join(left, ","))}
	return len(left) > 0
}
