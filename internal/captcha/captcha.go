// Package captcha asks Turnstile, hCaptcha or reCAPTCHA whether the token that
// came with a form is good. All three speak the same protocol.
//
// It never turns anybody away: a verifier that is down, slow or confused, or a
// secret of ours that is wrong, makes the answer [Unknown], and no visitor is
// to blame for that. A token is asked about once, since it is worth nothing
// the second time. The visitor's address is not sent along: no verifier needs
// it. Few calls run at once, and nobody waits for his turn: whoever comes while
// they do is let in unasked. No error holds a token, a secret or anything that a verifier wrote.
package captcha

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"leadrelay/internal/secret"
)

// Provider is who made the captcha.
type Provider string

// The providers.
const (
	Turnstile Provider = "turnstile"
	HCaptcha  Provider = "hcaptcha"
	ReCaptcha Provider = "recaptcha" // v2 and v3
)

// Providers are all there are, in the words of the settings.
func Providers() []Provider { return []Provider{Turnstile, HCaptcha, ReCaptcha} }

// FieldName is the field that the provider's script adds to a form.
func FieldName(p Provider) string {
	switch p {
	case Turnstile:
		return "cf-turnstile-response"
	case HCaptcha:
		return "h-captcha-response"
	}
	return "g-recaptcha-response"
}

// url is where the provider verifies. Sources: their pages "Validate the
// token", "Verify the User Response Server Side", "Verifying the user's
// response".
func (p Provider) url() string {
	switch p {
	case Turnstile:
		return "https://challenges.cloudflare.com/turnstile/v0/siteverify"
	case HCaptcha:
		return "https://api.hcaptcha.com/siteverify"
	}
	return "https://www.google.com/recaptcha/api/siteverify"
}

// Answer is what is known of a token.
type Answer string

// The answers.
const (
	Passed  Answer = "passed"
	Refused Answer = "refused" // wrong, used, too old, or not there at all
	Unknown Answer = "unknown" // nobody could say; the error says why
)

const (
	defaultTimeout = 3 * time.Second
	answerCap      = 64 << 10
	// longestToken is more than any provider makes: hCaptcha's are the longest
	// at a few KiB.
	longestToken = 16 << 10
	// mostCalls is how many calls of one verifier run at once. People who fill
	// in forms need one or two; a flood of tokens would fill the memory.
	mostCalls = 32
	// mostOfAll is the same for the verifiers of all sites together.
	mostOfAll = 96
)

// Options are the tunables of a [Verifier]; the zero value works.
type Options struct {
	Timeout   time.Duration     // one whole call, from dial to the end of the answer; 3 s when zero
	URL       string            // for tests; the provider's own when empty
	Transport http.RoundTripper // for tests
}

// Verifier asks one provider on behalf of one site. It is safe for concurrent
// use.
type Verifier struct {
	provider  Provider
	secret    secret.Text
	url       string
	timeout   time.Duration
	transport http.RoundTripper
	calls     chan struct{} // holds one for each call
}

// allCalls are those of all sites: the memory is one, too.
var allCalls = make(chan struct{}, mostOfAll)

// New returns a verifier. It dials nothing until it is used.
func New(p Provider, key secret.Text, opt Options) *Verifier {
	v := &Verifier{
		provider: p, secret: key, url: opt.URL, timeout: opt.Timeout, transport: opt.Transport, calls: make(chan struct{}, mostCalls),
	}
	if v.url == "" {
		v.url = p.url()
	}
	if v.timeout <= 0 {
		v.timeout = defaultTimeout
	}
	if v.transport == nil {
		v.transport = shared()
	}
	return v
}

// shared is one for all sites, which are many, while the providers are few. A
// connection is still being made when its call has given up: it has no longer than
// a call, and counts as one. With HTTP/2 that count cannot be relied on
// (golang/go#34941), so this speaks HTTP/1.1.
var shared = sync.OnceValue(func() http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: defaultTimeout}).DialContext,
		TLSHandshakeTimeout: defaultTimeout, IdleConnTimeout: time.Minute,
		MaxConnsPerHost: mostOfAll, MaxResponseHeaderBytes: answerCap,
	}
})

// Verify asks about a token. The error is there when the answer is [Unknown],
// and only then.
func (v *Verifier) Verify(ctx context.Context, token string) (Answer, error) {
	if token = strings.TrimSpace(token); token == "" || len(token) > longestToken {
		return Refused, nil
	}
	answer, err := v.askInTurn(ctx, token)
	if err != nil {
		return Unknown, fmt.Errorf("captcha: %s: %w", v.provider, err)
	}
	return answer, nil
}

// askInTurn asks if there is a place for one more call.
func (v *Verifier) askInTurn(ctx context.Context, token string) (Answer, error) {
	for _, calls := range []chan struct{}{v.calls, allCalls} {
		select {
		case calls <- struct{}{}:
			defer func() { <-calls }()
		default:
			return "", errBusy
		}
	}
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	return v.ask(ctx, token)
}

// ask makes the call. It uses the transport itself rather than an
// [http.Client], which would follow redirects with the secret.
func (v *Verifier) ask(ctx context.Context, token string) (Answer, error) {
	req, err := v.build(ctx, token)
	if err != nil {
		return "", errUnread
	}
	resp, err := v.transport.RoundTrip(req)
	if err != nil {
		return "", cause(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// Some say 400 when the secret is wrong. The body of any other status is
	// not read: that of a 101 would not end with the context.
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerCap+1))
	switch {
	case err != nil:
		return "", cause(ctx, err)
	case len(body) > answerCap:
		return "", errors.New("its answer is too large")
	}
	return v.judge(body)
}

func (v *Verifier) build(ctx context.Context, token string) (*http.Request, error) {
	form := url.Values{"secret": {v.secret.Reveal()}, "response": {token}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "leadrelay")
	return req, nil
}

var (
	errSlow   = errors.New("it did not answer in time")
	errBusy   = errors.New("too many calls wait for their answers")
	errUnread = errors.New("it cannot be reached, or the connection broke")
)

// cause replaces the transport's error by one that quotes nobody: servers may
// send back what they were sent, and net/http puts a line that it cannot read
// into its error.
func cause(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return errSlow
	}
	return errUnread
}
