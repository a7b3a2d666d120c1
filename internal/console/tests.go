package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"leadrelay/internal/access"
	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
	"leadrelay/web"
)

// TestStore is the part of the store with test inquiries, which are no leads.
type TestStore interface {
	FindTest(ctx context.Context, id lead.RemoteID) (lead.Lead, error)
	Tests(ctx context.Context, sites []string, n int) ([]lead.Lead, error)
}

// Test is a test inquiry in the API, and what others were told of it.
type Test struct {
	Lead
	Told []Told `json:"told"`
}

// Told is what a channel was told of a test inquiry, or is to be told.
type Told struct {
	Kind     string             `json:"kind"` // mail or hook
	State    lead.DeliveryState `json:"state"`
	Attempts int                `json:"attempts"`
	Status   *int               `json:"status"` // what the last attempt was answered
	EndedAt  *time.Time         `json:"ended_at"`
}

func viewTest(one toldTest) Test {
	v := Test{Lead: view(one.lead), Told: make([]Told, len(one.told))}
	for i, d := range one.told {
		v.Told[i] = Told{Kind: d.Channel.Kind(), State: d.State, Attempts: d.Attempts, Status: orNull(d.Status), EndedAt: timeOrNull(d.EndedAt)}
	}
	return v
}

// toldTest is a test inquiry with what others were told of it.
type toldTest struct {
	lead lead.Lead
	told []lead.Delivery
}

// FindTest returns a test inquiry.
func (s sight) FindTest(ctx context.Context, id lead.RemoteID) (toldTest, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return toldTest{}, err
	}
	l, err := s.all.FindTest(ctx, id)
	if err == nil && !by.Sees(l.Site) {
		err = lead.ErrNotFound
	}
	if err != nil {
		return toldTest{}, err
	}
	told, err := s.all.Deliveries(ctx, id)
	return toldTest{l, told}, err
}

// Tests returns the newest test inquiries of their sites.
func (s sight) Tests(ctx context.Context, n int) ([]toldTest, error) {
	by, err := access.Check(ctx, access.See)
	if err != nil {
		return nil, err
	}
	leads, err := s.all.Tests(ctx, by.Sites, n)
	if err != nil {
		return nil, err
	}
	all := make([]toldTest, len(leads))
	for i, l := range leads {
		all[i].lead = l
		if all[i].told, err = s.all.Deliveries(ctx, l.RemoteID); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// showTest shows a test inquiry.
func (a api) showTest(w http.ResponseWriter, r *http.Request) error {
	id, err := remoteID(r)
	if err != nil {
		return err
	}
	one, err := a.store.FindTest(r.Context(), id)
	switch {
	case errors.Is(err, lead.ErrNotFound):
		return problem.New(problem.NotFound, err)
	case err != nil:
		return storeProblem(r.Context(), err)
	}
	return writeJSON(w, viewTest(one))
}

const shownTests = 50

func (a api) listTests(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	all, err := a.store.Tests(ctx, shownTests)
	if err != nil {
		return storeProblem(ctx, err)
	}
	views := make([]Test, len(all))
	for i, one := range all {
		views[i] = viewTest(one)
	}
	return writeJSON(w, map[string][]Test{"tests": views})
}

// showTests lists the test inquiries of the last day, apart from all leads.
func (p *Pages) showTests(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	all, err := p.store.Tests(ctx, shownTests)
	if err != nil {
		return storeProblem(ctx, err)
	}
	t, page := wordsFor(r), web.TestsPage{Frame: p.frame(r, "/sites")}
	for _, one := range all {
		page.Tests = append(page.Tests, t.test(one))
	}
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderTests(b, page) })
}

// test tells how far a test inquiry came.
func (w words) test(one toldTest) web.TestView {
	l := one.lead
	v := web.TestView{
		ID: int64(l.RemoteID), Site: l.Site, PropertyID: l.PropertyID,
		Story: []web.Moment{{At: w.when(l.ReceivedAt), Mark: markOK, Text: w.text("tests.kept")}},
	}
	for _, d := range one.told {
		v.Story = append(v.Story, w.delivery(d))
	}
	if len(one.told) == 0 {
		v.Story = append(v.Story, web.Moment{Text: w.text("tests.nobody")})
	}
	return v
}
