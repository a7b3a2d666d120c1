// Package channel brings a message to a person: by mail, ntfy, Slack, Telegram, Teams or
// to any web address. Its addresses are written as Shoutrrr's are. They have passwords in
// them, so no error repeats any of it. A message is tried once, within a time, and whatever
// answers may neither send us elsewhere nor fill our memory.
package channel

import (
	"bytes"
	"context"
	"crypto/tls"
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
	"leadrelay/internal/smtp"
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

	way
}

// timeout bounds the time that a message takes.
const timeout = 10 * time.Second

// Send sends a message. The error is an [*Error].
func (c Channel) Send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return explain(ctx, c.send(ctx, m))
}

// Check sees whether a message would get there, and sends none: it logs in at a mail server,
// and at a web service it knocks. The error is an [*Error].
func (c Channel) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return explain(ctx, c.check(ctx))
}

// Error is why a message was not sent. It does not say where to.
type Error struct{ why string }

func (e *Error) Error() string { return e.why }

// Why a channel is not reached, whatever the message.
var (
	ErrLate        = &Error{"no answer in time"}
	ErrUnknownName = &Error{"its name cannot be looked up"}
	ErrUnreachable = &Error{"it cannot be reached"}
	ErrInsecure    = &Error{"its certificate is not good, or it offers no TLS"}
	ErrLogin       = &Error{"it does not let the relay in"}
	ErrBroken      = &Error{"it does not work"}
)

// refusedError is an answer that says that the message was not taken.
type refusedError struct{ status int }

func (e *refusedError) Error() string { return fmt.Sprintf("refused with status %d", e.status) }

// explain returns an error of a few known texts, because others may hold the address.
func explain(ctx context.Context, err error) error {
	var refused *refusedError
	var name *net.DNSError
	var dial *net.OpError
	var login *smtp.RefusedError
	var certificate *tls.CertificateVerificationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &Error{refused.Error()}
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return ErrLate
	case errors.As(err, &name):
		return ErrUnknownName
	case errors.As(err, &dial) && dial.Op == "dial":
		return ErrUnreachable
	case errors.Is(err, errRefused):
		return &Error{errRefused.Error()}
	case errors.As(err, &login) && login.AtLogin:
		return ErrLogin
	case errors.As(err, &certificate), errors.Is(err, smtp.ErrNoTLS):
		return ErrInsecure
	}
	return ErrBroken
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
		c.way, err = parseSMTP(u)
	case "ntfy":
		c.way, err = parseNtfy(u)
	case "slack":
		c.way, err = parseSlack(u)
	case "telegram":
		c.way, err = parseTelegram(u)
	case "teams":
		c.way, err = parseTeams(u, inner)
	case "generic":
		c.way, err = parseGeneric(u, inner)
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

// knock asks the service at an address for its root, which does nothing there. Whatever it
// answers, it answers.
func knock(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	root := url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, root.String(), nil)
	if err != nil {
		return err
	}
	var refused *refusedError
	if _, err = post(req); errors.As(err, &refused) {
		return nil
	}
	return err
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
