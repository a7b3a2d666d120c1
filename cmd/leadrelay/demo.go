package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"leadrelay/internal/config"
	"leadrelay/internal/fakebroker"
	"leadrelay/internal/server"
	"leadrelay/web"
)

type demoCmd struct {
	Verbose bool `short:"v" help:"Print the relay's log, too."`
}

// Run runs everything on this machine and keeps nothing afterwards.
func (c demoCmd) Run(p *program) (err error) {
	living, stop := untilTerminalCloses(p.ctx)
	defer stop()
	dir, err := os.MkdirTemp("", "leadrelay-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	page := new(samplePages)
	pageDoor, err := listenNear(living, "127.0.0.1:8000", page)
	if err != nil {
		return err
	}
	site := "http://" + pageDoor.Addr()
	broker := fakebroker.New(fakebroker.Options{PartnerKeys: []string{demoKey}, Sample: site + "/", Frame: site + waitingPath})
	brokerDoor, err := listenNear(living, "127.0.0.1:8001", broker.Handler())
	if err != nil {
		return errors.Join(err, pageDoor.Close())
	}
	cfg, err := demoConfig(dir, brokerDoor.Addr(), pageDoor.Addr())
	if err != nil {
		return errors.Join(err, brokerDoor.Close(), pageDoor.Close())
	}
	log := zerolog.Nop()
	if c.Verbose {
		var flush func()
		log, flush = server.NewLog(p.stdout, cfg.LogLevel)
		defer flush()
	}
	parts, ctx := errgroup.WithContext(living)
	parts.Go(func() error {
		return serve(ctx, cfg, nil, log, func(r relay) {
			if err := keepSamples(ctx, r.store, time.Now()); err != nil {
				log.Error().Err(err).Msg("the samples were not kept")
			}
			page.show(web.PropertyPage{
				PageURL: site + "/", RelayURL: cfg.URL.String(), BrokerURL: "http://" + brokerDoor.Addr() + "/", WaitingURL: waitingPath,
			}, waitingHandler(r, "'self' http://"+brokerDoor.Addr()))
			p.printf(welcome, pageDoor.Addr(), brokerDoor.Addr(), cfg.URL, cfg.OperatorURL, cfg.OperatorAddr, cfg.OperatorToken.Reveal(), os.Args[0])
			parts.Go(func() error { return serveUntil(ctx, broker.Close, brokerDoor, pageDoor) })
		})
	})
	return parts.Wait()
}

const welcome = `
leadrelay demo: everything on this machine, and gone when you stop it.

  1. The property page     http://%s/
     Fill in the form: it goes to the relay, which keeps it and answers.
  2. What arrives          http://%s/
     The pretend EasyBroker, live. Let it fail there, and watch nothing get lost.
  3. The console           %[4]s/
     What needs you, and the story of each inquiry. Another agency's samples are there already.

  The relay                %[3]s/f/default
  The leads, in a shell    LEADRELAY_OPERATOR_ADDR=%[5]s LEADRELAY_OPERATOR_TOKEN=%[6]s %[7]s leads list

Stop with Ctrl-C.
`

// demoConfig returns the settings of a relay with the site of the sample page, and another
// whose key EasyBroker refuses.
func demoConfig(dir, broker, page string) (loaded, error) {
	const sites = "sites:\n  " + sampleSite + ":\n    source: costa.example\n    origins: [https://costa.example]\n    easybroker: {api_key: revoked-key}\n"
	file := filepath.Join(dir, "leadrelay.yaml")
	if err := os.WriteFile(file, []byte(sites), 0o600); err != nil {
		return loaded{}, err
	}
	relay, operator := freeAddress("127.0.0.1:8080"), freeAddress("127.0.0.1:9090")
	env := map[string]string{
		"EASYBROKER_API_KEY":       demoKey,
		"LEADRELAY_CONFIG":         file,
		"EASYBROKER_URL":           "http://" + broker + "/v1",
		"LEADRELAY_ADDR":           relay,
		"LEADRELAY_OPERATOR_ADDR":  operator,
		"LEADRELAY_URL":            "http://" + relay,
		"LEADRELAY_OPERATOR_URL":   "http://" + operator,
		"LEADRELAY_DATABASE":       filepath.Join(dir, "leadrelay.db"),
		"LEADRELAY_SOURCE":         "casas.example",
		"LEADRELAY_ORIGINS":        "http://" + page,
		"LEADRELAY_LOCALE":         "auto",
		"LEADRELAY_OPERATOR_TOKEN": rand.Text(),
		"LEADRELAY_DRAIN":          "0s",
		// This EasyBroker's list never lags behind, and nobody wants to wait minutes for the end of a fault.
		"LEADRELAY_COURIER_TIMEOUT":  "7s",
		"LEADRELAY_COURIER_SETTLE":   "5s",
		"LEADRELAY_COURIER_PROBE":    "3s",
		"LEADRELAY_COURIER_SCHEDULE": "3s,5s,10s",
	}
	cfg, err := config.Load(env, config.Open)
	return loaded{Config: cfg, env: env, isOpen: true}, err
}

// freeAddress returns addr, or an address with a free port if it is in use.
func freeAddress(addr string) string {
	var listening net.ListenConfig
	ln, err := listening.Listen(context.Background(), "tcp", addr)
	if err != nil {
		ln, err = listening.Listen(context.Background(), "tcp", "127.0.0.1:0")
	}
	if err != nil {
		return addr // listening there will report the error
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

func listenNear(ctx context.Context, addr string, h http.Handler) (*server.Door, error) {
	return server.Listen(ctx, freeAddress(addr), nil, named(addr, h))
}

// samplePages is the site of an agency: a property page with the widget, and one with
// a plain form.
type samplePages struct{ handler http.Handler }

// waitingPath is the path of the page that shows which leads wait.
const waitingPath = "/espera"

// show sets the contents of the pages before they are served.
func (s *samplePages) show(p web.PropertyPage, waiting http.Handler) {
	plain := p
	plain.Plain = true
	mux := http.NewServeMux()
	mux.Handle("/assets/", web.DemoAssets())
	mux.HandleFunc("GET /{$}", propertyPage(p, "; script-src "+p.RelayURL+"; connect-src "+p.RelayURL))
	mux.HandleFunc("GET /sin-script", propertyPage(plain, ""))
	mux.Handle("GET "+waitingPath, waiting)
	s.handler = mux
}

// propertyPage serves the page with a policy that allows only what it needs.
func propertyPage(p web.PropertyPage, scripts string) http.HandlerFunc {
	policy := "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action " + p.RelayURL + "; base-uri 'none'; frame-ancestors 'none'" + scripts
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Vary", "Accept-Language")
		p := p
		p.Lang = web.Language(r)
		_ = web.RenderProperty(w, p)
	}
}

func (s *samplePages) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }
