// Package easybroker calls EasyBroker over HTTP. It knows EasyBroker's words, and
// nothing about leads, stores or retries.
//
// One call is one request: nothing is sent twice, no redirect is followed and no
// cookie is kept. An error says how sure the caller may be: [NotSentError] (surely
// not taken), [UnansweredError] and [UnreadableError] (perhaps taken), or
// [StatusError] (EasyBroker's own answer). The text of no error contains the key, a
// visitor's data or an address with its query.
//
// Facts about EasyBroker name their source: page (the page "Contact Request" of
// dev.easybroker.com), ref (a mirror of their reference), gem (their Ruby gem
// 1.1.1), rec (recorded exchanges with staging), byg and inova (two integrations
// in production).
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
	// maxAnswer limits the answer to a POST, and any refusal.
	maxAnswer = 64 << 10
	// maxList limits a list. Fifty messages of 4,000 characters do not fit into 64
	// KiB, and a list that cannot be read ends no doubt.
	maxList = 4 << 20
)

// Options tune a [Client].
type Options struct {
	Timeout   time.Duration     // required: one whole call, from dial to the end of the answer
	UserAgent string            // "leadrelay" if empty
	Transport http.RoundTripper // for tests; with it no failed call counts as surely not sent

	// Dial is for tests, too. It replaces the network; the client still counts what
	// it sends. Nil means the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Client calls EasyBroker. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
	watched   bool // the transport's connections are our own, and count their writes
	timeout   time.Duration
	userAgent string
}

// New returns a client. It dials nothing until it is used. New panics if there is
// no Timeout.
func New(opt Options) *Client { return newClient(opt, &dialer{via: opt.Dial}) }

func newClient(opt Options, d *dialer) *Client {
	c := &Client{transport: opt.Transport, timeout: opt.Timeout, userAgent: opt.UserAgent}
	if c.timeout <= 0 {
		panic("easybroker: Options.Timeout is missing")
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
	max    int64 // bytes of the answer's body, if its status is a good one
	// decode reads such a body as it arrives; the answer then has none. Its error
	// says what is wrong with the body, and quotes nothing. Nil keeps the body.
	decode func(body io.Reader) error
}

// answer is what came back.
type answer struct {
	status    int
	header    http.Header
	requestID string
	body      []byte
	flaw      string // why the body could not be read in full; empty if it was
}

// do makes the call. It uses the transport itself, because an [http.Client] would
// follow redirects, keep cookies, and put the address into its errors.
func (c *Client) do(ctx context.Context, a Account, r request) (answer, error) {
	if err := a.Check(); err != nil {
		return answer{}, &NotSentError{Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var used usedConns
	req, err := c.build(used.watch(ctx), a, r)
	if err != nil {
		return answer{}, &NotSentError{Err: errors.New("easybroker: the request could not be built")}
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return answer{}, c.noAnswer(&used, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return readAnswer(resp, r)
}

// build returns the request. It must never have an Idempotency-Key, because
// net/http may then send a POST again by itself. GetBody stays as
// [http.NewRequest] sets it: without that key net/http uses it only if the first
// try wrote nothing.
//
// Headers: X-Authorization without "Bearer"; Country-Code on the partners' paths
// (page, gem); and there Use-Partner-Code, if it is true (gem 1.0.4).
func (c *Client) build(ctx context.Context, a Account, r request) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, a.ContactRequests(), body)
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

// noAnswer returns the error of a call without an answer: surely not sent, or
// unanswered.
func (c *Client) noAnswer(used *usedConns, err error) error {
	connected, nothingSent := used.shut()
	switch {
	case !c.watched || !nothingSent:
		return &UnansweredError{Err: cause(err)}
	case connected: // a server was at the other end, so the text may be its own
		return &NotSentError{Err: cause(err)}
	}
	return &NotSentError{Err: err}
}

// readAnswer reads the answer, but no more than its maximum. A status that is not
// a final HTTP status is no answer.
func readAnswer(resp *http.Response, r request) (answer, error) {
	const highest = 599
	if resp.StatusCode < http.StatusOK || resp.StatusCode > highest {
		return answer{}, &UnansweredError{Err: errBroken}
	}
	got := answer{status: resp.StatusCode, header: resp.Header, requestID: requestID(resp.Header)}
	body := &limitedBody{from: resp.Body, left: r.max}
	decode := r.decode
	if resp.StatusCode >= http.StatusMultipleChoices {
		body.left, decode = maxAnswer, nil
	}
	var err error
	if decode != nil {
		err = decode(body)
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

// limitedBody is a body of which we read no more than allowed.
type limitedBody struct {
	from  io.Reader
	left  int64 // negative if the body is larger
	broke bool
}

// Read implements [io.Reader].
func (c *limitedBody) Read(p []byte) (int, error) {
	n, err := c.from.Read(p[:min(int64(len(p)), c.left+1)])
	if c.left -= int64(n); c.left < 0 {
		return 0, io.ErrShortBuffer
	}
	c.broke = c.broke || err != nil && !errors.Is(err, io.EOF)
	return n, err
}

// requestID returns EasyBroker's id of the exchange, if it is fit for the log.
// Source: rec.
func requestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); requestIDShape.MatchString(id) {
		return id
	}
	return ""
}

var requestIDShape = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)
