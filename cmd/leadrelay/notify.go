package main

import (
	"fmt"

	"github.com/rs/zerolog"

	"leadrelay/internal/config"
	"leadrelay/internal/console"
	"leadrelay/internal/lead"
	"leadrelay/internal/notify"
	"leadrelay/internal/store"
)

// subscriptions returns who is told of the leads of each site that tells somebody.
func subscriptions(sites []config.Site) map[string][]lead.Subscription {
	all := map[string][]lead.Subscription{}
	for _, s := range sites {
		for _, h := range s.Webhooks {
			all[s.ID] = append(all[s.ID], lead.Subscription{Channel: lead.HookChannel(s.ID, h.URL), Notices: h.Events})
		}
	}
	return all
}

// newCarrier returns who tells others than EasyBroker of leads.
func newCarrier(cfg config.Config, s *store.Store, log zerolog.Logger) (*notify.Carrier, error) {
	var channels []notify.Channel
	for _, site := range cfg.Sites {
		for _, h := range site.Webhooks {
			secrets, err := notify.ParseSecrets(h.Secret.Reveal())
			if err != nil {
				return nil, fmt.Errorf("the secret of a webhook of %s: %w", site.ID, err)
			}
			hook := notify.Hook{URL: h.URL, Secrets: secrets, AllowPrivate: h.AllowPrivate, View: func(l lead.Lead) any { return console.View(l) }}
			channels = append(channels, notify.Channel{Name: lead.HookChannel(site.ID, h.URL), Send: hook.Sender("leadrelay/" + version())})
		}
	}
	return notify.New(s, channels, notify.Options{Schedule: cfg.Courier.Schedule, Log: log}), nil
}
