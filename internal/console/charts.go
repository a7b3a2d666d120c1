package console

import (
	"context"
	"html/template"
	"slices"
	"time"

	"leadrelay/internal/lead"
	"leadrelay/internal/locale"
	"leadrelay/web"
)

// chartsOf draws what has come lately, as a part of the page at the path, in the zone of
// now. The span is one of [web.ChartSpans]; another is taken for a week. An empty site is
// all of them.
func chartsOf(ctx context.Context, s Stats, page, span, site string, lang locale.Lang, now time.Time) (template.HTML, error) {
	c := newCharts(page, span, lang, now)
	q := lead.StatsQuery{Site: site, After: c.Slots[0], Before: now.Add(time.Hour), By: lead.Day, Zone: now.Location()}
	if c.ByHour {
		q.By = lead.Hour
	}
	buckets, err := s.Stats(ctx, q)
	if err != nil {
		return "", err
	}
	fillCharts(&c, buckets)
	return web.RenderCharts(c)
}

// newCharts returns charts without counts.
func newCharts(page, span string, lang locale.Lang, now time.Time) web.Charts {
	slots := map[string]int{"24h": 24, "7d": 7, "90d": 90}
	if slots[span] == 0 {
		span = "7d"
	}
	n := slots[span]
	c := web.Charts{Lang: lang, Page: page, Span: span, ByHour: span == "24h", P50: make([]time.Duration, n), P95: make([]time.Duration, n), Apart: make([]int, n)}
	for i := range n {
		ago := n - 1 - i
		at := time.Date(now.Year(), now.Month(), now.Day()-ago, 0, 0, 0, 0, now.Location())
		if c.ByHour {
			at = now.Add(-time.Duration(ago) * time.Hour).Truncate(time.Hour)
		}
		c.Slots = append(c.Slots, at)
	}
	return c
}

// fillCharts puts the buckets into their slots. The times of several sites are put
// together.
func fillCharts(c *web.Charts, buckets []lead.Bucket) {
	took := make([]lead.Histogram, len(c.Slots))
	for _, b := range buckets {
		slot := slices.IndexFunc(c.Slots, b.At.Equal)
		if slot < 0 {
			continue
		}
		i := slices.IndexFunc(c.Sites, func(s web.ChartSite) bool { return s.ID == b.Site })
		if i < 0 {
			i = len(c.Sites)
			c.Sites = append(c.Sites, web.ChartSite{ID: b.Site, Received: make([]int, len(c.Slots))})
		}
		c.Sites[i].Received[slot] += b.Received
		c.Apart[slot] += b.Quarantined + b.Discarded
		for _, step := range b.Took {
			took[slot].Add(step.AtLeast, step.Leads)
		}
	}
	for i, h := range took {
		c.P50[i], c.P95[i] = h.Quantile(0.5), h.Quantile(0.95)
	}
}
