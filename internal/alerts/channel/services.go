package channel

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

type sender = func(ctx context.Context, m Message) error

// way is how messages get to a channel, and how to see whether it is open.
type way struct {
	send  sender
	check func(ctx context.Context) error
}

// web is the way to a web address.
func web(address string, send sender) way {
	return way{send, func(ctx context.Context) error { return knock(ctx, address) }}
}

// parseNtfy reads ntfy://[user:password@]host/topic, with a token as the password of
// nobody. One sequence is one notification on the phone.
func parseNtfy(u *url.URL) (way, error) {
	q := u.Query()
	topic := strings.Trim(u.Path, "/")
	if topic == "" || strings.Contains(topic, "/") {
		return way{}, errors.New("wants ntfy://host/topic")
	}
	root := url.URL{Host: u.Host}
	if root.Host == "" {
		root.Host = "ntfy.sh"
	}
	root, err := webAddress(root, q.Get("scheme") == "http" || isYes(q.Get("disabletls")))
	if err != nil {
		return way{}, err
	}
	var header http.Header
	if u.User != nil {
		password, _ := u.User.Password()
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(u.User.Username(), password)
		header = req.Header
	}
	return web(root.String(), func(ctx context.Context, m Message) error {
		body := map[string]any{"topic": topic, "title": m.Title, "message": m.Text, "priority": 4, "tags": []string{"warning"}}
		if m.IsOver {
			body["priority"], body["tags"] = 3, []string{"white_check_mark"}
		}
		if m.Link != "" {
			body["click"] = m.Link
		}
		if m.Sequence != "" {
			body["sequence_id"] = m.Sequence
		}
		_, err := postJSON(ctx, root.String(), header, body)
		return err
	}), nil
}

// slackAPI and telegramAPI are where their services are; a test puts its own there.
var (
	slackHooks  = "https://hooks.slack.com/services/"
	slackAPI    = "https://slack.com/api/chat.postMessage"
	telegramAPI = "https://api.telegram.org"
)

// parseSlack reads slack://hook:A-B-C@webhook, slack://A/B/C and slack://xoxb:…@channel.
func parseSlack(u *url.URL) (way, error) {
	token, _ := u.User.Password()
	parts := strings.Split(token, "-")
	switch kind := u.User.Username(); {
	case kind == "hook" && len(parts) == 3:
	case strings.HasPrefix(kind, "xox") && token != "" && u.Host != "":
		return web(slackAPI, slackBot(kind+"-"+token, u.Host)), nil
	case token == "" && len(strings.Split(strings.Trim(u.Path, "/"), "/")) == 2:
		parts = append([]string{u.Host}, strings.Split(strings.Trim(u.Path, "/"), "/")...)
	default:
		return way{}, errors.New("wants slack://hook:A-B-C@webhook, or slack://xoxb:TOKEN@CHANNEL")
	}
	address := slackHooks + strings.Join(parts, "/")
	return web(address, func(ctx context.Context, m Message) error {
		_, err := postJSON(ctx, address, nil, map[string]string{"text": slackText(m.all())})
		return err
	}), nil
}

func slackBot(token, channel string) sender {
	header := http.Header{"Authorization": {"Bearer " + token}}
	return func(ctx context.Context, m Message) error {
		answer, err := postJSON(ctx, slackAPI, header, map[string]string{"channel": channel, "text": slackText(m.all())})
		return okOr(answer, err)
	}
}

// slackText writes the three signs that mean something in Slack as what they are.
func slackText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// okOr reads the answer of services that answer 200 to everything.
func okOr(answer []byte, err error) error {
	var says struct {
		OK bool `json:"ok"`
	}
	if err == nil && (json.Unmarshal(answer, &says) != nil || !says.OK) {
		err = errRefused
	}
	return err
}

// parseTelegram reads telegram://TOKEN@telegram?chats=@channel,123.
func parseTelegram(u *url.URL) (way, error) {
	var chats []string
	for chat := range strings.SplitSeq(u.Query().Get("chats")+","+u.Query().Get("channels"), ",") {
		if chat = strings.TrimSpace(chat); chat != "" {
			chats = append(chats, chat)
		}
	}
	key, _ := u.User.Password()
	if key == "" || len(chats) == 0 || u.Host != "telegram" {
		return way{}, errors.New("wants telegram://TOKEN@telegram?chats=@channel,123")
	}
	path := "/bot" + url.PathEscape(u.User.Username()+":"+key) + "/sendMessage"
	return web(telegramAPI, func(ctx context.Context, m Message) error {
		var failed error
		for _, chat := range chats {
			answer, err := postJSON(ctx, telegramAPI+path, nil, map[string]any{
				"chat_id": chat, "text": m.all(), "link_preview_options": map[string]bool{"is_disabled": true},
			})
			failed = errors.Join(failed, okOr(answer, err))
		}
		return failed
	}), nil
}

// parseTeams reads teams://GROUP@TENANT/ALT/OWNER[/EXTRA]?host=ORGANIZATION.webhook.office.com,
// and teams+https:// with the address of a workflow that waits for a webhook.
func parseTeams(u *url.URL, inner string) (way, error) {
	if inner != "" {
		address, err := webAddress(*u, inner == "http")
		if inner != "https" && inner != "http" {
			err = errors.New("wants teams+https:// with the address of a workflow")
		}
		return web(address.String(), func(ctx context.Context, m Message) error {
			_, err := postJSON(ctx, address.String(), nil, adaptiveCard(m))
			return err
		}), err
	}
	parts, host := strings.Split(strings.Trim(u.Path, "/"), "/"), u.Query().Get("host")
	if u.User == nil || len(parts) < 2 || len(parts) > 3 || !strings.HasSuffix(host, ".webhook.office.com") || strings.ContainsAny(host, "/@?#:") {
		return way{}, errors.New("wants teams://GROUP@TENANT/ALT/OWNER/EXTRA?host=ORGANIZATION.webhook.office.com, or teams+https:// with the address of a workflow")
	}
	address := url.URL{Scheme: "https", Host: host}
	path := append([]string{"webhookb2", u.User.Username() + "@" + u.Host, "IncomingWebhook"}, parts...)
	to := address.JoinPath(path...).String()
	return web(to, func(ctx context.Context, m Message) error {
		_, err := postJSON(ctx, to, nil, map[string]string{
			"@type": "MessageCard", "@context": "https://schema.org/extensions", "summary": m.Title, "title": m.Title,
			"text": strings.ReplaceAll(m.body(), "\n", "\n\n"),
		})
		return err
	}), nil
}

func adaptiveCard(m Message) any {
	block := func(text, weight string) map[string]any {
		return map[string]any{"type": "TextBlock", "text": text, "weight": weight, "wrap": true}
	}
	blocks := []any{block(m.Title, "Bolder")}
	for line := range strings.SplitSeq(m.body(), "\n") {
		if line != "" {
			blocks = append(blocks, block(line, "Default"))
		}
	}
	return map[string]any{"type": "message", "attachments": []any{map[string]any{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content":     map[string]any{"type": "AdaptiveCard", "version": "1.4", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "body": blocks},
	}}}
}

// parseGeneric reads generic+https:// and generic:// with any address. The text is posted
// as it is, or with template=json as an object; @name=value is a header, and $name=value
// one more value of the object.
func parseGeneric(u *url.URL, inner string) (way, error) {
	if inner != "" && inner != "https" && inner != "http" {
		return way{}, errors.New("wants generic+https:// with an address")
	}
	g := generic{header: http.Header{}, extra: map[string]string{}, titleKey: "title", messageKey: "message"}
	q := u.Query()
	isPlain := inner == "http" || inner == "" && isYes(q.Get("disabletls"))
	for name, values := range q {
		value, isOurs := values[0], true
		switch {
		case strings.HasPrefix(name, "@"):
			g.header.Set(name[1:], value)
		case strings.HasPrefix(name, "$"):
			g.extra[name[1:]] = value
		case name == "template" && strings.EqualFold(value, "json"):
			g.isJSON = true
		case name == "titlekey":
			g.titleKey = value
		case name == "messagekey":
			g.messageKey = value
		case name == "method" && value == http.MethodPost, name == "disabletls", name == "title":
		case name == "template", name == "method", name == "contenttype":
			return way{}, errors.New("wants POST and no template but json for a generic channel")
		default:
			isOurs = false
		}
		if isOurs {
			q.Del(name)
		}
	}
	address, err := webAddress(*u, isPlain)
	if err != nil {
		return way{}, err
	}
	address.RawQuery = q.Encode()
	g.address = address.String()
	return web(g.address, g.send), nil
}

type generic struct {
	address              string
	header               http.Header
	isJSON               bool
	titleKey, messageKey string
	extra                map[string]string
}

func (g generic) send(ctx context.Context, m Message) error {
	if g.isJSON {
		body := maps.Clone(g.extra)
		body[g.titleKey], body[g.messageKey] = m.Title, m.body()
		_, err := postJSON(ctx, g.address, g.header, body)
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.address, strings.NewReader(m.all()))
	if err != nil {
		return err
	}
	req.Header = g.header.Clone()
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	_, err = post(req)
	return err
}
