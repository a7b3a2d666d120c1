package config

import (
	"fmt"
	"net/url"
	"slices"

	"leadrelay/internal/lead"
	"leadrelay/internal/notify"
	"leadrelay/internal/secret"
)

// Webhook is a web address that is told of a site's leads.
type Webhook struct {
	URL          string // which may have a secret in its path
	SecretFile   string
	Secret       secret.Text // one secret, or two lines
	Events       []lead.Notice
	AllowPrivate bool
}

// webhookExample is how the setting is written.
const webhookExample = "{url: https://crm.casas.mx/hooks/leadrelay, secret_file: /etc/leadrelay/crm.secret, events: [lead.received]}"

// maxWebhooks bounds how many rows of the store a lead can have.
const maxWebhooks = 10

// webhooksField is a list of mappings.
func webhooksField() field {
	return field{
		deep: true,
		read: func(l *loader, t target, v value) {
			if v.kind != list {
				l.add(v.place, "wants a list: - %s", webhookExample)
				return
			}
			if len(v.items) > maxWebhooks {
				l.add(v.place, "has more than %d webhooks", maxWebhooks)
			}
			for _, x := range v.items {
				if x.inner == nil || x.inner.kind != mapping {
					l.add(x.place, "wants %s", webhookExample)
					continue
				}
				h, ok := l.readWebhook(x)
				isTwice := slices.ContainsFunc(t.site.Webhooks, func(other Webhook) bool { return other.URL == h.URL })
				if ok && isTwice {
					l.add(x.place, "has the same url as another webhook of the site; give one of them all the events")
				} else if ok {
					t.site.Webhooks = append(t.site.Webhooks, h)
				}
			}
		},
		show: func(t target) value {
			v := value{kind: list, leaveOut: true}
			for _, h := range t.site.Webhooks {
				v.items = append(v.items, item{inner: h.show()})
			}
			return v
		},
	}
}

// readWebhook reads one of them. It reports all that is wrong.
func (l *loader) readWebhook(x item) (h Webhook, ok bool) {
	before := len(l.list)
	h.Events = lead.Notices()
	for _, part := range x.inner.items {
		switch {
		case part.name == "events":
			h.Events = l.readNotices(part)
		case part.inner != nil:
			l.add(part.place, "wants one value, not several")
		case part.name == "url":
			address, err := notify.ParseHookURL(part.text)
			if err != nil {
				l.add(part.place, "%v", err)
			}
			h.URL = address
		case part.name == "secret_file":
			h.SecretFile = part.text
			h.Secret = l.readWebhookSecret(part)
		case part.name == "allow_private":
			allow, err := parseBool(part.text)
			if err != nil {
				l.add(part.place, "%v", err)
			}
			h.AllowPrivate = allow
		default:
			l.add(part.place, "unknown key%s; known here: url, secret_file, events, allow_private", quotedKey(part.name))
		}
	}
	for _, needed := range []string{"url", "secret_file"} {
		if !slices.ContainsFunc(x.inner.items, func(part item) bool { return part.name == needed }) {
			l.add(x.place, "this webhook wants a %s", needed)
		}
	}
	return h, len(l.list) == before
}

func (l *loader) readWebhookSecret(name item) secret.Text {
	data, ok := l.readSecretFile(name)
	if !ok {
		return secret.Text{}
	}
	if _, err := notify.ParseSecrets(data); err != nil {
		l.add(name.place, "the file %v", err)
	}
	return secret.New(data)
}

func (l *loader) readNotices(x item) (all []lead.Notice) {
	items := []item{x}
	if x.inner != nil {
		items = x.inner.items
	}
	for _, one := range items {
		n := lead.Notice(one.text)
		switch {
		case !slices.Contains(lead.Notices(), n):
			l.add(one.place, "wants some of %v", lead.Notices())
		case !slices.Contains(all, n):
			all = append(all, n)
		}
	}
	if len(items) == 0 {
		l.add(x.place, "is empty; leave it out for all events")
	}
	return all
}

// show hides what is behind the host, because many receivers have a secret there.
func (h Webhook) show() *value {
	v := value{kind: mapping, items: []item{{name: "url", text: hiddenPath(h.URL)}, {name: "secret_file", text: h.SecretFile}}}
	events := value{kind: list}
	for _, n := range h.Events {
		events.items = append(events.items, item{text: string(n)})
	}
	v.items = append(v.items, item{name: "events", inner: &events})
	if h.AllowPrivate {
		v.items = append(v.items, item{name: "allow_private", text: "true"})
	}
	return &v
}

func hiddenPath(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.RequestURI() == "/" {
		return address
	}
	return fmt.Sprintf("%s://%s/%s", u.Scheme, u.Host, secret.Dots)
}
