// Package channel brings a message to a person: by mail, ntfy, Slack, Telegram, Teams or
// to any web address. Its addresses are written as Shoutrrr's are. They have passwords in
// them, so no error repeats any of it. A message is tried once, within a time, and whatever
// answers may neither send us elsewhere nor fill our memory.
package channel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"leadrelay/internal/loopback"
)

// Message is what a person is to know.
type Message struct {
	Title string // one line
	Text  string // some lines, without marks of any kind
	Link  string // where to look; may be empty

	// Sequence is the same for all messages about one thing. A channel that can shows only
	// the last. It is empty if a message is about several things.
	Sequence string
	IsOver   bool // nothing needs to be done any more
}

// body is the text with the link, for channels where that is all.
func (m Message) body() string {
	if m.Link == "" {
		return m.Text
	}
	return m.Text + "\n\n" + m.Link
}

// all is the message as one text.
func (m Message) all() string { return m.Title + "\n\n" + m.body() }

// Channel is where messages go.
type Channel struct {
	// Kind is the scheme of its address, such as ntfy.
	Kind string

	send func(ctx context.Context, m Message) error
}

// timeout bounds the time that a message takes.
const timeout = 10 * time.Second

// Send sends a message. The error is an [*Error].
func (c Channel) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return explain(ctx, c.send(ctx, m))
}

// Error is why a message was not sent. It does not say where to.
type Error struct{ why string }

func (e *Error) Error() string { return e.why }

// refusedError is an answer that says that the message was not taken.
type refusedError struct{ status int }

func (e *refusedError) Error() string { return fmt.Sprintf("refused with status %d", e.status) }

// explain returns an error of a few known texts, because others may hold the address.
func explain(ctx context.Context, err error) error {
	var refused *refusedError
	var name *net.DNSError
	var dial *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &Error{refused.Error()}
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &Error{"no answer in time"}
	case errors.As(err, &name):
		return &Error{"its name cannot be looked up"}
	case errors.As(err, &dial) && dial.Op == "dial":
		return &Error{"it cannot be reached"}
	case errors.Is(err, errRefused):
		return &Error{errRefused.Error()}
	}
	return &Error{"it does not work"}
}

// errRefused is a message that was answered, but not taken.
var errRefused = errors.New("it answers that it did not take the message")

// Schemes returns the schemes of addresses.
func Schemes() []string { return slices.Sorted(slices.Values(names)) }

var names = []string{"smtp", "ntfy", "slack", "telegram", "teams", "generic"}

// Parse returns the channel of an address. The error says what is wrong, and nothing of
// the address.
func Parse(address string) (Channel, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme == "" {
		return Channel{}, fmt.Errorf("wants addresses of channels, such as ntfy://ntfy.sh/topic; known are %s, and signs in a password are written as %%40", strings.Join(Schemes(), ", "))
	}
	kind, inner, _ := strings.Cut(u.Scheme, "+")
	c := Channel{Kind: kind}
	switch kind {
	case "smtp":
		c.send, err = parseSMTP(u)
	case "ntfy":
		c.send, err = parseNtfy(u)
	case "slack":
		c.send, err = parseSlack(u)
	case "telegram":
		c.send, err = parseTelegram(u)
	case "teams":
		c.send, err = parseTeams(u, inner)
	case "generic":
		c.send, err = parseGeneric(u, inner)
	default:
		err = fmt.Errorf("has a channel that is not known; known are %s", strings.Join(Schemes(), ", "))
	}
	if err == nil && inner != "" && kind != "generic" && kind != "teams" {
		err = fmt.Errorf("wants %s:// and nothing between", kind)
	}
	return c, err
}

// webAddress returns the address of a web service. It must be safe, or on this machine.
func webAddress(u url.URL, isPlain bool) (url.URL, error) {
	u.Scheme = "https"
	if isPlain {
		u.Scheme = "http"
	}
	switch {
	case u.Hostname() == "":
		return u, errors.New("wants a channel with a host")
	case isPlain && !loopback.IsHost(u.Hostname()):
		return u, errors.New("wants https; plain http is for this machine only")
	}
	u.Fragment = ""
	return u, nil
}

func isYes(s string) bool {
	return slices.Contains([]string{"yes", "true", "1", "on"}, strings.ToLower(s))
}

// client follows nobody, and waits for nobody for long.
var client = &http.Client{
	Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: timeout}).DialContext, TLSHandshakeTimeout: timeout,
		DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// post sends a request, and returns the begin of the answer if it is a good one.
func post(req *http.Request) ([]byte, error) {
	const most = 64 << 10
	req.Header.Set("User-Agent", "leadrelay")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, most))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, &refusedError{resp.StatusCode}
	}
	return answer, err
}

// postJSON sends a value as JSON.
func postJSON(ctx context.Context, address string, header http.Header, value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("Content-Type", "application/json")
	return post(req)
}

// Ask asks for a web address, and returns an error unless the answer is a good one.
func Ask(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err == nil {
		_, err = post(req)
	}
	return explain(ctx, err)
}
