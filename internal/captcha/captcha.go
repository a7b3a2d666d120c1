// Package captcha asks Turnstile, hCaptcha or reCAPTCHA whether the token that
// came with a form is good. All three speak the same protocol.
//
// It never turns a visitor away because of a fault that is not the visitor's. If a
// verifier is down, slow or confused, or our secret is wrong, the answer is [Unknown].
// Each token is verified once, because it is worth nothing the second time. The
// visitor's address is not sent along, because no verifier needs it. Few calls run at
// once, and none waits for another: while there are too many, the answer is Unknown at
// once. No error holds a token, a secret or anything that a verifier wrote.
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

// Provider is the provider of a captcha.
type Provider string

// The providers.
const (
	Turnstile Provider = "turnstile"
	HCaptcha  Provider = "hcaptcha"
	ReCaptcha Provider = "recaptcha" // v2 and v3
)

// Providers returns all providers, as the settings name them.
func Providers() []Provider { return []Provider{Turnstile, HCaptcha, ReCaptcha} }

// FieldName returns the field that the provider's script adds to a form.
func FieldName(p Provider) string {
	switch p {
	case Turnstile:
		return "cf-turnstile-response"
	case HCaptcha:
		return "h-captcha-response"
	}
	return "g-recaptcha-response"
}

// url returns the address of the provider's verifier. The sources are their pages
// "Validate the token", "Verify the User Response Server Side" and "Verifying the user's
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

// Answer is what is known about a token.
type Answer string

// The answers.
const (
	Passed  Answer = "passed"
	Refused Answer = "refused" // wrong, used, too old or missing
	Unknown Answer = "unknown" // it could not be verified; the error tells why
)

const (
	defaultTimeout = 3 * time.Second
	maxAnswer      = 64 << 10
	// maxToken is longer than any provider's tokens. The longest are hCaptcha's, with a
	// few KiB.
	maxToken = 16 << 10
	// maxCalls is how many calls of one verifier run at once. People who fill in forms
	// need one or two. A flood of tokens would fill the memory.
	maxCalls = 32
	// maxTotalCalls is the same for the verifiers of all sites together.
	maxTotalCalls = 96
)

// Options are the tunables of a [Verifier]; the zero value works.
type Options struct {
	Timeout   time.Duration     // of a whole call, from dial to the end of the answer; 3 s if zero
	URL       string            // for tests; the provider's own if empty
	Transport http.RoundTripper // for tests
}

// Verifier verifies the tokens of one site. It is safe for concurrent use.
type Verifier struct {
	provider  Provider
	secret    secret.Text
	url       string
	timeout   time.Duration
	transport http.RoundTripper
	calls     chan struct{} // holds an element for each call
}

// allCalls are the calls of all sites, which share the memory.
var allCalls = make(chan struct{}, maxTotalCalls)

// New returns a verifier. It does not connect until it is used.
func New(p Provider, key secret.Text, opt Options) *Verifier {
	v := &Verifier{
		provider: p, secret: key, url: opt.URL, timeout: opt.Timeout, transport: opt.Transport, calls: make(chan struct{}, maxCalls),
	}
	if v.url == "" {
		v.url = p.url()
	}
	if v.timeout <= 0 {
		v.timeout = defaultTimeout
	}
	if v.transport == nil {
		v.transport = sharedTransport()
	}
	return v
}

// sharedTransport returns the transport of all sites: sites are many and providers
// few. A connection may still be in the making when its call has given up. It has no
// longer than a call, and counts as one. With HTTP/2 that count is not reliable
// (golang/go#34941), so this transport speaks HTTP/1.1.
var sharedTransport = sync.OnceValue(func() http.RoundTripper {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: defaultTimeout}).DialContext,
		TLSHandshakeTimeout: defaultTimeout, IdleConnTimeout: time.Minute,
		MaxConnsPerHost: maxTotalCalls, MaxResponseHeaderBytes: maxAnswer,
	}
})

// Verify verifies a token. There is an error if and only if the answer is [Unknown].
func (v *Verifier) Verify(ctx context.Context, token string) (Answer, error) {
	if token = strings.TrimSpace(token); token == "" || len(token) > maxToken {
		return Refused, nil
	}
	answer, err := v.callIfFree(ctx, token)
	if err != nil {
		return Unknown, fmt.Errorf("captcha: %s: %w", v.provider, err)
	}
	return answer, nil
}

// callIfFree calls the provider unless too many calls are running.
func (v *Verifier) callIfFree(ctx context.Context, token string) (Answer, error) {
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
	return v.call(ctx, token)
}

// call calls the provider. It uses the transport itself rather than an [http.Client],
// which would follow redirects with the secret.
func (v *Verifier) call(ctx context.Context, token string) (Answer, error) {
	req, err := v.newRequest(ctx, token)
	if err != nil {
		return "", errUnread
	}
	resp, err := v.transport.RoundTrip(req)
	if err != nil {
		return "", quiet(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }()
	// Some providers answer 400 if the secret is wrong. The body of any other status is
	// not read, because that of a 101 would not end with the context.
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusBadRequest {
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return "", quiet(ctx, err)
	case len(body) > maxAnswer:
		return "", errors.New("its answer is too large")
	}
	return v.judge(body)
}

func (v *Verifier) newRequest(ctx context.Context, token string) (*http.Request, error) {
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

// quiet replaces the transport's error by one that quotes nothing. Servers may send back
// what they were sent, and net/http quotes a line that it cannot parse.
func quiet(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Canceled
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return errSlow
	}
	return errUnread
}
