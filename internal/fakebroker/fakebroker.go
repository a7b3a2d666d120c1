// Package fakebroker is the pretend EasyBroker. It answers like EasyBroker as far as we
// know, keeps contact requests in a book, and misbehaves on request. It has a partner's
// half and an account's half, each with its own keys.
//
// The easybroker package says what we know of EasyBroker, and from where. Where we do not
// know, the pretend one has a switch: see [Faults].
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

// The types that tests and commands use most.
type (
	// Kept is one contact request in the book.
	Kept = book.Kept
	// Faults are how the pretend EasyBroker misbehaves.
	Faults = fault.Faults
	// Trouble is a fault of single calls.
	Trouble = fault.Trouble
	// Duration is a [time.Duration] with the text form "5s".
	Duration = fault.Duration
)

// Forever is an endless duration.
const Forever = fault.Forever

// Options are the options of a [Broker]. The zero value works.
type Options struct {
	// A key opens one half of the API and is refused by the other. Without any
	// key of either half, every key is a partner's.
	PartnerKeys, AccountKeys []string

	Clock  func() time.Time // time.Now if nil
	Faults Faults           // from the start
	Sample string           // URL of a page whose form ends here; optional
	Frame  string           // URL of a page to show in a frame; optional
}

// Broker is a pretend EasyBroker. It is safe for concurrent use.
type Broker struct {
	keys          map[string][]string // by half; if nil, every key is a partner's
	now           func() time.Time
	page          *template.Template
	sample, frame string

	mu            sync.Mutex
	plan          *fault.Plan
	book          *book.Book
	second        time.Time // the second that the rate limit counts in
	callsInSecond int
	changed       chan struct{} // closed and replaced at every change

	done chan struct{}
	end  sync.Once
}

// New returns a broker with an empty book. Like [Broker.Misbehave], it panics if the
// faults do not pass [Faults.Check].
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

// Handler serves the API below /v1, the page at /, and the control routes below
// /_control.
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
	// Another site's page must not set faults with the visitor's browser.
	mux.Handle("/", http.NewCrossOriginProtection().Handler(own))
	return mux
}

// Misbehave replaces the faults and restarts their counters and random numbers.
func (b *Broker) Misbehave(f Faults) {
	if err := f.Check(); err != nil {
		panic(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plan = fault.NewPlan(f)
	b.notifyChanged()
}

// next returns what happens to the next call.
func (b *Broker) next(method string) (Faults, Trouble) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f, t, last := b.plan.Next(method)
	if last {
		b.notifyChanged()
	}
	return f, t
}

// Faults returns the current faults. A trouble that is set for the next few calls shows
// how many are left.
func (b *Broker) Faults() Faults {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.plan.Faults()
}

// Book returns everything that was kept, in the order of arrival. Swallowed contact
// requests are marked.
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
	b.notifyChanged()
}

// notifyChanged wakes the pages that watch. The caller must hold the lock.
func (b *Broker) notifyChanged() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Close ends every call that hangs and every page that watches, so that a server can shut
// down. The broker still answers.
func (b *Broker) Close() { b.end.Do(func() { close(b.done) }) }

// Start serves on a free port of this machine. It returns the root of the API and a
// function that closes the server with all its connections.
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

// keyFits reports whether the key opens that half.
func (b *Broker) keyFits(half, key string) bool {
	if b.keys == nil {
		return key != "" && half == book.Partner
	}
	return key != "" && slices.Contains(b.keys[half], key)
}
