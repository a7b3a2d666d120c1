package main

import (
	"cmp"
	"fmt"

	"github.com/rs/zerolog"

	"leadrelay/internal/config"
	"leadrelay/internal/console"
	"leadrelay/internal/courier"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
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
		for _, to := range s.Mail.To {
			one := lead.Subscription{Channel: lead.MailChannel(s.ID, to), Notices: []lead.Notice{lead.NoticeReceived}}
			if s.Mail.After > 0 {
				one.Notices, one.After = []lead.Notice{lead.NoticeWaiting}, s.Mail.After
			}
			all[s.ID] = append(all[s.ID], one)
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
		channels = append(channels, mailboxes(cfg, &site)...)
	}
	return notify.New(s, channels, notify.Options{Schedule: cfg.Courier.Schedule, Log: log}), nil
}

// mailboxes returns who gets a site's leads by mail. Each is a channel, so that one which
// takes nothing keeps nobody else waiting.
func mailboxes(cfg config.Config, site *config.Site) (all []notify.Channel) {
	for _, to := range site.Mail.To {
		box := notify.Mailbox{
			Server: cfg.SMTP, To: to, Site: cmp.Or(site.Name, site.Source), Lang: locale.ES, After: site.Mail.After,
			Dialable: func(phone string) string { return courier.Dialable(phone, site.EasyBroker.Country) },
		}
		if site.Locale == string(locale.EN) {
			box.Lang = locale.EN
		}
		all = append(all, notify.Channel{Name: lead.MailChannel(site.ID, to), Send: box.Sender()})
	}
	return all
}
