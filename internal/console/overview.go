package console

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/web"
)

// showOverview shows the operator within seconds whether all is well.
func (p *Pages) showOverview(w http.ResponseWriter, r *http.Request) error {
	const newest, mostTrouble = 8, 12
	t := wordsFor(r)
	page := web.OverviewPage{Frame: p.liveFrame(r, "/")}
	ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
	defer cancel()
	n, err := p.store.Overview(ctx, t.now, nil)
	if err != nil {
		return storeProblem(ctx, err)
	}
	page.Numbers, page.Trouble = t.numbers(n, p.counts.of(ctx, "", lead.Queued, lead.Sending).Oldest), p.trouble(ctx, t)
	if n := len(page.Trouble) - mostTrouble; n > 0 {
		page.Trouble, page.MoreTrouble = page.Trouble[:mostTrouble], n
	}
	if page.Charts, err = chartsOf(ctx, p.store, "/", r.URL.Query().Get("span"), "", t.lang, t.now); err != nil {
		return storeProblem(ctx, err)
	}
	leads, _, free, err := p.find(ctx, lead.Filter{Limit: newest})
	if err != nil {
		return err
	}
	defer free()
	page.Rows = t.rows(leads)
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderOverview(b, page) })
}

// numbers returns the five numbers. oldest is when the oldest lead on the way came.
func (w words) numbers(n lead.Now, oldest time.Time) []web.Number {
	number := func(key string, value int, url string) web.Number {
		return web.Number{Label: w.text("number." + key), Value: strconv.Itoa(value), URL: url}
	}
	way := number("on_the_way", n.OnTheWay, "/leads?state=queued")
	if n.OnTheWay > 0 && !oldest.IsZero() {
		way.Note = w.text("number.oldest", w.since(oldest))
	}
	today := "/leads?after=" + w.now.Format(time.DateOnly)
	return []web.Number{
		number("received", n.ReceivedToday, today), number("confirmed", n.ConfirmedToday, today+"&state=confirmed"),
		way, number("in_doubt", n.InDoubt, "/leads?state=doubtful"), number("waiting", n.WaitingForYou, "/leads?state=failed"),
	}
}
