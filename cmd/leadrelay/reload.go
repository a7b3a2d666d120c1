package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"leadrelay/internal/config"
	"leadrelay/internal/console"
)

// errNoReload means that there is nothing to read anew.
var errNoReload = errors.New("this relay has its settings from no file, or is about to stop")

// reloadFailed is 1 if the settings could not be read anew.
func newReloadFailed() prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "leadrelay_reload_failed", Help: "1 if the last reload changed nothing, because something is wrong in the settings.",
	})
}

// reload reads the settings anew and has a new generation take over. If anything is wrong,
// nothing changes, and the error says what.
func (s *generations) reload(ctx context.Context) (console.Reload, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil || s.isStopped {
		return console.Reload{}, errNoReload
	}
	var clock unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &clock) // which cannot fail
	s.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", clock.Nano()/int64(time.Microsecond)))
	defer s.tell("READY=1")
	begun, old := time.Now(), s.now
	next, later, err := s.next()
	if err != nil {
		s.failed.Set(1)
		s.log.Error().Strs("problems", strings.Split(err.Error(), "\n")).Msg("the settings are not read anew: they stay as they were")
		return console.Reload{}, err
	}
	s.failed.Set(0)
	old.courier.HandOver(next.courier)
	s.takeOver(next)
	s.carry(ctx, old.ended)
	old.end()
	for _, name := range later {
		s.log.Warn().Str("setting", name).Msg("the setting has changed, and will be heeded at the next start alone")
	}
	for _, w := range next.cfg.Warnings {
		s.log.Warn().Msg(w)
	}
	done := console.Reload{Sites: []string{}, AtRestart: append([]string{}, later...)}
	for _, site := range next.cfg.Sites {
		done.Sites = append(done.Sites, site.ID)
	}
	s.log.Info().Strs("sites", done.Sites).Dur("took", time.Since(begun)).Msg("the settings are read anew")
	return done, nil
}

// next makes the next generation. It also returns the settings that only a start heeds.
func (s *generations) next() (*generation, []string, error) {
	cfg, err := s.read()
	if err != nil {
		return nil, nil, err
	}
	later := keepFixed(s.now.cfg, &cfg)
	next, err := newGeneration(cfg, s.base, s.metrics, s.log)
	return next, later, err
}

// keepFixed leaves the settings as they are that only a start heeds, and returns the names
// of those that have changed.
func keepFixed(now config.Config, next *config.Config) (changed []string) {
	keep := func(name string, isSame bool) {
		if !isSame {
			changed = append(changed, name)
		}
	}
	keep("LEADRELAY_ADDR", now.Addr == next.Addr)
	keep("LEADRELAY_OPERATOR_ADDR", now.OperatorAddr == next.OperatorAddr)
	keep("LEADRELAY_DATABASE", now.Database == next.Database)
	keep("LEADRELAY_DATABASE_CONNECTIONS", now.Connections == next.Connections)
	keep("LEADRELAY_TRUSTED_PROXIES", slices.Equal(now.TrustedProxies, next.TrustedProxies))
	keep("LEADRELAY_LOG_LEVEL", now.LogLevel == next.LogLevel)
	next.Addr, next.OperatorAddr, next.Database, next.Connections = now.Addr, now.OperatorAddr, now.Database, now.Connections
	next.TrustedProxies, next.LogLevel = now.TrustedProxies, now.LogLevel
	return changed
}

// reloadOnHangup reloads at each SIGHUP, until ctx ends.
func (s *generations) reloadOnHangup(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case sig := <-hangups:
			_, err := s.reload(ctx)
			s.log.Info().Stringer("signal", sig).Bool("done", err == nil).Msg("reload")
		case <-ctx.Done():
			return
		}
	}
}

// reloading returns what the operator's door does to reload.
func (r relay) reloading() func(context.Context) (console.Reload, []string, error) {
	return func(ctx context.Context) (console.Reload, []string, error) {
		done, err := r.reload(ctx)
		if wrong, ok := errors.AsType[*config.Errors](err); ok {
			return done, strings.Split(wrong.Error(), "\n"), nil
		}
		return done, nil, err
	}
}

type reloadCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// Run has the relay read its settings anew.
func (c reloadCmd) Run(p *program) error {
	o, err := p.operator()
	if err != nil {
		return err
	}
	var done console.Reload
	if err := o.call(p.ctx, http.MethodPost, "/api/v1/reload", nil, &done, normalCall); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, done)
	}
	p.printf("the settings are read anew; the sites are %s\n", strings.Join(done.Sites, ", "))
	for _, name := range done.AtRestart {
		p.printf("%s has changed, and will be heeded at the next start alone\n", name)
	}
	return nil
}
