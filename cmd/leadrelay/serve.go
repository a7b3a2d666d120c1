package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"leadrelay/internal/alerts"
	"leadrelay/internal/captcha"
	"leadrelay/internal/config"
	"leadrelay/internal/console"
	"leadrelay/internal/courier"
	"leadrelay/internal/easybroker"
	"leadrelay/internal/flood"
	"leadrelay/internal/intake"
	"leadrelay/internal/lead"
	"leadrelay/internal/mx"
	"leadrelay/internal/secret"
	"leadrelay/internal/server"
	"leadrelay/internal/site"
	"leadrelay/internal/store"
	"leadrelay/internal/tracing"
	"leadrelay/web"
)

type serveCmd struct{}

// Run starts the relay and returns when it has stopped.
func (serveCmd) Run(p *program) error {
	hangups, reportSignals := ignoreSignals() // before anything that takes time
	socket, err := server.InheritedSocket(p.env)
	if err != nil {
		return err
	}
	cfg, err := p.config()
	if err != nil {
		return err
	}
	log, flush := server.NewLog(p.stdout, cfg.LogLevel)
	defer flush()
	for _, w := range cfg.Warnings {
		log.Warn().Msg(w)
	}
	go reportSignals(p.ctx, log)
	warnOfSocket(socket, cfg.Addr, log)
	tell := func(state string) { p.notify(state, log) }
	err = serve(p.ctx, loaded{Config: cfg, env: p.env, read: p.config, hangups: hangups, tell: tell}, socket, log, func(relay) { tell("READY=1") })
	if p.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // we were asked to stop before we had started
	}
	return err
}

// notify tells systemd the state of the relay. If that fails, it is logged, and the relay
// goes on: systemd ends a start that it has not heard of.
func (p *program) notify(state string, log zerolog.Logger) {
	if err := server.Notify(p.ctx, p.env, state); err != nil {
		log.Error().Err(err).Str("state", state).Msg("systemd not told")
	}
}

// warnOfSocket warns of a socket of systemd's whose address differs from the setting.
// The public door is on the socket, and the setting has no effect.
func warnOfSocket(socket net.Listener, setting string, log zerolog.Logger) {
	if socket == nil {
		return
	}
	is, ok := socket.Addr().(*net.TCPAddr)
	says, err := net.ResolveTCPAddr("tcp", setting)
	everywhere := func(a *net.TCPAddr) bool { return a.IP == nil || a.IP.IsUnspecified() }
	if ok && err == nil && says.Port == is.Port && (says.IP.Equal(is.IP) || everywhere(says) && everywhere(is)) {
		return
	}
	log.Warn().Stringer("socket", socket.Addr()).Str("setting", setting).
		Msg("the public door is systemd's socket, and not at LEADRELAY_ADDR: write the same address into both")
}

// loaded are settings, with the environment that they were read from.
type loaded struct {
	config.Config

	env    map[string]string
	isOpen bool // the console asks for no token: all that it has is a sample

	// To reload; nil if nobody can.
	read    func() (config.Config, error)
	hangups <-chan os.Signal
	tell    func(state string) // systemd
}

// relay has the parts of a running relay.
type relay struct {
	store            *store.Store
	mail             *mx.Checker
	tracer           *tracing.Tracer // nil unless posts are traced
	public, operator *server.Door
	drain            *server.Drain
	shared           bool   // other relays are on the same database
	secret           []byte // which they have, too
	isOpen           bool   // the console
	reload           func(context.Context) (console.Reload, error)

	// Each generation has its own.
	courier  *courier.Courier
	auditor  *courier.Auditor
	alerts   *alerts.Watcher
	refusals *alerts.Refusals
	token    secret.Text
	gate     *console.Gate
	isEnding func() bool
	examine  func(context.Context) ([]console.Finding, error)
}

// serve runs the relay until ctx ends. It calls opened when both doors are open. The
// public door uses the socket, unless it is nil.
func serve(ctx context.Context, all loaded, socket net.Listener, log zerolog.Logger, opened func(relay)) (err error) {
	begun, cfg := time.Now(), all.Config
	server.TuneMemory()
	r := relay{drain: new(server.Drain), shared: cfg.Database.IsServer(), isOpen: all.isOpen, examine: examiner(all.env)}
	var public, operator lateHandler
	if err = r.listen(ctx, cfg, socket, &public, &operator); err != nil {
		return err
	}
	if r.tracer = tracing.New(all.env, version(), log); r.tracer != nil {
		defer r.tracer.Close() // when all else has ended
	}
	servePublic, serveOperator := r.public.Serve, r.operator.Serve
	if r.shared { // the server may be unreachable for long, and balancers ask meanwhile
		servePublic, serveOperator = inBackground(servePublic), inBackground(serveOperator)
	}
	if r.store, err = openDatabase(ctx, cfg, all.read, log); err != nil {
		return errors.Join(err, r.closeDoors())
	}
	defer func() { err = errors.Join(err, r.store.Close()) }()
	if missing := r.store.Missing(); missing != nil {
		log.Error().Err(missing).Msg("leads may be lost")
	}
	if !r.shared {
		warnOfFolder(cfg, log)
	}
	if _, err = operatorToken(cfg); err != nil { // which the first start makes
		return errors.Join(err, r.closeDoors())
	}
	if r.secret, err = r.store.Secret(ctx); err != nil {
		return errors.Join(err, r.closeDoors())
	}
	r.mail = mx.New(r.store, mx.Options{Log: log})
	generations := &generations{
		base: r, metrics: server.NewMetrics(version()), log: log, public: &public, operator: &operator, read: all.read, tell: all.tell, failed: newReloadFailed(),
	}
	generations.metrics.Register(generations.failed)
	err = generations.start(ctx, cfg, func(first relay) {
		log.Info().Str("version", version()).Str("public", r.public.Addr()).Str("operator", r.operator.Addr()).
			Stringer("database", cfg.Database).Int("sites", len(cfg.Sites)).Dur("took", time.Since(begun)).Msg("started")
		opened(first)
	})
	if err != nil {
		return errors.Join(err, r.closeDoors())
	}
	var watching sync.WaitGroup
	defer watching.Wait() // before the store closes
	watching.Go(func() { watchFiles(ctx, r.store, log) })
	watching.Go(func() { index(ctx, r.store, log) })
	watching.Go(func() { generations.reloadOnHangup(ctx, all.hangups) })
	if r.shared {
		watching.Go(func() { watchVacuum(ctx, r.store.HeldBack, log) })
	}
	err = r.run(ctx, generations, servePublic, serveOperator)
	log.Info().Err(err).Msg("stopped")
	return err
}

// run runs the parts, and stops them in order if ctx ends or one of them fails. First
// the relay is unready and begins no attempt. When the attempts have ended and no request
// comes any more, the doors close. So they are closed only for a moment, however long
// EasyBroker takes. Leads that are kept meanwhile are due at the next start.
func (r relay) run(ctx context.Context, generations *generations, servePublic, serveOperator func() error) error {
	life := context.WithoutCancel(ctx)
	ask, stopAsking := context.WithCancel(life)
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(servePublic)
	parts.Go(serveOperator)
	parts.Go(func() error { return r.mail.Run(ask) })
	died := context.Canceled
	parts.Go(func() error {
		defer stopAsking() // which the public door asks it to do
		<-ctx.Done()
		r.drain.Begin()
		generations.stopCarrying()
		if errors.Is(context.Cause(ctx), died) { // we were asked to stop
			r.awaitQuiet(generations.drain())
		}
		generations.couriers.Wait()
		return r.closeDoors()
	})
	err := parts.Wait()
	<-generations.now.ended // before the store closes
	return err
}

// awaitQuiet waits until nobody sends us anything. If there are other relays, it waits in
// any case for as long as a balancer may need to notice that we are unready: it has
// somewhere else to send inquiries, and those that it still sends here are answered.
func (r relay) awaitQuiet(drain time.Duration) {
	if r.shared {
		time.Sleep(drain)
		return
	}
	r.drain.Wait(drain)
}

// lateHandler is a handler that is set when the store is open. Until then it answers that
// the process lives, and nothing else.
type lateHandler struct{ handler atomic.Pointer[http.Handler] }

func (h *lateHandler) set(handler http.Handler) { h.handler.Store(&handler) }

func (h *lateHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch handler := h.handler.Load(); {
	case handler != nil:
		(*handler).ServeHTTP(w, r)
	case r.URL.Path == server.HealthzPath:
		server.Healthz(w, r)
	default:
		server.Starting(w, r)
	}
}

// inBackground runs f at once, and returns a function that waits for its end.
func inBackground(f func() error) (wait func() error) {
	ended := make(chan error, 1)
	go func() { ended <- f() }()
	return func() error { return <-ended }
}

// listen listens on both addresses before anything is created on disk. If one of them is
// in use, the start leaves neither a database nor a token behind.
func (r *relay) listen(ctx context.Context, cfg config.Config, socket net.Listener, public, operator http.Handler) (err error) {
	if socket != nil {
		r.public = server.ListenOn(socket, cfg.TrustedProxies, public)
	} else if r.public, err = openDoor(ctx, cfg.Addr, "LEADRELAY_ADDR", cfg.TrustedProxies, public); err != nil {
		return err
	}
	if r.operator, err = openDoor(ctx, cfg.OperatorAddr, "LEADRELAY_OPERATOR_ADDR", cfg.TrustedProxies, operator); err != nil {
		return errors.Join(err, r.public.Close())
	}
	return nil
}

func (r *relay) closeDoors() error {
	var closing errgroup.Group
	closing.Go(r.public.Close)
	closing.Go(r.operator.Close)
	return closing.Wait()
}

// openDatabase opens the database of the settings. For a server that cannot be reached it
// waits, and logs why every few seconds. The settings are read anew, if they can be, when it
// refuses the password.
func openDatabase(ctx context.Context, cfg config.Config, read func() (config.Config, error), log zerolog.Logger) (*store.Store, error) {
	if !cfg.Database.IsServer() {
		return openStore(log, func() (*store.Store, error) { return store.Open(ctx, string(cfg.Database)) })
	}
	const pause = 5 * time.Second
	lines := rate.Sometimes{Interval: pause}
	opt := store.PostgresOptions{
		Connections: cfg.Connections,
		Away: func(cause error) {
			lines.Do(func() { log.Error().Err(cause).Msg("not ready: the database cannot be reached") })
		},
	}
	if read != nil {
		opt.Address = func() (string, error) {
			now, _ := read() // another setting may be wrong meanwhile
			return string(now.Database), nil
		}
	}
	s, err := store.OpenPostgres(ctx, string(cfg.Database), opt)
	if err == nil {
		warnOfDurability(ctx, s, log)
	}
	return s, err
}

// warnOfDurability warns of settings of the server with which a power cut loses leads that
// were acknowledged.
func warnOfDurability(ctx context.Context, s *store.Store, log zerolog.Logger) {
	risks, err := s.Risks(ctx)
	if err != nil {
		log.Error().Err(err).Msg("the server's durability is not known")
	}
	for _, setting := range risks {
		log.Warn().Str("setting", setting+"=off").Msg("a power cut of the database's machine loses leads that were acknowledged; set it to on")
	}
}

// openStore opens the store and logs that it is still doing so, because the first start
// of another release may have to migrate much.
func openStore(log zerolog.Logger, open func() (*store.Store, error)) (*store.Store, error) {
	defer repeatUntilDone(everyElsewhere, func(took time.Duration) {
		log.Info().Dur("took", took).Msg("still opening the database, as after an upgrade")
	})()
	return open()
}

// warnOfStrays warns of leads that are not sent because their site is not in the
// settings. It runs in the background, because counting may take a while.
func warnOfStrays(ctx context.Context, cfg config.Config, s *store.Store, log zerolog.Logger) {
	counts, err := s.Counts(ctx)
	if err != nil && ctx.Err() == nil {
		log.Error().Err(err).Msg("leads of forgotten sites not counted")
	}
	for _, c := range counts {
		known := slices.ContainsFunc(cfg.Sites, func(s config.Site) bool { return s.ID == c.Site })
		if waits := c.State == lead.Queued || c.State == lead.Sending || c.State == lead.Doubtful; waits && !known {
			log.Warn().Str("site", c.Site).Str("state", string(c.State)).Int("leads", c.Leads).Msg("leads wait, but their site is not in the settings")
		}
	}
}

// watchFiles logs within a second that a file of the database is lost, even without
// requests, and that it is back.
func watchFiles(ctx context.Context, s *store.Store, log zerolog.Logger) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for lost := error(nil); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := s.Lost()
		switch {
		case err != nil && (lost == nil || lost.Error() != err.Error()):
			log.Error().Err(err).Msg("the database is lost")
		case err == nil && lost != nil:
			log.Info().Msg("the database is back")
		}
		lost = err
	}
}

func newBroker(cfg config.Config) *datedBroker {
	return &datedBroker{Client: easybroker.New(easybroker.Options{Timeout: cfg.Courier.Timeout, UserAgent: "leadrelay/" + version()})}
}

func newCourier(cfg config.Config, s *store.Store, broker courier.Broker, tracer *tracing.Tracer, metrics *server.Metrics, log zerolog.Logger) *courier.Courier {
	routes := make([]courier.Route, len(cfg.Sites))
	for i, s := range cfg.Sites {
		routes[i] = courier.Route{Site: s.ID, Account: s.EasyBroker, SendSource: s.SendSource, Template: s.Template}
	}
	opt := courierOptions(cfg.Courier)
	opt.Log, opt.Seen = log, metrics.Seen
	opt.Attempt = func(o lead.Outcome, took time.Duration) { metrics.Attempt(string(o), took) }
	opt.Refused = func(site string, status int, about courier.About) { metrics.Refused(site, status, string(about)) }
	opt.Pauses = s
	if tracer != nil {
		opt.Traced = tracer.Step
	}
	if s.IsShared() {
		opt.Leases = s
	}
	return courier.New(s, broker, routes, opt)
}

// courierOptions returns the options that are settings. Their defaults stand in the
// table of settings alone.
func courierOptions(c config.Courier) courier.Options {
	return courier.Options{
		Timeout: c.Timeout, MaxListLag: c.MaxListLag, Schedule: c.Schedule, Deadline: c.Deadline,
		Rate: c.Rate, Concurrency: c.Concurrency, Probe: c.Probe,
	}
}

// publicDoor returns the handler that everybody can reach.
func publicDoor(cfg config.Config, r relay, metrics *server.Metrics, log zerolog.Logger) http.Handler {
	sites := make([]site.Site, len(cfg.Sites))
	for i, s := range cfg.Sites {
		sites[i] = s.Site
	}
	proxies := server.Proxies(cfg.TrustedProxies)
	forms := intake.New(sites, r.store, intake.Options{
		Address:   cfg.URL,
		Accepted:  func(id string) { metrics.Accepted(id); r.courier.Wake(id); r.refusals.Good(id) },
		Refused:   func(f intake.Refusal) { r.refusals.Add(string(f.Why), f.Site, f.Name, f.Client) },
		Sooner:    r.courier.Wake,
		Flood:     floodGate(cfg),
		Turn:      server.NewTurns().Take,
		Client:    proxies.Client,
		Captchas:  captchas(cfg.Sites),
		CheckMail: r.mail.Check,
		IsTest:    testSecrets(cfg.Sites, r.token),
		Secret:    r.secret,
		Now:       r.courier.Now,

		SecurityContacts: cfg.Contacts,
		Trace:            traceOf(r.tracer),
	})
	mux := door("public", server.Readyz(r.store.Ready, r.drain), r, metrics, log, proxies.WarnOfUntrusted(log), server.BelowPath(cfg.URL.Path))
	assets := web.Assets()
	mux.Method(http.MethodGet, "/assets/*", assets)
	mux.Method(http.MethodHead, "/assets/*", assets)
	widget := web.Widget(cfg.URL.String())
	for _, address := range []string{"/widget.js", "/widget.{hash}.js", "/inquiry.{hash}.js", "/widget.d.ts"} {
		mux.Method(http.MethodGet, address, widget)
		mux.Method(http.MethodHead, address, widget)
	}
	forms.Route(mux)
	mux.NotFound(forms.ServeHTTP) // a form's address that ends with a slash, too
	mux.MethodNotAllowed(forms.ServeHTTP)
	return mux
}

// traceOf returns what begins the trace of a post, or nil if none is traced.
func traceOf(t *tracing.Tracer) func(lead.Trace, string, string) intake.Trace {
	if t == nil {
		return nil
	}
	return func(parent lead.Trace, route, siteID string) intake.Trace { return t.Post(parent, route, siteID) }
}

// floodGate returns the gate for all sites. Half of the courier's calls are for
// leads even while it looks others up.
func floodGate(cfg config.Config) *flood.Gate {
	credentials := make(map[string]string, len(cfg.Sites))
	byAccount := map[easybroker.Account]string{}
	for _, s := range cfg.Sites {
		if byAccount[s.EasyBroker] == "" {
			byAccount[s.EasyBroker] = s.ID
		}
		credentials[s.ID] = byAccount[s.EasyBroker]
	}
	return flood.New(flood.Options{Address: flood.Limit(cfg.LimitAddress), Site: flood.Limit(cfg.LimitSite), Credentials: credentials, Pace: cfg.Courier.Rate / 2})
}

// captchas returns the captchas of the sites that have one, by site.
func captchas(sites []config.Site) map[string]intake.Captcha {
	all := map[string]intake.Captcha{}
	for _, s := range sites {
		if s.Captcha == "" {
			continue
		}
		v := captcha.New(s.Captcha, s.CaptchaSecret, captcha.Options{})
		all[s.ID] = intake.Captcha{Field: captcha.FieldName(s.Captcha), Refuses: func(ctx context.Context, token string) (bool, error) {
			answer, err := v.Verify(ctx, token)
			return answer == captcha.Refused, err
		}}
	}
	return all
}

// operatorDoor returns the handler of the operator's door.
func operatorDoor(cfg config.Config, r relay, metrics *server.Metrics, log zerolog.Logger) http.Handler {
	rules := make(map[string]lead.Rules, len(cfg.Sites))
	sites := make([]console.Site, len(cfg.Sites))
	for i, s := range cfg.Sites {
		rules[s.ID] = s.Rules
		sites[i] = console.Site{
			ID: s.ID, Source: s.Source, Origins: s.Origins.List(), Snippet: snippetOf(s), Rules: s.Rules, Threshold: s.SpamThreshold,
			Dial: func(typed string) string { return courier.Dialable(typed, s.EasyBroker.Country) },
		}
	}
	api := console.New(r.store, r.auditor, rules, r.gate, metrics.Handler(console.SitesOf))
	ready := console.Readyz(server.Readyz(r.store.Ready, r.drain), r.store.Ready, r.store.HeldBackFor, r.drain.Begun, r.courier.Status)
	hosts := server.NewHosts(cfg.OperatorAddr, cfg.OperatorURL.Host())
	mux := door("operator", ready, r, metrics, log, hosts.Only(http.HandlerFunc(console.RefuseHost)))
	mux.Get(console.OpenAPIPath, console.OpenAPI)
	mux.Head(console.OpenAPIPath, console.OpenAPI)
	events := console.NewEvents(r.store, r.gate, r.isEnding)
	mux.Method(http.MethodGet, console.EventsPath, events)
	mux.Method(http.MethodHead, console.EventsPath, events)
	console.RouteAlerts(mux, r.alerts, r.store, r.gate)
	console.RouteReload(mux, r.reloading(), r.store, r.gate)
	sessions := console.NewSessions(r.token, r.secret, r.store, r.courier.Now)
	console.NewPages(r.store, r.auditor, r.alerts, r.gate, sessions, console.PageOptions{
		Relay: cfg.URL.String(), Sites: sites, Draining: r.isEnding, IsOpen: r.isOpen, Settings: cfg.Print, Examine: r.examine,
	}).Route(mux)
	mux.Mount("/", api)
	mux.MethodNotAllowed(api.ServeHTTP)
	return mux
}

// door returns a router with what both doors have. The middleware in first runs before
// its routes.
func door(
	name string, ready http.HandlerFunc, r relay, metrics *server.Metrics, log zerolog.Logger, first ...func(http.Handler) http.Handler,
) *chi.Mux {
	mux := chi.NewRouter()
	mux.Use(server.AccessLog(log, metrics, name), server.Confine, server.Recover, r.drain.Middleware)
	mux.Use(first...)
	mux.Get(server.HealthzPath, server.Healthz)
	mux.Head(server.HealthzPath, server.Healthz)
	mux.Get(server.ReadyzPath, ready)
	mux.Head(server.ReadyzPath, ready)
	return mux
}
