package console

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/web"
)

// showOverview shows the operator within seconds whether all is well.
func (p *Pages) showOverview(w http.ResponseWriter, r *http.Request) error {
	const newest = 8
	t := wordsFor(r)
	page := web.OverviewPage{Frame: p.frame(r, "/"), Numbers: p.numbers(r.Context(), t), Trouble: p.trouble(r.Context(), t)}
	leads, _, free, err := p.find(r.Context(), lead.Filter{Limit: newest})
	if err != nil {
		return err
	}
	defer free()
	page.Rows = t.rows(leads)
	return writePage(w, r, http.StatusOK, func(b io.Writer, _ locale.Lang) error { return web.RenderOverview(b, page) })
}

// numbers returns the five numbers.
func (p *Pages) numbers(ctx context.Context, w words) []web.Number {
	number := func(key, note, url string, n int) web.Number {
		return web.Number{Label: w.text("number." + key), Value: strconv.Itoa(n), Note: note, URL: url}
	}
	way := p.counts.of(ctx, "", lead.Queued, lead.Sending)
	doubt, failed := p.counts.of(ctx, "", lead.Doubtful), p.counts.of(ctx, "", lead.Failed)
	oldest := ""
	if way.Leads > 0 {
		oldest = w.text("number.oldest", w.since(way.Oldest))
	}
	return []web.Number{
		number("on_the_way", oldest, "/leads?state=queued", way.Leads),
		number("in_doubt", "", "/leads?state=doubtful", doubt.Leads),
		number("waiting", "", "/leads?state=failed", failed.Leads),
	}
}
