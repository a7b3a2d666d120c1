package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"leadrelay/internal/alerts"
	"leadrelay/internal/alerts/channel"
	"leadrelay/internal/config"
	"leadrelay/internal/console"
	"leadrelay/internal/lead"
)

// newWatcher returns who watches the relay for trouble. skew is how far our clock is ahead
// of EasyBroker's.
func newWatcher(cfg config.Config, r relay, skew func() time.Duration, log zerolog.Logger) *alerts.Watcher {
	opt := alerts.Options{
		Rules: alerts.Rules{After: map[lead.AlertKind]time.Duration{}, Low: alerts.Space{Bytes: cfg.Alerts.Store.Bytes, Percent: cfg.Alerts.Store.Percent}},
		Lang:  cfg.Alerts.Locale, Link: cfg.OperatorURL.String(), Channels: namedChannels(cfg.Alerts.To), Refusals: r.refusals, Skew: skew, Log: log,
	}
	for kind, after := range cfg.Alerts.Kinds() {
		if !after.Off {
			opt.Rules.After[kind] = after.After
		}
	}
	if !cfg.Alerts.Heartbeat.IsZero() {
		opt.Beat = func(ctx context.Context) error { return channel.Ask(ctx, cfg.Alerts.Heartbeat.Reveal()) }
	}
	return alerts.New(r.store, r.courier.Status, opt)
}

// namedChannels gives the channels their names.
func namedChannels(all config.Channels) []alerts.Channel {
	named := make([]alerts.Channel, len(all))
	for i, name := range all.Names() {
		named[i] = alerts.Channel{Name: name, Send: all[i].Send}
	}
	return named
}

// reconcileDaily compares our leads with EasyBroker's list each day, at the relay that
// tells people of trouble.
func reconcileDaily(ctx context.Context, at config.DailyTime, r relay, log zerolog.Logger) {
	if at.Off {
		return
	}
	for {
		select {
		case <-time.After(time.Until(at.Next(time.Now()))):
		case <-ctx.Done():
			return
		}
		if !r.alerts.Tells() {
			continue
		}
		if err := reconcileOnce(ctx, r); err != nil && ctx.Err() == nil {
			log.Error().Err(err).Msg("leads not compared with EasyBroker's list")
		}
	}
}

// reconcileOnce compares and keeps the report. If a list cannot be read, it is tried a few
// more times: EasyBroker may be down for a while at night.
func reconcileOnce(ctx context.Context, r relay) error {
	const window, tries, pause = 25 * time.Hour, 6, 10 * time.Minute // the day, and a little of the one before
	for try := 1; ; try++ {
		now, err := r.store.Now(ctx)
		if err != nil {
			return err
		}
		drift, err := r.auditor.Reconcile(ctx, now.Add(-window))
		if err == nil && (len(drift.Unreadable) == 0 || drift.Found() || try == tries) {
			_, err = console.KeepReport(ctx, r.store, drift)
			return err
		}
		if try == tries {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type alertsCmd struct {
	Test alertsTestCmd `cmd:"" help:"Send a message to each channel of LEADRELAY_ALERTS, and say which have taken it."`
}

type alertsTestCmd struct{}

var (
	errNoChannel = errors.New("nobody is told of trouble: LEADRELAY_ALERTS names no channel")
	errNotTold   = errors.New("a channel did not take the message")
)

// Run sends a message to each channel.
func (alertsTestCmd) Run(p *program) error {
	cfg, err := p.operatorConfig()
	if err != nil {
		return err
	}
	if len(cfg.Alerts.To) == 0 {
		return errNoChannel
	}
	m := alerts.TestMessage(cfg.Alerts.Locale, cfg.OperatorURL.String())
	for _, c := range namedChannels(cfg.Alerts.To) {
		if failed := c.Send(p.ctx, m); failed != nil {
			p.printError(fmt.Errorf("%s: %w", c.Name, failed))
			err = errNotTold
			continue
		}
		p.printf("%s: sent\n", c.Name)
	}
	return err
}
