// Package easybroker speaks to EasyBroker over HTTP; it knows EasyBroker's
// words and nothing of leads, stores or retries.
//
// One call is one request: nothing is sent twice, no redirect is followed and
// no cookie is kept. An error says how sure the caller may be: [NotSentError]
// (surely not taken), [UnansweredError] and [UnreadableError] (perhaps taken)
// or [StatusError] (EasyBroker's own word). No error's text holds the key, a
// visitor's data or an address with its query.
//
// Facts about EasyBroker carry their source: page (the page "Contact Request"
// of dev.easybroker.com), ref (a mirror of their reference), gem (their Ruby
// gem 1.1.1), rec (recorded exchanges with staging), byg and inova (two
// integrations in production).
package easybroker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"time"
)

const (
	defaultTimeout = 15 * time.Second
	// answerCap bounds the answer to a POST, and any refusal.
	answerCap = 64 << 10
	// listCap bounds a list. Fifty messages of 4,000 characters do not fit
	// into 64 KiB, and a list that cannot be read leaves every doubt open.
	listCap = 4 << 20
)

// Options are the tunables of a [Client]; the zero value works.
type Options struct {
	Timeout   time.Duration     // one whole call, from dial to the end of the answer; 15 s when zero
	UserAgent string            // "leadrelay" when empty
	Transport http.RoundTripper // for tests; with it no failed call counts as surely not sent

	// Dial is for tests, too: a wire in place of the network. The client still
	// counts what leaves on it. Nil: the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client calls EasyBroker. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
	watched   bool // the transport's connections are our own and count their writes
	timeout   time.Duration
	userAgent string
}

// New returns a client. It dials nothing until it is used.
func New(opt Options) *Client { return newClient(opt, &dialer{via: opt.Dial}) }

func newClient(opt Options, d *dialer) *Client {
	c := &Client{transport: opt.Transport, timeout: opt.Timeout, userAgent: opt.UserAgent}
	if c.timeout <= 0 {
		c.timeout = defaultTimeout
	}
	if c.userAgent == "" {
		c.userAgent = "leadrelay"
	}
	if c.transport == nil {
		c.transport, c.watched = d.transport(c.timeout), true
	}
	return c
}

// CloseIdle closes the connections that are kept for the next call.
func (c *Client) CloseIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// request is one call as it will go out.
type request struct {
	method string
	query  string
	body   []byte
	cap    int64 // of the answer's body, when the status is a good one
	// take reads such a body as it comes, in place of the answer's own; the error
	// says what is wrong with it, and quotes nothing.
	take func(body io.Reader) error
}

// answer is what came back. A body that could not be read whole leaves flaw.
type answer struct {
	status    int
	header    http.Header
	requestID string
	body      []byte
	flaw      string
}

// do makes the call. It uses the transport itself rather than an
// [http.Client], which would follow redirects, keep cookies, and put the
// address into its errors.
func (c *Client) do(ctx context.Context, a Account, r request) (answer, error) {
	if err := a.Check(); err != nil {
		return answer{}, &NotSentError{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var w witness
	req, err := c.build(w.watch(ctx), a, r)
	if err != nil {
		return answer{}, &NotSentError{Err: errors.New("easybroker: the request could not be built")}
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, c.lost(&w, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp, r)
}

// build writes the request's head and body. It must never gain an
// Idempotency-Key: net/http takes that as leave to send a POST again by
// itself. GetBody stays as [http.NewRequest] sets it; without that key net/http
// uses it only when the first try wrote nothing.
//
// Headers: X-Authorization without "Bearer", Country-Code on the partners'
// paths (page, gem), and there Use-Partner-Code, which is left out unless it is
// true (gem 1.0.4).
func (c *Client) build(ctx context.Context, a Account, r request) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, a.contactRequests(), body)
	if err != nil {
		return nil, err
	}
	req.URL.RawQuery = r.query
	req.Header.Set("X-Authorization", a.Key.Reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent)
	if a.API == Partner {
		req.Header.Set("Country-Code", a.Country)
		if a.UsePartnerCode {
			req.Header.Set("Use-Partner-Code", "true")
		}
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// lost sorts a call that brought no answer: surely not sent, or unanswered.
func (c *Client) lost(w *witness, err error) error {
	given, nothing := w.nothingLeft()
	switch {
	case !c.watched || !nothing:
		return &UnansweredError{Err: cause(err)}
	case given: // a server was at the other end, so the text may be its own
		return &NotSentError{Err: cause(err)}
	}
	return &NotSentError{Err: err}
}

// read takes the answer in, as far as its cap. A status that is no final HTTP
// status is no answer.
func read(resp *http.Response, r request) (answer, error) {
	const highest = 599
	if resp.StatusCode < http.StatusOK || resp.StatusCode > highest {
		return answer{}, &UnansweredError{Err: errBroken}
	}
	got := answer{status: resp.StatusCode, header: resp.Header, requestID: requestID(resp.Header)}
	body := &capped{from: resp.Body, left: r.cap}
	take := r.take
	if resp.StatusCode >= http.StatusMultipleChoices {
		body.left, take = answerCap, nil
	}
	var err error
	if take != nil {
		err = take(body)
	} else {
		got.body, err = io.ReadAll(body)
	}
	switch {
	case body.left < 0:
		got.flaw = "the answer's body is too large"
	case body.broke:
		got.flaw = "the answer's body broke off"
	case err != nil:
		got.flaw = err.Error()
	}
	if got.flaw != "" {
		got.body = nil
	}
	return got, nil
}

// capped is a body of which no more is read than allowed.
type capped struct {
	from  io.Reader
	left  int64 // below zero: there is more
	broke bool
}

// Read implements [io.Reader].
func (c *capped) Read(p []byte) (int, error) {
	n, err := c.from.Read(p[:min(int64(len(p)), c.left+1)])
	if c.left -= int64(n); c.left < 0 {
		return 0, io.ErrShortBuffer
	}
	c.broke = c.broke || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// requestID returns EasyBroker's name for the exchange, when it is fit to be
// logged. Source: rec.
func requestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); requestIDShape.MatchString(id) {
		return id
	}
	return ""
}

var requestIDShape = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
