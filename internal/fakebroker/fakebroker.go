// Package fakebroker is the pretend EasyBroker: it answers as EasyBroker does
// as far as that is known, keeps what it takes, and misbehaves when told. It
// is one partner and one account, each with keys and a book of its own.
//
// What is known of EasyBroker, and from where, stands in the easybroker
// package. Where nothing is known the pretend one has a switch; see [Faults].
package fakebroker

import (
	"context"
	"errors"
	"html/template"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"leadrelay/internal/fakebroker/book"
	"leadrelay/internal/fakebroker/fault"
	"leadrelay/web"
)

// The words that tests and commands need at hand.
type (
	// Kept is one contact request in the book.
	Kept = book.Kept
	// Faults say how the pretend EasyBroker misbehaves.
	Faults = fault.Faults
	// Trouble is what befalls single calls.
	Trouble = fault.Trouble
	// Duration is a [time.Duration] that reads and writes itself as "5s".
	Duration = fault.Duration
)

// Forever is a duration that never ends.
const Forever = fault.Forever

// Options are the tunables of a [Broker]; the zero value works.
type Options struct {
	// A key opens one half of the API and is refused by the other. Without any
	// key of either half, every key is a partner's.
	PartnerKeys, AccountKeys []string

	Clock  func() time.Time // what time it is; time.Now when nil
	Faults Faults           // how it misbehaves from the start
	Sample string           // address of a page whose form ends here; optional
	Frame  string           // address of a page to show on its own; optional
}

// Broker is a pretend EasyBroker. It is safe for concurrent use.
type Broker struct {
	keys          map[string][]string // by half; nil: every key is a partner's
	now           func() time.Time
	page          *template.Template
	sample, frame string

	mu      sync.Mutex
	plan    *fault.Plan
	book    *book.Book
	second  time.Time // the second that the rate limit counts in
	inIt    int
	changed chan struct{} // closed and replaced at every change

	done chan struct{}
	end  sync.Once
}

// New returns a broker with an empty book. Like [Broker.Misbehave] it panics
// when the faults do not pass [Faults.Check].
func New(opt Options) *Broker {
	b := &Broker{
		now: opt.Clock, book: book.New(), sample: opt.Sample, frame: opt.Frame,
		page:    template.Must(template.ParseFS(web.Files, "fakebroker/page.html")),
		changed: make(chan struct{}), done: make(chan struct{}),
	}
	if len(opt.PartnerKeys)+len(opt.AccountKeys) > 0 {
		b.keys = map[string][]string{book.Partner: opt.PartnerKeys, book.Account: opt.AccountKeys}
	}
	if b.now == nil {
		b.now = time.Now
	}
	b.Misbehave(opt.Faults)
	return b
}

// Handler serves the API under /v1, the page at /, and the control addresses
// under /_control.
func (b *Broker) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/v1/integration_partners/contact_requests", b.api(book.Partner))
	mux.Handle("/v1/contact_requests", b.api(book.Account))
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, _ *http.Request) {
		failure(http.StatusNotFound, "Not found").write(w)
	})
	own := http.NewServeMux()
	b.controlRoutes(own)
	b.pageRoutes(own)
	// A stranger's page must not switch faults through the visitor's browser.
	mux.Handle("/", http.NewCrossOriginProtection().Handler(own))
	return mux
}

// Misbehave replaces the faults, and starts their counters and dice anew.
func (b *Broker) Misbehave(f Faults) {
	if err := f.Check(); err != nil {
		panic(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plan = fault.NewPlan(f)
	b.announce()
}

// next asks the plan what happens to a call.
func (b *Broker) next(method string) (Faults, Trouble) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, t, last := b.plan.Next(method)
	if last {
		b.announce()
	}
	return f, t
}

// Faults returns what is still on: a trouble that was set for the next few
// calls shows how many are left.
func (b *Broker) Faults() Faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.plan.Faults()
}

// Book returns everything kept, in the order of arrival. Swallowed contact
// requests are in it and marked.
func (b *Broker) Book() []Kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.book.All()
}

// Forget empties the book.
func (b *Broker) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.book = book.New()
	b.announce()
}

// announce wakes everybody who watches. The caller holds the lock.
func (b *Broker) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Close ends every call that hangs and every page that watches, so that a
// server can shut down. The broker goes on answering.
func (b *Broker) Close() { b.end.Do(func() { close(b.done) }) }

// Start serves on a free port of this machine. It returns the root of the API
// and a function that ends the server with all its connections.
func (b *Broker) Start() (url string, stop func(), err error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	const slow = 10 * time.Second
	server := &http.Server{Handler: b.Handler(), ReadHeaderTimeout: slow}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	return "http://" + ln.Addr().String() + "/v1", func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}, nil
}

// knows reports whether the key opens that half.
func (b *Broker) knows(half, key string) bool {
	if b.keys == nil {
		return key != "" && half == book.Partner
	}
	return key != "" && slices.Contains(b.keys[half], key)
}
