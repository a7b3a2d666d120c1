package courier_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"leadrelay/internal/easybroker"
	"leadrelay/internal/lead"
)

// errReset is the client's error if the connection breaks after the request was
// sent.
var errReset = &easybroker.UnansweredError{Err: errors.New("reset")}

// answer is what the broker does with one POST.
type answer struct {
	err  error
	keep bool          // it keeps the request, even if err is set
	took time.Duration // until it answers
}

func taken(int, easybroker.Account) answer { return answer{keep: true, err: errReset} }

func notSent(int, easybroker.Account) answer {
	return answer{err: &easybroker.NotSentError{Err: errReset}}
}

func status(code int) error { return &easybroker.StatusError{Status: code, Reason: "no se pudo"} }

// refusesNumber returns an answer that refuses the remote_id.
func refusesNumber(code int) error {
	return &easybroker.StatusError{Status: code, NamesRemoteID: code != http.StatusConflict, Reason: "remote_id ya existe"}
}

func on(seen bool, err error) error {
	if seen {
		return err
	}
	return nil
}

// broker is EasyBroker without a network. It keeps what it gets and lists it.
type broker struct {
	mu      sync.Mutex
	kept    []kept
	calls   []time.Time // of every POST
	gets    []time.Time // of every GET
	lag     time.Duration
	listErr error
	answer  func(call int, a easybroker.Account) answer
	about   map[string]error          // its answers to leads about these properties
	tried   []string                  // the properties of all POSTs
	page    int                       // items on a page; one if zero, so that a look-up must turn pages
	ahead   time.Duration             // of its clock
	move    func([]easybroker.Listed) // changes a list before it is cut into pages

	listTook time.Duration // until it answers with a page
	refuse   func(easybroker.Query) error
	turn     func(easybroker.Query, *easybroker.Page)
}

type kept struct {
	easybroker.ContactRequest
	at  time.Time
	key string
}

func (b *broker) Create(ctx context.Context, a easybroker.Account, cr easybroker.ContactRequest) (easybroker.Receipt, error) {
	b.mu.Lock()
	b.calls = append(b.calls, time.Now())
	how := answer{keep: true}
	if b.answer != nil {
		how = b.answer(len(b.calls), a)
	}
	b.tried = append(b.tried, cr.PropertyID)
	if err := b.about[cr.PropertyID]; err != nil {
		how = answer{err: err}
	}
	if how.keep {
		b.kept = append(b.kept, kept{cr, time.Now(), a.Key.Reveal()})
	}
	b.mu.Unlock()
	if how.took > 0 { // a timer that is due at once has crashed Go's runtime in a bubble under the race detector
		select {
		case <-time.After(how.took):
		case <-ctx.Done():
			return easybroker.Receipt{}, &easybroker.UnansweredError{Err: ctx.Err()}
		}
	}
	return easybroker.Receipt{Status: 200}, how.err
}

func (b *broker) List(ctx context.Context, _ easybroker.Account, q easybroker.Query) (easybroker.Page, error) {
	page, took, err := b.list(q)
	if took > 0 { // as for a post
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return easybroker.Page{}, &easybroker.UnansweredError{Err: ctx.Err()}
		}
	}
	return page, err
}

func (b *broker) list(q easybroker.Query) (page easybroker.Page, took time.Duration, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gets = append(b.gets, time.Now())
	if b.listErr != nil {
		return easybroker.Page{}, b.listTook, b.listErr
	}
	if b.refuse != nil {
		if err = b.refuse(q); err != nil {
			return easybroker.Page{}, b.listTook, err
		}
	}
	var all []easybroker.Listed
	for _, k := range b.kept {
		at := k.at.Add(b.ahead)
		if k.at.Add(b.lag).After(time.Now()) || at.Before(q.After) || !q.Before.IsZero() && at.After(q.Before) || q.PropertyID != "" && k.PropertyID != q.PropertyID {
			continue
		}
		all = append(all, easybroker.Listed{
			RemoteID: k.RemoteID, PropertyID: k.PropertyID, Name: k.Name, Email: k.Email, Phone: k.Phone,
			Message: k.Message, HappenedAt: at,
		})
	}
	slices.Reverse(all) // newest first
	if b.move != nil {
		b.move(all)
	}
	size := min(max(b.page, 1), q.Limit)
	start := min((q.Page-1)*size, len(all))
	end := min(start+size, len(all))
	page = easybroker.Page{Content: all[start:end], Total: len(all), More: end < len(all), Date: time.Now().Add(b.ahead)}
	if b.turn != nil {
		b.turn(q, &page)
	}
	return page, b.listTook, nil
}

// now changes how the broker behaves.
func (b *broker) now(change func(*broker)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(b)
}

func (b *broker) timesKept(id lead.RemoteID) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, k := range b.kept {
		if k.RemoteID == int64(id) {
			n++
		}
	}
	return n
}

// all returns what it has kept.
func (b *broker) all() []kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.kept)
}

func (b *broker) posts() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.calls...)
}

func (b *broker) reads() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.gets)
}

// properties returns the properties of all POSTs.
func (b *broker) properties() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.tried)
}

// crowd adds n contact requests of other people for the same property.
func (b *broker) crowd(n int) {
	b.now(func(b *broker) {
		for i := range n {
			b.kept = append(b.kept, kept{easybroker.ContactRequest{RemoteID: int64(i + 1), PropertyID: "EB-XX1234"}, time.Now(), "k"})
		}
	})
}

// others adds n inquiries of other people, one in ten minutes until the end.
func (b *broker) others(n int, end time.Time) {
	for i := range n {
		b.kept = append(b.kept, kept{
			easybroker.ContactRequest{PropertyID: "EB-ZZ0001", Email: "otra@ejemplo.mx", Message: "Hola", RemoteID: int64(i + 1)},
			end.Add(-time.Duration(n-i) * 10 * time.Minute), "k",
		})
	}
}

// huge turns every list into one that never ends, whatever its window.
func huge(q easybroker.Query, p *easybroker.Page) {
	*p = easybroker.Page{Total: 1e6, More: true, Content: []easybroker.Listed{{RemoteID: int64(q.Page), HappenedAt: q.After.Add(time.Second)}}}
}

// padded fills every list with sixty pages of somebody else's long texts.
func padded(q easybroker.Query, p *easybroker.Page) {
	const pages, each, long = 60, 50, 10_000
	p.Total += pages * each
	p.More = q.Page < pages
	for i := range each {
		p.Content = append(p.Content, easybroker.Listed{
			RemoteID: int64(q.Page*each + i), PropertyID: "EB-XX1234", Message: strings.Repeat("x", long), HappenedAt: q.After.Add(time.Hour),
		})
	}
}
